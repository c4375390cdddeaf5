"""The style sheet, the script and the icon: in memory, under names that change with what is in them."""

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from clankers.render.style import style

_FOREVER = "public, max-age=31536000, immutable"
_STYLE = "style.css"
_FILES = {_STYLE: "text/css", "clankers.js": "text/javascript", "icon.svg": "image/svg+xml"}  # with their types


class _File(NamedTuple):
    body: bytes
    media_type: str
    digest: str


@cache
def _file(name: str) -> _File | None:
    if name not in _FILES:
        return None
    if name == _STYLE:
        body = style("conversation", "web", "charts", "pages").encode()
    else:
        body = files("clankers").joinpath("assets", "web", name).read_bytes()
    return _File(body, _FILES[name], hashlib.sha256(body).hexdigest()[:12])


def static_url(name: str) -> str:
    """The URL of a file of ours."""
    file = _file(name)
    assert file, name
    return f"/static/{name}?v={file.digest}"


async def serve_static(request: Request) -> Response:
    """A file of ours."""
    file = _file(request.path_params["name"])
    if file is None:
        return Response("There is no such file.\n", 404, media_type="text/plain")
    return Response(file.body, media_type=file.media_type, headers={"cache-control": _FOREVER})
