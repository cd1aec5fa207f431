"""Pictures of templates: files in the folder `pictures` beside them, checked and put into the template by a push."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Every mail carries them; and a template is one item of a table, which holds 400 KB with the base64 of its pictures.
MAX_PICTURE_BYTES = 64 * 1024
MAX_PICTURES_BYTES = 128 * 1024
# What a file begins with says what it is, whatever it is named. Mail programs show no other kinds for sure.
_KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


class BadPicture(Exception):
    """A picture can't be sent: which and why."""


def with_files(template: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A template as its file says it, with the files that it names in their places. Raises BadPicture."""
    named = template.get("pictures") or {}
    if not isinstance(named, Mapping):
        raise BadPicture("pictures: names and files, like logo: logo.png")
    files = {str(name): _file(str(file), folder) for name, file in named.items()}
    together = sum(map(len, files.values()))
    if together > MAX_PICTURES_BYTES:
        raise BadPicture(
            f"its pictures have {together:,} bytes together, at most {MAX_PICTURES_BYTES:,} go with a mail"
        )
    pictures = {
        name: {"media_type": _kind(data), "base64": base64.b64encode(data).decode()} for name, data in files.items()
    }
    return {**template, **({"pictures": pictures} if pictures else {})}


def _file(name: str, folder: Path) -> bytes:
    path = folder / name
    if path.name != name or not path.is_file():
        raise BadPicture(f"there is no picture {name} in the folder {folder.name}")
    size = path.stat().st_size
    if size > MAX_PICTURE_BYTES:
        raise BadPicture(
            f"picture {name} has {size:,} bytes, at most {MAX_PICTURE_BYTES:,} go with every mail: make it smaller, or "
            "link it by https"
        )
    data = path.read_bytes()
    if not _kind(data):
        raise BadPicture(f"{name} is no picture that mail programs show: PNG, JPEG or GIF")
    return data


def _kind(data: bytes) -> str:
    return next((kind for begins, kind in _KINDS.items() if data.startswith(begins)), "")
