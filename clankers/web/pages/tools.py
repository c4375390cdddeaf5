"""The tools: how often each was called, how often it failed, how long it took."""

from dataclasses import dataclass

from clankers.queries.usage import Group, count
from clankers.web.page import Asked, Page


@dataclass
class ToolsData:
    """The tools, the most called first, and all of them together; as `stats --by tool` has them."""

    tools: list[Group]
    total: Group


def find(asked: Asked) -> ToolsData:
    """The tools that were called in what the filters select."""
    groups, total = count(asked.db, "tool", asked.filters)
    return ToolsData(sorted(groups, key=lambda one: (-one.tools, one.key or "")), total)


PAGE = Page("/tools", "tools.html", find, "Tools", filtered=True)
