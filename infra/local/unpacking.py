"""Files that may be gzipped, which their content tells, whatever they are called."""

from __future__ import annotations

import gzip
import zlib
from io import BufferedReader
from pathlib import Path

# What reading from a damaged file raises.
DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)
_MAGIC = b"\x1f\x8b"


def unpacked(path: Path) -> BufferedReader | gzip.GzipFile:
    """A file's bytes, to be closed by whoever reads them. Raises OSError; reading raises one of DAMAGED."""
    with path.open("rb") as file:
        packed = file.read(len(_MAGIC)) == _MAGIC
    return gzip.open(path) if packed else path.open("rb")
