"""Packing for calls that take a limited number of things and of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Thing = TypeVar("Thing")


def batches(
    things: Iterable[Thing], size_of: Callable[[Thing], int], most: int, most_bytes: int
) -> Iterator[list[Thing]]:
    """The things in order, in batches of at most `most` things and `most_bytes`.

    A thing that is larger than `most_bytes` stands alone.
    """
    batch: list[Thing] = []
    total = 0
    for thing in things:
        size = size_of(thing)
        if batch and (len(batch) == most or total + size > most_bytes):
            yield batch
            batch, total = [], 0
        batch.append(thing)
        total += size
    if batch:
        yield batch
