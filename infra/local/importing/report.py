"""The report of an import: every row of which something could not be used, with the reason, and counts on the screen.

It holds line numbers, column names and reasons, never what stands in the cells: who wants to see those has the file.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from infra.local.importing.rows import Problem

HEADER = ("row", "what", "column", "reason")


class Report:
    """Writes problems as they come; the file is made with the first."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.rows: Counter[str] = Counter()
        self._text: TextIO | None = None

    def add(self, problems: Iterable[Problem]) -> None:
        """Note the problems of a row."""
        noted = list(problems)
        for what in {problem.what for problem in noted}:
            self.rows[what] += len({problem.line for problem in noted if problem.what == what})
        for problem in noted:
            self.counts[(problem.what, problem.column, _common(problem.reason))] += 1
            self._write(problem)

    def close(self) -> None:
        """The end."""
        if self._text is not None:
            self._text.close()

    def _write(self, problem: Problem) -> None:
        if self.file is None:
            return
        if self._text is None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # With a mark, so that Excel reads the column names as they are.
            self._text = self.file.open("w", encoding="utf-8-sig", newline="")
            csv.writer(self._text).writerow(HEADER)
        csv.writer(self._text).writerow((problem.line, problem.what, _inert(problem.column), problem.reason))


def _inert(text: str) -> str:
    """A header that a spreadsheet would take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _common(reason: str) -> str:
    """A reason without the row that it names, so that reasons can be counted."""
    return "belongs to an order that is refused" if reason.startswith("belongs to the order of row") else reason
