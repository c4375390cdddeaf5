"""The harnesses that can be plugged in. Help, errors and tests derive from this list."""

from clankers.harnesses.base import Harness
from clankers.harnesses.claude_code import ClaudeCode
from clankers.harnesses.opencode import OpenCode

HARNESSES: dict[str, Harness] = {harness.name: harness for harness in (ClaudeCode(), OpenCode())}
