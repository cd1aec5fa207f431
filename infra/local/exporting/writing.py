"""Where an export goes: standard output, or a file that is there whole or not at all; gzip if its name ends in .gz."""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

STDOUT = "-"


class Out(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take all of them."""


class CannotWrite(Exception):
    """The file can't be written: which, and why."""


@contextmanager
def written(file: str) -> Iterator[Out]:
    """Bytes for a file; it takes the place of an older one only when the block has ended well. Raises CannotWrite.

    It can be read by its owner alone: what goes in there is personal.
    """
    if file == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    try:
        # Beside the file, since only there it can be moved into its place at once; mkstemp lets nobody else read it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise CannotWrite(f"{file} can't be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as raw:
            if path.suffix == ".gz":
                # Without name and time: the same content gives the same bytes.
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                    yield packed
            else:
                yield raw
            raw.flush()
            os.fsync(raw.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise CannotWrite(f"{file} can't be written: {error.strerror}") from error
    finally:
        Path(name).unlink(missing_ok=True)
