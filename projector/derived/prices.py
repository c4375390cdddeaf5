"""The cost of messages whose client reports none, from the price table of the library genai-prices.

The library brings its table along and needs no network. It is slow to import, so it is imported only for a model that
is new to the database; the table `prices` keeps its answers. All of `prices` comes from the version noted in `meta`. If
another version is installed, every message is priced again.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw
import msgspec

from projector.derived.price_table import VERSION_KEY, installed, stored
from projector.derived.session_totals import refresh_sessions
from projector.model.changes import MessageSeen

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

# Values of `cost_source`.
CLIENT = "client"  # reported by the client
PRICES = "prices"  # computed from the table
UNKNOWN = "unknown"  # the table does not know the model, and cost is NULL

# The factor by which Anthropic's prices are higher for `inference_geo: us`, but for web searches. Measured on the bill
# of Claude Code 2.1.329 for each of its models. The library does not have it.
_US = Decimal("1.1")
_BEDROCK = re.compile(r"(?:arn:aws:bedrock:|(?:[a-z-]+\.)?anthropic\.)")
_CHUNK = 10_000  # messages in memory while all are priced again
_COLUMNS = """id, session_id, source, model, provider, prompt_tokens, completion_tokens, cache_read_tokens,
cache_write_tokens, cache_write_1h_tokens, web_searches, price_context, created_at, reasoning_tokens,
reasoning_apart"""

_Key = tuple[str, str, str]  # provider, model, price context


class Rates(NamedTuple):
    """A row of `prices` without its key: US dollars per million tokens, and per web search. None is unknown.

    Attributes:
        since: epoch milliseconds from which the rates apply.
        above: they apply to all tokens of a request with more input tokens than this, including the cache's.
    """

    since: int = 0
    above: int = 0
    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None
    web_search: float | None = None


class Prices:
    """The prices of one database, to be used within one transaction of it."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._known: dict[_Key, list[Rates]] = {}

    def fill_in(self, messages: Iterable[MessageSeen]) -> None:
        """Set `cost` and `cost_source` of `messages`. A cost that is set already was reported by the client."""
        unpriced = []
        for message in messages:
            message.cost_source = None if message.cost is None else CLIENT
            if message.cost is None and _spent(message):
                unpriced.append(message)
        if unpriced:
            self._load({key for message in unpriced if (key := _key(message))})
            for message in unpriced:
                key = _key(message)
                message.cost = _cost(message, self._known[key]) if key else None
                message.cost_source = UNKNOWN if message.cost is None else PRICES

    def _load(self, keys: set[_Key]) -> None:
        """Load the rates of `keys`, from the library if the database does not have them."""
        for key in keys:
            found = self._db.execute(
                "SELECT since, above, input, output, cache_read, cache_write, cache_write_1h, web_search FROM prices "
                "WHERE (provider, model, context) = (?, ?, ?) ORDER BY since, above",
                key,
            )
            self._known[key] = [Rates(*row) for row in found]
        new = sorted(key for key in keys if not self._known[key])
        if new and stored(self._db) != (now := installed()):
            _reprice_all(self._db, now)
            self._load(keys)
            return
        for key in new:
            self._known[key] = rates = look_up(*key)
            self._db.executemany(
                "INSERT INTO prices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [key + tuple(one) for one in rates]
            )


def reprice(db: apsw.Connection) -> None:
    """Price every message of `db` again, in one transaction, if it was priced with another table than is installed."""
    if stored(db) in (None, now := installed()):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        _reprice_all(db, now)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _reprice_all(db: apsw.Connection, version: str) -> None:
    db.execute("DELETE FROM prices")
    db.execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2", (VERSION_KEY, version))
    prices, sessions, last = Prices(db), set(), 0
    while True:
        chunk: list[Any] = db.execute(
            f"SELECT rowid, cost, cost_source, {_COLUMNS} FROM messages "
            f"WHERE rowid > ? AND cost_source IN ('{PRICES}', '{UNKNOWN}') ORDER BY rowid LIMIT {_CHUNK}",
            (last,),
        ).fetchall()
        if not chunk:
            break
        last = chunk[-1][0]
        messages = [_message(*columns) for _, _, _, *columns in chunk]
        prices.fill_in(messages)
        changed = [
            (m.cost, m.cost_source, m.id, m.session_id)
            for m, (_, *before, _id) in zip(messages, (row[:4] for row in chunk), strict=True)
            if [m.cost, m.cost_source] != before
        ]
        db.executemany("UPDATE messages SET cost = ?, cost_source = ? WHERE id = ?", [row[:3] for row in changed])
        sessions |= {session for *_, session in changed}
    refresh_sessions(db, sorted(sessions))


def _message(*columns: Any) -> MessageSeen:
    names = [name.strip() for name in _COLUMNS.split(",")]
    return MessageSeen(**dict(zip(names, columns, strict=True)))


def _spent(message: MessageSeen) -> bool:
    return bool(
        message.prompt_tokens
        or message.completion_tokens
        or message.cache_read_tokens
        or message.cache_write_tokens
        or message.web_searches
    )


def _key(message: MessageSeen) -> _Key | None:
    if message.model is None:
        return None
    return message.provider or "", message.model, message.price_context or ""


def _cost(message: MessageSeen, rates: list[Rates]) -> float | None:
    """US dollars; None if something was spent that has no known price."""
    read, write = message.cache_read_tokens or 0, message.cache_write_tokens or 0
    for_an_hour = message.cache_write_1h_tokens or 0
    prompt, at = message.prompt_tokens or 0, message.created_at or 0
    output = (message.completion_tokens or 0) + (message.reasoning_tokens or 0 if message.reasoning_apart else 0)
    input = prompt + read + write
    now = rates[0]
    for one in rates:  # ordered by `since`, then by `above`: the last that applies counts
        if one.since <= at and (one.above < input or not one.above):
            now = one
    cost = 0.0
    for count, price in (
        (prompt, now.input),
        (output, now.output),
        (read, now.cache_read),
        (max(0, write - for_an_hour), now.cache_write),
        (for_an_hour, now.cache_write_1h),
        ((message.web_searches or 0) * 1_000_000, now.web_search),
    ):
        if count:
            if price is None:
                return None
            cost += count * price
    return round(cost / 1_000_000, 12)


def look_up(provider: str, model: str, context: str) -> list[Rates]:
    """A model's rates from the library, ordered by `since` and `above`; all None if it does not know the model.

    Prices that depend on something that is not recorded, such as the time of day, count as unknown.

    Args:
        provider: as the client names it; empty if it names none: the model's name alone decides then.
        model: the same.
        context: JSON text, `price_context` of the messages; empty for none.
    """
    if _BEDROCK.match(model):  # whoever reports it: only the cloud's own prices know such a name
        provider = "aws"
    from genai_prices import Usage, calc_price
    from genai_prices.types import StartDateConstraint

    asked: dict[str, str] = msgspec.json.decode(context) if context else {}

    def at(when: datetime) -> tuple["ModelInfo", "ModelPrice"]:
        found = calc_price(
            Usage(), model, provider_id=provider or None, genai_request_timestamp=when, price_context=asked or None
        )
        return found.model, found.model_price

    epoch = datetime.fromtimestamp(0, UTC)
    try:
        info, _ = at(epoch)
    except (LookupError, ValueError):
        return [Rates()]
    dated: list[Any] = [*(info.prices if isinstance(info.prices, list) else []), *(info.price_variants or [])]
    starts = {epoch}
    for constraint in (price.constraint for price in dated):
        if isinstance(constraint, StartDateConstraint):
            starts.add(datetime.combine(constraint.start_date, time(), UTC))
        elif constraint is not None:
            return [Rates()]
    us = _US if asked.get("inference_geo") == "us" else Decimal(1)
    found: list[Rates] = []
    last: list[Any] = []
    for start in sorted(starts):
        rates = _rates(start, at(start)[1], us)
        if (now := [one[1:] for one in rates]) != last:  # a date may change the prices of other contexts only
            found += rates
        last = now
    return found


_KINDS = (  # of tokens, in the order of `Rates`; the first price that exists counts
    ("input_mtok",),
    ("output_mtok",),
    ("cache_read_mtok", "input_mtok"),
    ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
)


def _rates(start: datetime, price: "ModelPrice", us: Decimal) -> list[Rates]:
    """The rates from `start` on, one for each tier."""
    since = round(start.timestamp() * 1000)
    if price.requests_kcount is not None:
        return [Rates(since)]
    kinds: list[Any] = [next((p for n in names if (p := getattr(price, n)) is not None), None) for names in _KINDS]
    tiers = {0} | {tier.start for kind in kinds for tier in getattr(kind, "tiers", ())}
    searches: Any = price.web_searches_kcount
    search = None if searches is None else float(searches / 1000)
    found = []
    for above in sorted(tiers):
        each = [None if kind is None else float(_in_tier(kind, above) * us) for kind in kinds]
        found.append(Rates._make([since, above, *each, search]))
    return found


def _in_tier(price: Any, above: int) -> Any:
    """The price for requests of more than `above` input tokens."""
    tiers = getattr(price, "tiers", None)
    if tiers is None:
        return price
    return next((tier.price for tier in reversed(tiers) if tier.start <= above), price.base)
