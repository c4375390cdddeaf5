"""The role of a message whose client reports none, by how its text reads."""

import re

_ASSISTANT = re.compile(
    r"^(I'll|Let me|Here's|I can|I've|I'm going to|I will|Sure|Certainly|Of course)"
    r"|^(Yes|No),?\s+(I|you|we|this|that)"
    r"|```[\s\S]+```"
    r"|\*\*[^*]+\*\*"
    r"|^\d+\.\s+\*\*",
    re.IGNORECASE,
)
_USER = re.compile(
    r"\?\Z"
    r"|^(create|fix|add|update|show|make|build|implement|write|delete|remove|change|modify|help|can you|please|I want"
    r"|I need)"
    r"|^@",
    re.IGNORECASE,
)
_LONG = 500  # characters; people write less


def infer_role(text: str) -> str:
    """`assistant` or `user`. What reads like an answer is one, whatever else it reads like."""
    if _ASSISTANT.search(text):
        return "assistant"
    return "user" if _USER.search(text) or len(text) <= _LONG else "assistant"
