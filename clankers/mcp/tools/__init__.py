"""The tools, one file each: what it takes, what it answers, and how."""

from clankers.mcp.tool import Tool
from clankers.mcp.tools import failures, files, list_sessions, query, read_session, read_tool_call, search, usage

TOOLS: tuple[Tool, ...] = (
    search.TOOL,
    list_sessions.TOOL,
    read_session.TOOL,
    read_tool_call.TOOL,
    usage.TOOL,
    failures.TOOL,
    files.TOOL,
)
SQL = query.TOOL  # only where it is allowed
