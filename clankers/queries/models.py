"""The prices by which costs were estimated, and the models that have none."""

from msgspec import Struct

from clankers.queries.dialect import Database
from projector.derived.price_table import VERSION_KEY

_PRICES = """
SELECT provider, model, context, since, above, input, output, cache_read, cache_write, cache_write_1h, web_search
FROM prices ORDER BY model, provider, context, since, above
"""
_UNPRICED = """
SELECT model, provider, source, messages, sessions,
  prompt_tokens + completion_tokens + cache_read_tokens + cache_write_tokens, last_at
FROM v_unpriced ORDER BY messages DESC, model, provider, source
"""


class ModelPrice(Struct, frozen=True):
    """What a model costs, in US dollars per million tokens; None: not known.

    Attributes:
        context: what else the price depends on, as JSON; empty for the usual price.
        since: epoch milliseconds from which it applies; 0: always.
        above: applies to requests of more input tokens; 0: to all.
        web_search: US dollars per search.
    """

    provider: str
    model: str
    context: str
    since: int
    above: int
    input: float | None
    output: float | None
    cache_read: float | None
    cache_write: float | None
    cache_write_1h: float | None
    web_search: float | None

    @property
    def known(self) -> bool:
        """Whether there is a price at all."""
        return self.input is not None or self.output is not None


class UnpricedModel(Struct, frozen=True):
    """A model whose price is not known, and what was spent on it; `last_at` is in epoch milliseconds."""

    model: str | None
    provider: str | None
    source: str
    messages: int
    sessions: int
    tokens: int
    last_at: int | None


def price_table(db: Database) -> str | None:
    """The name and version of the table that the prices are from; None: none was needed."""
    found = db.execute("SELECT value FROM meta WHERE key = :key", {"key": VERSION_KEY}).fetchone()
    return found[0] if found else None


def model_prices(db: Database) -> list[ModelPrice]:
    """The prices of all models that needed one, by their names."""
    return [ModelPrice(*row) for row in db.execute(_PRICES)]


def unpriced_models(db: Database) -> list[UnpricedModel]:
    """The models without a known price, the most used first."""
    return [UnpricedModel(*row) for row in db.execute(_UNPRICED)]
