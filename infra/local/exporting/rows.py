"""Rows of an export, as CSV that a spreadsheet opens without harm, or as NDJSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence

from infra.local.importing.values import KEPT_AS_TEXT, cleaned

Row = dict[str, str]
# A spreadsheet takes a text that begins so for a formula (OWASP, CSV Injection), or makes a rounded number of it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
# Excel takes a file without it for one in the machine's own encoding.
_BYTE_ORDER_MARK = "\ufeff"


def guarded(value: str, *, for_spreadsheets: bool) -> str:
    """A value as a cell that `import` reads back exactly: with an apostrophe before what would be taken for something
    else, by a spreadsheet or by `import` itself."""
    is_at_risk = for_spreadsheets and value.startswith(_FORMULA)
    return KEPT_AS_TEXT + value if is_at_risk or cleaned(value) != value else value


def lines(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool) -> Iterator[bytes]:
    """A line for each row, of CSV after that of the header; empty cells say nothing."""
    if as_json:
        for row in rows:
            said = {name: guarded(row[name], for_spreadsheets=False) for name in columns if row.get(name)}
            yield json.dumps(said, ensure_ascii=False).encode() + b"\n"
        return
    yield _BYTE_ORDER_MARK.encode() + _csv(columns)
    for row in rows:
        yield _csv([guarded(row.get(name, ""), for_spreadsheets=True) for name in columns])


def _csv(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
