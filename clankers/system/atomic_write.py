"""Files that are written whole or not at all."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A file to write, which is put to `path` once all is in it. What is no plain file, as a pipe, is written itself.

    Raises:
        OSError: it cannot be written; names `path`.
    """
    plain = os.path.isfile(path) or not os.path.exists(path)
    target = os.path.realpath(path)
    unfinished = f"{target}.unfinished" if plain else path
    try:
        with open(unfinished, "wb") as f:
            yield f
        if plain:
            os.replace(unfinished, target)
    except BaseException as e:
        if plain:
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
        if isinstance(e, OSError) and e.filename in (None, unfinished) and e.errno:
            raise OSError(e.errno, os.strerror(e.errno), path) from e
        raise
