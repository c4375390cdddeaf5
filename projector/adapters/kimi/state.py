"""The state of a session of Kimi Code, and long outputs that it keeps in files of their own."""

from base64 import b64decode
from typing import Any

from msgspec.json import decode

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.kimi.common import MAIN, SOURCE, agent_session
from projector.adapters.kimi.wire import Output, State, StateHead
from projector.model.changes import Change, Rank, SessionSeen
from projector.model.evidence import OutputSaved


def _state(_: Event, document: StateHead) -> list[Change]:
    session, head = document.sessionId, document.head
    at = head.updatedAt or head.createdAt or 0
    facts: dict[str, Any] = {
        "project_path": head.cwd or None,
        "title": head.title or None,
        "created_at": head.createdAt,
        "updated_at": head.updatedAt,
        "forked_from": head.forkedFrom,
    }
    facts = {name: value for name, value in facts.items() if value is not None}
    changes: list[Change] = [SessionSeen(session, SOURCE, at, Rank.RECORD, facts)]
    if head.forkedFrom:
        changes.append(SessionSeen(head.forkedFrom, SOURCE))
    return [*changes, *(_subagent(session, agent, head, at) for agent in head.agents if agent != MAIN)]


def _subagent(session: str, agent: str, head: State, at: int) -> SessionSeen:
    """A subagent; a fork has copies of its origin's."""
    facts: dict[str, Any] = {"parent_id": agent_session(head.agents[agent].parentAgentId or MAIN, session)}
    if head.cwd:
        facts["project_path"] = head.cwd
    if head.forkedFrom:
        facts["forked_from"] = agent_session(agent, head.forkedFrom)
    return SessionSeen(agent_session(agent, session), SOURCE, at, Rank.RECORD, facts)


def _output(_: Event, output: Output) -> list[Change]:
    """The complete output of a call, whose result names the file."""
    text = decode(output.text)
    if output.text_b64 is not None:
        text = b64decode(output.text_b64).decode("utf-8", "replace")
    saved = OutputSaved(output.sessionId, SOURCE, output.name, None, text if isinstance(text, str) else None)
    return [SessionSeen(output.sessionId, SOURCE), saved]


CASES: dict[str, Case] = {"document.head": case(StateHead, _state), "tool-output": case(Output, _output)}
