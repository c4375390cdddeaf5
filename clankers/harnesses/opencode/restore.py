"""A session in the form that the client's own `import` takes, made from events and from records of its stores.

{"info":<the session>,"messages":[{"info":<a message>,"parts":[<a part>, ...]}, ...]}
"""

import json
from functools import partial
from typing import Any

from clankers.harnesses.base import Harness
from clankers.restore.files import RestoredFiles, RestoreError, Restorer
from clankers.restore.records import LoggedRecord, LoggedSession

_TOKENS = ("input", "output", "reasoning")
_MASK = b"[secret:"  # begins what stands for a credential
_COPIED = ("slug", "directory", "title", "version", "agent", "model", "cost", "permission", "revert", "metadata")


class _Session:
    """What the lines say of one session; the last one counts."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.info: dict[str, Any] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, dict[str, Any]] = {}

    def add(self, line: LoggedRecord) -> None:
        """Take over what `line` says; of anything else than this session it says nothing."""
        try:
            value = json.loads(line.payload)
        except ValueError:
            return
        if not isinstance(value, dict):
            return
        properties = value.get("properties")
        match line.kind:
            case "session.created" | "session.updated" if isinstance(properties, dict):
                self._session(properties.get("info"))
            case "message.updated" if isinstance(properties, dict):
                self._message(properties.get("info"))
            case "message.part.updated" if isinstance(properties, dict):
                self._part(properties.get("part"))
            case "message.removed" if isinstance(properties, dict):
                self.messages.pop(str(properties.get("messageID")), None)
            case "message.part.removed" if isinstance(properties, dict):
                self.parts.pop(str(properties.get("partID")), None)
            case "storage.session":
                self._session(value)
            case "storage.message":
                self._message(value)
            case "storage.part":
                self._part(value)
            case "db.session":
                self._session(_from_row(value))
            case "db.message" if isinstance(value.get("data"), dict):
                self._message({**value["data"], **_ids(value)})
            case "db.part" if isinstance(value.get("data"), dict):
                ids = {
                    "id": value.get("id"),
                    "sessionID": value.get("session_id"),
                    "messageID": value.get("message_id"),
                }
                self._part({**value["data"], **ids})

    def _session(self, info: Any) -> None:
        if isinstance(info, dict) and info.get("id") == self.id:
            self.info = {**self.info, **info}

    def _message(self, info: Any) -> None:
        if isinstance(info, dict) and info.get("sessionID") == self.id and isinstance(info.get("id"), str):
            self.messages[info["id"]] = info

    def _part(self, part: Any) -> None:
        if isinstance(part, dict) and part.get("sessionID") == self.id and isinstance(part.get("id"), str):
            self.parts[part["id"]] = part

    def document(self) -> bytes:
        """The session for `import`."""
        listed = []
        for id, info in sorted(self.messages.items()):
            parts = [part for _, part in sorted(self.parts.items()) if part.get("messageID") == id]
            listed.append({"info": info, "parts": parts})
        return json.dumps({"info": self.info, "messages": listed}, separators=(",", ":")).encode()


def _ids(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": row.get("id"), "sessionID": row.get("session_id")}


def _from_row(row: dict[str, Any]) -> dict[str, Any]:
    """The session in a row of the table `session`."""
    found = {name: row[name] for name in _COPIED if name in row}
    found |= {"id": row.get("id"), "projectID": row.get("project_id")}
    found["time"] = {"created": row.get("time_created"), "updated": row.get("time_updated")}
    if row.get("parent_id"):
        found["parentID"] = row["parent_id"]
    if "tokens_input" in row:
        cache = {name: row.get(f"tokens_cache_{name}", 0) for name in ("read", "write")}
        found["tokens"] = {**{name: row.get(f"tokens_{name}", 0) for name in _TOKENS}, "cache": cache}
    return found


def restorer(harness: Harness) -> Restorer:
    """Makes a session of `harness` for its `import`."""
    return partial(_files, harness)


def _files(harness: Harness, session: LoggedSession) -> RestoredFiles:
    state = _Session(session.id)
    for line in session.lines:
        state.add(line)
    if not state.info or not state.messages:
        raise RestoreError(f"session {session.id}: the log does not have the session itself, or none of its messages")
    found, path, content = RestoredFiles(""), (f"{session.id}.json",), state.document()
    found.add(path, content)
    found.lacking["masked credentials"] += content.count(_MASK)  # events have no digest of what they were
    if harness.has(session.id):
        found.known.add(path)
    return found
