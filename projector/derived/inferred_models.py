"""The model of a response that does not name one: the session's, if the client's record names exactly one for it."""

from typing import Any

import apsw

from projector.derived.prices import CLIENT, Prices
from projector.model.changes import USES_MODEL, MessageSeen

_MODELS = f"""
SELECT substr(name, {len(USES_MODEL) + 1}), value FROM session_facts
WHERE session_id = ? AND name GLOB '{USES_MODEL}*'
"""
_NAMES = MessageSeen.__struct_fields__
# Not those beside the conversation: a title or a summary may be another model's.
_WITHOUT = f"""
SELECT {", ".join(_NAMES)} FROM messages
WHERE session_id = ? AND role = 'assistant' AND NOT synthetic AND (model IS NULL OR model_inferred)
"""
_SET = "UPDATE messages SET model = ?, provider = ?, model_inferred = ?, cost = ?, cost_source = ? WHERE id = ?"


def infer_models(db: apsw.Connection, sessions: list[str]) -> None:
    """Set the model of the responses of `sessions` that have none, or had none before it was inferred."""
    for session in sessions:
        models: list[Any] = db.execute(_MODELS, (session,)).fetchall()
        if models:
            _infer(db, session, *(models[0] if len(models) == 1 else (None, None)))


def _infer(db: apsw.Connection, session: str, model: str | None, provider: str | None) -> None:
    changed = []
    for message in (MessageSeen(*row) for row in db.execute(_WITHOUT, (session,))):
        if (message.model, message.provider) == (model, provider or None):
            continue
        message.model, message.provider, message.model_inferred = model, provider or None, model is not None
        message.cost = message.cost if message.cost_source == CLIENT else None
        changed.append(message)
    Prices(db).fill_in(changed)
    rows = [(m.model, m.provider, bool(m.model_inferred), m.cost, m.cost_source, m.id) for m in changed]
    db.executemany(_SET, rows)
