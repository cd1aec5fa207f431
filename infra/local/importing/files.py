"""Files as people have them, read row by row: CSV of Excel and of platforms, NDJSON, gzipped or not.

A file is looked at whole before anything of it is used: its digest (of the inflated content, so that a gzipped copy is
the same file), its size, its encoding. Nothing is guessed in silence: the encoding is told, and a row that isn't in it
is refused by itself.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, cast

from aftershow.model.json_text import MAX_DEPTH, is_deep, mended
from infra.local.unpacking import DAMAGED, unpacked

# A row beyond this is a broken file; its rest is skipped unread.
MAX_LINE_CHARACTERS = 256 * 1024
# What a gzip file may unpack to: fifty times a list of a million members. Without a bound a bomb of a megabyte would
# keep a machine busy for hours.
MAX_INFLATED_BYTES = 8 * 1024**3
MAX_COLUMNS = 500
_CHUNK_BYTES = 1024 * 1024
_MARKLESS_BYTES = 4 * 1024
# Decides between encodings, and which keys NDJSON has.
_SAMPLE_LINES = 20_000
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_DELIMITERS = (",", ";", "\t", "|")
_SEP = re.compile(r"^\ufeff?\"?sep=(.)\"?\r?\n?$", re.IGNORECASE)
_BROKEN = re.compile("[\ud800-\udfff\x00]")
_NOT_TEXT = re.compile("[\ud800-\udfff\x00\ufffd]")


class Unreadable(Exception):
    """The file as a whole can't be used: why, and what to do."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a first reading found. `digest` names the content (SHA-256, hex); `certain` is False where the encoding was
    concluded from the text, not from a mark."""

    digest: str
    size_bytes: int
    lines: int
    encoding: str
    why: str
    is_json: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A row, by the number of the line where it begins, counted from 1. `cells` are in the order of the headers; of
    NDJSON, `value` is the object too. A row that can't be read has a `reason` instead."""

    line: int
    cells: Sequence[str] = ()
    reason: str = ""
    value: Mapping[str, Any] | None = None


def look(path: Path, encoding: str | None = None) -> Look:
    """Read a file through once. Raises Unreadable, OSError."""
    hashed, size, lines, head = sha256(), 0, 0, b""
    utf8: Any = codecs.getincrementaldecoder("utf-8")()
    for chunk in _chunks(path):
        hashed.update(chunk)
        size += len(chunk)
        lines += chunk.count(b"\n")
        head = head or chunk
        utf8 = _fed(utf8, chunk)
    text = head.lstrip(codecs.BOM_UTF8).strip()
    if not text:
        raise Unreadable(f"{path.name} is empty")
    if not text.strip(b"\x00"):
        raise Unreadable(f"{path.name} holds no text: it begins with {len(head):,} zero bytes; get it again")
    for magic, what in ((_ZIP, "an Excel workbook or a zip archive"), (_OLD_EXCEL, "an old Excel workbook")):
        if head.startswith(magic):
            raise Unreadable(f'{path.name} is {what}: save the sheet as "CSV UTF-8" and import that')
    if text.startswith(b"["):
        raise Unreadable(f"{path.name} is one JSON list: write one object a line (NDJSON)")
    found, why = (
        (encoding, "as you said") if encoding else _encoding(path, head, whole_is_utf8=_fed(utf8, b"") is not None)
    )
    try:
        # Of those that Python knows some make no text of bytes (base64), or none of a file (idna).
        b"a,b\n".decode(found, "surrogateescape")
    except (LookupError, UnicodeError):
        raise Unreadable(f"there is no encoding {found}: utf-8, utf-16, gb18030, cp1252 ... are known") from None
    is_json = head.decode(found, "ignore").lstrip("\ufeff \t\r\n").startswith("{")
    return Look(hashed.hexdigest(), size, lines, found, why, is_json)


def _fed(decoder: Any, chunk: bytes) -> Any:
    """The decoder after a chunk (empty: the end), None once something was not UTF-8."""
    if decoder is None:
        return None
    try:
        decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError:
        return None
    return decoder


def _chunks(path: Path) -> Iterator[bytes]:
    size = 0
    with unpacked(path) as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > MAX_INFLATED_BYTES:
                    raise Unreadable(f"{path.name} unpacks to more than {MAX_INFLATED_BYTES // 1024**3} GiB")
                yield chunk
        except DAMAGED as error:
            raise Unreadable(f"{path.name} is a damaged gzip file ({error}): get it again") from None


def _encoding(path: Path, head: bytes, *, whole_is_utf8: bool) -> tuple[str, str]:
    """(encoding, why). Raises Unreadable where nothing fits."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return name, "its byte order mark says so"
    for name, zero in (("utf-16-le", 1), ("utf-16-be", 0)):
        sample = head[:_MARKLESS_BYTES]
        zeros = sample[zero::2].count(0)
        if zeros > len(sample) // 50 and not sample[1 - zero :: 2].count(0):
            return name, "zero bytes stand only where UTF-16 has them"
    if whole_is_utf8:
        return "utf-8", "all of it is UTF-8"
    return _by_lines(path)


def _by_lines(path: Path) -> tuple[str, str]:
    """Of UTF-8 and GB18030 the one in which most lines are; the others are refused when they are read."""
    utf8 = chinese = neither = 0
    with unpacked(path) as file:
        for line in islice(iter(lambda: file.readline(MAX_LINE_CHARACTERS), b""), None):
            if line.isascii():
                continue
            is_utf8, is_chinese = is_surely_utf8(line), _is_chinese(line)
            utf8 += is_utf8
            chinese += is_chinese and not is_utf8
            neither += not (is_utf8 or is_chinese)
            if utf8 + chinese + neither >= _SAMPLE_LINES:
                break
    if utf8 > chinese:
        return "utf-8", f"{utf8:,} lines are UTF-8, {chinese + neither:,} are not"
    if chinese > neither:
        return "gb18030", f"{chinese:,} lines are Chinese in GB18030, {utf8 + neither:,} are not"
    raise Unreadable(
        f"{path.name} is neither UTF-8 nor UTF-16 nor GB18030: say --encoding NAME (of Excel often cp1252)"
    )


def is_surely_utf8(line: bytes) -> bool:
    """Whether a line that isn't ASCII is UTF-8. Some short words of GB18030 are UTF-8 by chance, with two bytes a
    character (the Notepad bug); a character of three bytes is no chance."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return False
    return any(character > "\u07ff" for character in text) or not _is_chinese(line)


def _is_chinese(line: bytes) -> bool:
    """Whether a line in GB18030 is plausible: nearly all that isn't ASCII are characters of GB 2312, or have the four
    bytes that no other encoding of the trade has (¥, for one)."""
    try:
        text = line.decode("gb18030")
    except UnicodeDecodeError:
        return False
    foreign = [character for character in text if not character.isascii()]
    common = sum(_is_usual(character) for character in foreign)
    return bool(foreign) and common >= 0.8 * len(foreign)


@cache
def _is_usual(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return len(character.encode("gb18030")) == len("四个字节")
    return True


@dataclass(frozen=True, slots=True)
class Table:
    """An opened file: its headers, and its rows to go through once."""

    headers: tuple[str, ...]
    rows: Iterator[Row]
    delimiter: str = ""


@contextmanager
def read(path: Path, found: Look) -> Iterator[Table]:
    """Open a file that was looked at. Raises Unreadable, OSError."""
    with _text(path, found) as text:
        yield _read_json(path, text, found) if found.is_json else _read_csv(path, text, found)


def _text(path: Path, found: Look) -> TextIOWrapper:
    # Surrogates stand for bytes that are not in the encoding: the row that holds them is refused.
    errors = "replace" if found.encoding.startswith("utf-16") else "surrogateescape"
    return TextIOWrapper(cast(Any, unpacked(path)), found.encoding, errors, newline="")


class _Lines:
    """The lines of a file, of which the record in hand can be given back but for its first."""

    def __init__(self, text: TextIO, encoding: str) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._bad = _NOT_TEXT if encoding.startswith("utf-16") else _BROKEN
        self._is_chinese = encoding.lower().startswith("gb")
        self.number = 0
        self.record: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        is_again = bool(self._again)
        line = self._again.popleft() if is_again else self._text.readline(MAX_LINE_CHARACTERS + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.record.append(line)
        if len(line) > MAX_LINE_CHARACTERS:
            # Of one that was given back the rest is skipped already.
            rest = "" if is_again else line
            while rest and not rest.endswith(("\n", "\r")):
                rest = self._text.readline(MAX_LINE_CHARACTERS)
            raise csv.Error(f"longer than {MAX_LINE_CHARACTERS:,} characters")
        return line

    def begin(self) -> int:
        """Begin a record; the number of its first line."""
        self.record = []
        return self.number + 1

    def give_back(self) -> None:
        """Only the first line of the record is lost: the next record begins after it."""
        self._again.extendleft(reversed(self.record[1:]))
        self.number -= len(self.record) - 1

    def reason(self) -> str:
        """What is wrong with the text of the record; empty where nothing is."""
        for line in self.record:
            if not line.isascii() and self._bad.search(line):
                return "not in the encoding of the file"
            if "\x00" in line:
                return "holds a NUL byte"
            if self._is_chinese and not line.isascii() and is_surely_utf8(line.encode("gb18030")):
                return "in UTF-8, unlike the rest of the file"
        return ""


def _read_csv(path: Path, text: TextIO, found: Look) -> Table:
    lines = _Lines(text, found.encoding)
    delimiter = _delimiter(lines)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    records = _records(lines, reader)
    first = next((row for row in records if row.reason or any(row.cells)), None)
    if first is None:
        raise Unreadable(f"{path.name} is empty")
    if first.reason:
        raise Unreadable(f"{path.name}, line {first.line}, the header: {first.reason}")
    headers = tuple(cell.strip().removeprefix("\ufeff") for cell in first.cells)
    while headers and not headers[-1]:
        headers = headers[:-1]
    if len(headers) > MAX_COLUMNS:
        raise Unreadable(f"{path.name} has more than {MAX_COLUMNS} columns")
    return Table(headers, _of_width(records, len(headers)), delimiter)


def _delimiter(lines: _Lines) -> str:
    """What separates cells: as a line `sep=` says, else what the header holds most of."""
    first = next(lines, "")
    said = _SEP.match(first)
    if said:
        lines.begin()
        return said[1]
    lines._again.appendleft(first)  # noqa: SLF001 (one module)
    lines.number -= 1
    outside_quotes = re.sub(r'"[^"]*"', "", first)
    return max(_DELIMITERS, key=lambda one: (outside_quotes.count(one), -_DELIMITERS.index(one)))


def _records(lines: _Lines, reader: Iterator[list[str]]) -> Iterator[Row]:
    while True:
        number = lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # A quote that is never closed would swallow the rows after it: they are read again.
            lines.give_back()
            yield Row(number, reason=_csv_reason(str(error)))
            continue
        yield Row(number, cells, lines.reason())


def _csv_reason(error: str) -> str:
    if "expected after" in error or "end of data" in error or "field larger" in error:
        return "a quotation mark is not closed, or not doubled inside of quotes"
    return error


def _of_width(records: Iterator[Row], width: int) -> Iterator[Row]:
    for row in records:
        if row.reason:
            yield row
        elif len(row.cells) == width:
            if any(row.cells):
                yield row
        elif not any(row.cells):
            continue
        elif len(row.cells) > width and not any(row.cells[width:]):
            yield Row(row.line, row.cells[:width])
        else:
            yield Row(row.line, reason=f"has {len(row.cells)} cells where the header has {width}")


def _read_json(path: Path, text: TextIO, found: Look) -> Table:
    seen: dict[str, None] = {}
    with _text(path, found) as sample:
        for row in islice(_objects(_Lines(sample, found.encoding)), _SAMPLE_LINES):
            seen.update(dict.fromkeys(flat(row.value or {})))
    headers = tuple(seen)[:MAX_COLUMNS]
    if not headers:
        raise Unreadable(f"{path.name} holds no JSON object that can be read")

    def rows() -> Iterator[Row]:
        for row in _objects(_Lines(text, found.encoding)):
            cells = flat(row.value or {})
            yield Row(row.line, [cells.get(name, "") for name in headers], row.reason, row.value)

    return Table(headers, rows())


def _objects(lines: _Lines) -> Iterator[Row]:
    while True:
        number = lines.begin()
        try:
            line = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, reason=str(error))
            continue
        if line.strip():
            yield _object(number, line, lines.reason())


def _object(number: int, line: str, reason: str) -> Row:
    if reason:
        return Row(number, reason=reason)
    if is_deep(line.encode()):
        return Row(number, reason=f"nested more than {MAX_DEPTH} levels deep")
    try:
        # Numbers stay as they are written: a rounded one must not pass for exact.
        value = json.loads(line.removeprefix("\ufeff"), parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return Row(number, reason="not JSON")
    if "\\ud" in line.lower():
        value = mended(value)
    return Row(number, value=value) if isinstance(value, dict) else Row(number, reason="not a JSON object")


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """An object as cells: names of inner ones with dots, lists of texts with commas, null as nothing."""
    cells: dict[str, str] = {}
    for name, one in value.items():
        if isinstance(one, dict):
            cells |= flat(one, f"{prefix}{name}.")
        elif isinstance(one, list):
            cells[prefix + name] = ",".join(str(each) for each in one if not isinstance(each, (dict, list)))
        elif isinstance(one, bool):
            cells[prefix + name] = "true" if one else "false"
        else:
            cells[prefix + name] = "" if one is None else str(one)
    return cells
