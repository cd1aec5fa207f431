"""Samples: what was known of somebody at a moment, and what they did afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from infra.local.unpacking import DAMAGED, unpacked

# Below it a figure says more about chance than about people.
MIN_OF_EACH = 20


class BadData(Exception):
    """A file can't be learnt from: why, and where."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of the features as they were known, whether it happened afterwards, and when that was (its unit is the
    reader's)."""

    values: tuple[float, ...]
    happened: bool
    when: float
    # Samples of one person are learnt from or measured on together; empty where each stands for itself.
    who: str = ""


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples with the names of their features."""

    features: tuple[str, ...]
    samples: Sequence[Sample]

    def before(self, when: float) -> Samples:
        """Those before a moment."""
        return Samples(self.features, [one for one in self.samples if one.when < when])

    def since(self, when: float) -> Samples:
        """Those at and after it."""
        return Samples(self.features, [one for one in self.samples if one.when >= when])

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.samples)

    @property
    def positives(self) -> int:
        """Of how many it happened."""
        return sum(one.happened for one in self.samples)

    def check(self, path: Path, what: str = "it") -> None:
        """Raises BadData where there is too little to learn from or to measure on."""
        fewest = min(self.positives, self.rows - self.positives)
        if fewest < MIN_OF_EACH:
            raise BadData(
                f"{path.name}: of {self.rows} samples {what} happened in {self.positives}; "
                f"at least {MIN_OF_EACH} of each kind are needed"
            )


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a text file, gzipped or not. Raises OSError, BadData."""
    try:
        with unpacked(path) as file, TextIOWrapper(file, encoding="utf-8-sig") as text:
            yield from text
    except (*DAMAGED, UnicodeDecodeError) as error:
        raise BadData(f"{path.name}: {error}") from error
