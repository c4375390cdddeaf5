"""A session's state, wire logs and long outputs, made from their records."""

import os
from collections import defaultdict
from hashlib import sha256

from clankers.harnesses.base import nested
from clankers.harnesses.kimi.harness import WIRE
from clankers.harnesses.kimi.session_files import ELIDED, MAIN, OUTPUT, STATE, home
from clankers.log import strict_json
from clankers.restore.documents import document
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.restore.lines import StandIns, lines_file, saved_text
from clankers.restore.names import elsewhere
from clankers.restore.records import LoggedRecord, LoggedSession

_STANDS = {"systemPrompt": b'""', "tools": b"[]"}
_DIGEST = 12  # characters in the name of a workspace's directory


def files(session: LoggedSession) -> RestoredFiles:
    """The state, the wire logs of all agents, and the long outputs of tools."""
    found = RestoredFiles(home())
    logs: dict[str, list[LoggedRecord]] = defaultdict(list)
    states = [record for record in session.records if record.id.startswith(f"{session.id}/{STATE}#")]
    state = document(states, found.lacking)
    if state is None:
        raise RestoreError(f"session {session.id}: its state.json, which says where it was, is not recorded")
    folder = _folder(session.id, strict_json.parse(state), found)
    found.add((*folder, "state.json"), state)
    for record in session.records:
        owner = record.id.partition("#")[0].partition("@")[0].partition("/")[0]
        agent = owner.partition(":")[2] or MAIN
        if record.place:
            logs[agent].append(record)
        elif record.kind == OUTPUT and (text := saved_text(record.value())) is not None:
            name = record.id.partition("/")[2].rpartition("#")[0]
            found.add((*folder, "agents", agent, "tool-results", name), text)
    stand_ins: StandIns = {WIRE + kind: {(member,): _STANDS[member]} for kind, member in ELIDED.items()}
    for agent, records in logs.items():
        content = lines_file(records, found.lacking, session.parts.get(agent), stand_ins)
        found.add((*folder, "agents", agent, "wire.jsonl"), content)
    return found


def _folder(session: str, state: object, found: RestoredFiles) -> tuple[str, ...]:
    """The session's directory, by the state; the client's list of sessions gets a line for it.

    Raises:
        RestoreError: the state does not say it.
    """
    cwd, agent = nested(state, "cwd"), nested(state, "agents", MAIN, "homedir")
    if not isinstance(cwd, str):
        raise RestoreError(f"session {session}: its state does not say in which directory it worked")
    if isinstance(agent, str) and agent.endswith(f"/{session}/agents/{MAIN}"):
        above, workspace = os.path.split(agent.removesuffix(f"/{session}/agents/{MAIN}"))
        found.aside = elsewhere(os.path.dirname(above), found.root)
    else:
        workspace = f"wd_{os.path.basename(cwd)}_{sha256(cwd.encode()).hexdigest()[:_DIGEST]}"
    quote = strict_json.quote
    at = os.path.join(found.root, "sessions", workspace, session)
    line = b'{"sessionId":%s,"sessionDir":%s,"workDir":%s}' % (quote(session), quote(at), quote(cwd))
    found.list_lines[("session_index.jsonl",)] = 0, line
    return ("sessions", workspace, session)
