"""The description of `/api`, in OpenAPI: made from the pages and the structs that they give."""

import re
from collections.abc import Iterable
from typing import Any, get_type_hints

import msgspec

from clankers.web.page import FILTERS, Page

VERSION = "1"  # of the data's form


def describe(pages: Iterable[Page]) -> dict[str, Any]:
    """The OpenAPI document for the data of `pages`."""
    found = list(pages)
    types = [get_type_hints(page.find)["return"] for page in found]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "clankers web",
            "version": VERSION,
            "description": "What the pages show, as JSON. `clankers web key` prints the key.",
        },
        "paths": {
            "/api" + re.sub(r":\w+}", "}", page.path): {"get": _operation(page, schema)}
            for page, schema in zip(found, schemas, strict=True)
        },
        "components": {
            "schemas": {
                **components,
                "Problem": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]},
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _operation(page: Page, schema: dict[str, Any]) -> dict[str, Any]:
    asked = {**(FILTERS if page.filtered else {}), **page.parameters}
    return {
        "summary": (page.find.__doc__ or "").partition("\n")[0],
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _places(page)),
            *(
                {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
                for name, meaning in asked.items()
            ),
        ],
        "responses": {
            "200": {"description": "The data.", "content": {"application/json": {"schema": schema}}},
            "default": {
                "description": "What is wrong.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }


def _places(page: Page) -> list[str]:
    return re.findall(r"{(\w+)", page.path)
