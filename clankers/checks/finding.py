"""The result of a check."""

import msgspec


class Finding(msgspec.Struct):
    """The result of one check.

    Attributes:
        about: a harness, or a part of clankers.
        ok: False if something needs attention.
        text: what was found.
        remedy: what to do.
    """

    about: str
    ok: bool
    text: str
    remedy: str | None = None
