"""What commands print for recorded samples, kept in tests/golden: `CLANKERS_GOLDEN=write pytest` writes it anew."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec

GOLDEN = Path(__file__).parent / "golden"
SCHEMAS = Path(__file__).parent.parent / "clankers" / "assets" / "schemas"


def assert_golden(name: str, text: str) -> None:
    """`text` is what stands in the file `name`."""
    assert_file(GOLDEN / name, text)


def assert_file(path: Path, text: str) -> None:
    """`text` is what stands in the file `path`, which is made by tests like those of `assert_golden`."""
    if os.environ.get("CLANKERS_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text, f"{path.name} is not what was printed; CLANKERS_GOLDEN=write keeps what is"


def schema_of(type: Any, title: str) -> str:
    """The JSON Schema of a type, as it is published."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title} | msgspec.json.schema(type)
    return json.dumps(schema, indent=2) + "\n"
