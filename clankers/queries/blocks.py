"""Usage in the 5-hour blocks in which some plans count it, with the burn rate of the one that is open.

A block begins with the full hour (UTC) of the first response after the block before, and ends 5 hours later.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from clankers import harnesses
from clankers.queries.dialect import JOIN_IN_THIS_ORDER, Database
from clankers.queries.filters import Filters
from clankers.queries.usage import PART, TOKENS, Group
from projector.derived.buckets import token_weight

BLOCK = 18_000_000  # milliseconds
_HOUR = 3_600_000
_MINUTE = 60_000

_IS_USED = f"{token_weight('m')} > 0"
_MESSAGES = f"""
SELECT m.created_at, m.session_id, a.subagent, {_IS_USED}, {{counted}},
  CASE WHEN a.subagent = 0 AND m.role = 'user' AND m.synthetic = 0 AND m.deleted_at IS NULL THEN 1 ELSE 0 END,
  {", ".join(f"coalesce(m.{kind}, 0)" for kind in TOKENS)},
  {PART}, CASE WHEN a.cost_rate = 1 THEN 0 ELSE coalesce({PART}, 0) END,
  CASE WHEN a.cost_rate IS NULL AND {_IS_USED} THEN 1 ELSE 0 END
FROM sessions AS s {JOIN_IN_THIS_ORDER} activity AS a ON a.session_id = s.id
  {JOIN_IN_THIS_ORDER} messages AS m ON m.session_id = s.id
WHERE a.position = 0 AND m.copied = 0 AND m.created_at IS NOT NULL AND {{of_plan}} ORDER BY m.created_at, m.id
"""

_TIMES = f"""
SELECT m.created_at FROM sessions AS s {JOIN_IN_THIS_ORDER} messages AS m ON m.session_id = s.id
WHERE s.updated_at >= :f_since AND {{of_plan}} AND m.copied = 0 AND {_IS_USED} ORDER BY m.created_at
"""
_RECENT = 2 * 86_400_000  # milliseconds in which a pause of 5 hours is looked for


@dataclass
class UsageBlock(Group):
    """What was used in a block. Tool calls are not counted.

    Attributes:
        key: when it begins, RFC 3339.
        begin: the same in epoch milliseconds.
        end: 5 hours later.
        first_at: when the first response was made, epoch milliseconds.
        last_at: when the last one was.
        is_open: it has not ended.
        tokens_per_minute: from the first to the last response; None for a block that has ended, or has one response.
        cost_per_hour: the same of the cost; None also if that is not known.
        projected_tokens: at its end, if it goes on at this rate from now on.
        projected_cost: the same of the cost.
        limit_left: of the limit, if there is one: tokens or US dollars; less than 0 where more was used.
    """

    begin: int = 0
    end: int = 0
    first_at: int = 0
    last_at: int = 0
    is_open: bool = False
    tokens_per_minute: float | None = None
    cost_per_hour: float | None = None
    projected_tokens: int | None = None
    projected_cost: float | None = None
    limit_left: float | None = None


class Limit(NamedTuple):
    """What may be used in a block: tokens, or US dollars."""

    amount: float
    in_dollars: bool

    def left(self, block: Group) -> float:
        """What `block` leaves of it."""
        return self.amount - ((block.cost or 0.0) if self.in_dollars else block.tokens)


def count_blocks(db: Database, chosen: Filters, now: int, limit: Limit | None = None) -> tuple[list[UsageBlock], Group]:
    """The blocks with a message that `chosen` selects, the first first, and the total of all.

    All messages of a plan make its blocks, and count for rates and the limit, whichever of them are selected. Without a
    source in `chosen`, the harnesses are those whose plans count in blocks.

    Args:
        db: the database.
        chosen: which messages to count.
        now: epoch milliseconds.
        limit: of each block.
    """
    plan = Filters(chosen.sources or harnesses.COUNTED_IN_BLOCKS)
    chosen = replace(chosen, sources=plan.sources)
    conditions = {"counted": chosen.rows("m.created_at", "m.model"), "of_plan": plan.rows("m.created_at", "m.model")}
    messages = db.execute(_MESSAGES.format(**conditions), chosen.values).fetchall()
    blocks = _blocks(at for at, _, _, is_used, *_ in messages if is_used)
    begins = [block.begin for block in blocks]
    seen: list[dict[str, bool]] = [{} for _ in blocks]
    others = [Group(None) for _ in blocks]  # what is not selected, but counts in the plan
    for at, session, is_subagent, _, is_chosen, *measures in messages:
        number = bisect_right(begins, at) - 1
        if number < 0 or at >= blocks[number].end:
            number += 1  # a prompt belongs to the block that its response begins
        if number == len(blocks) or blocks[number].first_at - at >= BLOCK:
            continue  # it has no response
        if is_chosen:
            _add(blocks[number], *measures)
            seen[number][session] = bool(is_subagent)
        else:
            _add(others[number], *measures)
    total = Group(None)
    for block, sessions, whole in zip(blocks, seen, others, strict=True):
        total.add(block)
        whole.add(block)
        block.sessions, block.subagents = _numbers(sessions)
        block.limit_left = limit.left(whole) if limit else None
        if block.begin <= now < block.end:
            _project(block, whole, now)
    total.sessions, total.subagents = _numbers({id: is_subagent for one in seen for id, is_subagent in one.items()})
    return [block for block in blocks if block.messages], total


def open_block_end(db: Database, now: int) -> int | None:
    """When the block ends that is open now, both in epoch milliseconds; None: none is open."""
    for since in (now - _RECENT, 0):  # only what comes after a pause of 5 hours can be read alone
        plan = Filters(harnesses.COUNTED_IN_BLOCKS, since=since)
        times = [at for (at,) in db.execute(_TIMES.format(of_plan=plan.rows("m.created_at", "m.model")), plan.values)]
        pauses = [i for i in range(1, len(times)) if times[i] - times[i - 1] >= BLOCK]
        if not times or pauses or not since:
            blocks = _blocks(times[pauses[-1] if pauses else 0 :])
            return blocks[-1].end if blocks and blocks[-1].end > now else None
    return None


def _numbers(sessions: dict[str, bool]) -> tuple[int, int]:
    """How many sessions a person started, and how many are subagents."""
    subagents = sum(sessions.values())
    return len(sessions) - subagents, subagents


def _add(
    block: Group,
    turns: int,
    prompt: int,
    completion: int,
    reasoning: int,
    read: int,
    write: int,
    cost: float | None,
    split: float,
    unpriced: int,
) -> None:
    """Add a message. Not by `Group.add`: there may be a million."""
    block.messages += 1
    block.turns += turns
    block.prompt_tokens += prompt
    block.completion_tokens += completion
    block.reasoning_tokens += reasoning
    block.cache_read_tokens += read
    block.cache_write_tokens += write
    if cost is not None:
        block.cost = (block.cost or 0.0) + cost
    block.cost_split += split
    block.unpriced_messages += unpriced


def _blocks(times: Iterable[int]) -> list[UsageBlock]:
    """The blocks of responses that were made at these times, in their order."""
    found: list[UsageBlock] = []
    for at in times:
        if not found or at >= found[-1].end:
            begin = at // _HOUR * _HOUR
            key = datetime.fromtimestamp(begin / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            found.append(UsageBlock(key, begin=begin, end=begin + BLOCK, first_at=at))
        found[-1].last_at = at
    return found


def _project(block: UsageBlock, whole: Group, now: int) -> None:
    """Fill in the rates of an open block, in which `whole` is used, and where they lead."""
    block.is_open = True
    took, left = block.last_at - block.first_at, block.end - now
    if not took:
        return
    block.tokens_per_minute = whole.tokens * _MINUTE / took
    block.projected_tokens = round(whole.tokens * (1 + left / took))
    if whole.cost is not None:
        block.cost_per_hour = whole.cost * _HOUR / took
        block.projected_cost = whole.cost * (1 + left / took)
