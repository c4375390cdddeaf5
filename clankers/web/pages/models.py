"""The models: what each was used for and cost, and the prices by which costs are estimated."""

from dataclasses import dataclass

from clankers.queries.models import ModelPrice, UnpricedModel, model_prices, price_table, unpriced_models
from clankers.queries.overview import estimated_models
from clankers.queries.usage import Group, count
from clankers.web.page import Asked, Page


@dataclass
class ModelsData:
    """The models, the most expensive first, as `stats --by model` has them.

    Attributes:
        estimated: those of them of whose cost at least a part is estimated.
        table: the name and version of the price table; None: no cost was estimated.
        prices: of all models that needed one, whatever the filters are.
        unpriced: models without a price, whatever the filters are.
    """

    models: list[Group]
    total: Group
    estimated: list[str | None]
    table: str | None
    prices: list[ModelPrice]
    unpriced: list[UnpricedModel]


def find(asked: Asked) -> ModelsData:
    """The models that were used in what the filters select."""
    groups, total = count(asked.db, "model", asked.filters)
    return ModelsData(
        models=sorted(groups, key=lambda one: (-(one.cost or 0.0), -one.tokens, one.key or "")),
        total=total,
        estimated=estimated_models(asked.db, asked.filters),
        table=price_table(asked.db),
        prices=[one for one in model_prices(asked.db) if one.known],
        unpriced=unpriced_models(asked.db),
    )


PAGE = Page("/models", "models.html", find, "Models", filtered=True)
