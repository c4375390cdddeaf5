"""The addresses of pages, and of what is in them. Ids are untrusted: every character that could mean more is quoted."""

from urllib.parse import quote, urlencode


def session_url(id: str) -> str:
    """The page of a session."""
    return "/sessions/" + quote(id, safe="")


def call_url(session: str, id: str) -> str:
    """A message, tool call or error on the page of its session."""
    item = quote(id, safe="")
    return f"{session_url(session)}?item={item}#i-{item}"


def anchor(id: str) -> str:
    """The id of an item's element."""
    return "i-" + quote(id, safe="")


def file_url(path: str) -> str:
    """The calls that touched a file."""
    return f"/files/calls?{urlencode({'file': path})}"


def log_url(session: str, row: str | None = None) -> str:
    """The lines of the log behind a session, or behind one of its rows."""
    return "/log/" + quote(session, safe="") + (f"?{urlencode({'row': row})}" if row else "")


def text_url(id: str) -> str:
    """The complete text of a tool call or a message."""
    return "/text/" + quote(id, safe="")


def export_url(session: str, form: str) -> str:
    """A session as a file: `md` or `html`."""
    return f"/export/{quote(session, safe='')}?{urlencode({'format': form})}"
