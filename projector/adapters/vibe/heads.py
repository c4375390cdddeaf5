"""What Vibe says of a whole session: its directory, model and times, and what it used so far."""

from typing import Any

from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.vibe.common import SOURCE, is_cancelled
from projector.adapters.vibe.wire import Config, MetaRecord, Model, StateRecord
from projector.adapters.wire import any_millis
from projector.model.changes import USAGE_AT, USES_MODEL, Change, Rank, SessionSeen
from projector.model.evidence import HookReport
from projector.model.naming import HOOK_PREFIX, scoped_id


def _meta(_: Event, record: MetaRecord) -> list[Change]:
    meta, session = record.meta, record.sessionId
    begin, end = any_millis(meta.start_time), any_millis(meta.end_time)
    parent = record.parentSessionId or meta.parent_session_id
    model = _model(meta.config) if isinstance(meta.config, Config) else Model()
    found: dict[str, Any] = {
        "created_at": begin,
        "updated_at": end or begin,
        "title": meta.title,
        "git_branch": meta.git_branch,
        "project_path": meta.environment.working_directory if meta.environment else None,
        "model": model.name,
        "provider": model.provider,
        f"{USES_MODEL}{model.name}": (model.provider or "") if model.name else None,
        "parent_id": parent,
        "agent": meta.agent_profile.name if meta.agent_profile and parent else None,
    }
    at = end or begin or 0
    if stats := meta.stats:
        found[f"{USAGE_AT}{at}"] = _counts(
            prompt_tokens=stats.session_prompt_tokens,
            completion_tokens=stats.session_completion_tokens,
            cost=stats.session_cost or None,
        )
    return [*([SessionSeen(parent, SOURCE)] if parent else []), *_seen(session, at, found)]


def _model(config: Config) -> Model:
    """The model in use, which `active_model` names by its alias."""
    if config.model_name:
        return Model(config.model_name)
    known = (model for model in config.models if config.active_model in (model.alias, model.name))
    return next(known, Model(config.active_model))


def _state(_: Event, record: StateRecord) -> list[Change]:
    session, snapshot = record.sessionId, record.state.snapshot
    changes: list[Change] = []
    if seen := snapshot.session:
        at = seen.updatedAt or 0
        parent = seen.parentSessionId
        found: dict[str, Any] = {
            "created_at": seen.createdAt,
            "updated_at": seen.updatedAt,
            "title": seen.title,
            "parent_id": parent,
        }
        if usage := seen.tokenUsage:
            prompt = usage.inputTokens
            found[f"{USAGE_AT}{at}"] = _counts(
                prompt_tokens=None if prompt is None else max(prompt - (usage.cachedInputTokens or 0), 0),
                completion_tokens=usage.outputTokens,
                cache_read_tokens=usage.cachedInputTokens,
            )
        changes += [*([SessionSeen(parent, SOURCE)] if parent else []), *_seen(session, at, found)]
    turn = snapshot.latestTurn
    if turn and turn.error and turn.id and not is_cancelled(turn.error.code):
        id = f"{HOOK_PREFIX}error:{scoped_id(turn.id, session)}"
        kind, text = turn.error.code or "error", turn.error.message or ""
        changes.append(HookReport(id, session, SOURCE, "error", kind, text, turn.completedAt or 0))
    return changes


def _seen(session: str, at: int, found: dict[str, Any]) -> list[Change]:
    facts = {name: value for name, value in found.items() if value is not None}
    return [SessionSeen(session, SOURCE, at, Rank.RECORD, facts)]


def _counts(**counts: float | None) -> str:
    return encode({name: value for name, value in counts.items() if value is not None}).decode()


CASES: dict[str, Case] = {"meta": case(MetaRecord, _meta), "state": case(StateRecord, _state)}
