"""Chance with a seed: the few draws that the synthetic show is made of."""

from __future__ import annotations

import math
import random


def seeded(seed: int | str) -> random.Random:
    """A source of its own for `seed`: the same seed, the same show."""
    return random.Random(seed)  # noqa: S311 (must be repeatable; nothing secret comes from it)


def happens(source: random.Random, probability: float) -> bool:
    """True with `probability` (0 to 1)."""
    return source.random() < probability


def count(source: random.Random, mean: float) -> int:
    """A Poisson number by Knuth's method: fine for means up to a few dozen."""
    threshold, product, number = math.exp(-mean), source.random(), 0
    while product > threshold:
        product *= source.random()
        number += 1
    return number


def uuid(source: random.Random) -> str:
    """A random UUID (version 4) as text."""
    text = f"{source.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
