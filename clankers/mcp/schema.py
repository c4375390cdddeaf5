"""The JSON Schemas of the tools, from their structs."""

from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import Struct

from clankers.mcp.paging import ToolError


def schema(of: type[Struct]) -> dict[str, Any]:
    """The schema of a struct, an object at its root, as the protocol wants it."""
    _, parts = msgspec.json.schema_components([of], ref_template="#/$defs/{name}")
    for part in parts.values():
        part["description"] = cleandoc(part["description"])
    root = parts.pop(of.__name__)
    return {**root, "$defs": parts} if parts else root


def arguments(given: object, form: type[Struct]) -> Struct:
    """The arguments of a call.

    Raises:
        ToolError: they do not fit.
    """
    try:
        return msgspec.convert(given, form, strict=False)  # models write numbers as text
    except msgspec.ValidationError as e:
        raise ToolError(f"the arguments do not fit: {e}; they are {', '.join(form.__struct_fields__)}") from e
