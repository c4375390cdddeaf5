"""The settings of Droid's sessions: the model, and what was used so far, by the time of the last line."""

from typing import Any

from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.droid.common import SOURCE
from projector.adapters.droid.wire import SettingsRecord, Usage
from projector.adapters.wire import any_millis, millis
from projector.model.changes import USAGE_AT, Change, Rank, SessionSeen


def _settings(event: Event, record: SettingsRecord) -> list[Change]:
    settings = record.settings
    at = any_millis(record.at) or millis(event.ts)
    found: dict[str, Any] = {
        "model": settings.model,
        "provider": settings.providerLock,
        "permission_mode": settings.autonomyMode,
    }
    if settings.tokenUsage:
        found[f"{USAGE_AT}{at}"] = _counts(settings.tokenUsage)
    facts = {name: value for name, value in found.items() if value is not None}
    return [SessionSeen(record.sessionId, SOURCE, at, Rank.RECORD, facts)]


def _counts(usage: Usage) -> str:
    """The counts of `usage`, the session's own: `inclusiveTokenUsage` has its subagents' too, which count in theirs."""
    counts = {
        "prompt_tokens": usage.inputTokens,
        "completion_tokens": usage.outputTokens,
        "cache_read_tokens": usage.cacheReadTokens,
        "cache_write_tokens": usage.cacheCreationTokens,
        "reasoning_tokens": usage.thinkingTokens,
    }
    return encode({name: value for name, value in counts.items() if value is not None}).decode()


CASES: dict[str, Case] = {"settings": case(SettingsRecord, _settings)}
