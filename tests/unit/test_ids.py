"""Identifiers follow from what they name, and keep apart what is different."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.ids import (
    NOBODY,
    address_hash,
    digest,
    is_usable_identity,
    reminder_id,
    shard_of,
    short_hash,
    viewer_id,
)
from tests.unit.samples import examples


@examples(150)
@given(st.lists(st.text(max_size=6), max_size=4), st.lists(st.text(max_size=6), max_size=4))
def test_parts_never_run_into_each_other(one: list[str], other: list[str]) -> None:
    assert (digest(*one) == digest(*other)) == (one == other)


def test_ids_are_short_plain_and_the_same_for_ever() -> None:
    assert viewer_id("user", "u1") == "ukdidyhawvq5ljfwe"
    name = reminder_id("hot", "first", "u1", "show#s1", 0)
    assert re.fullmatch(r"r[a-z2-7]{16}", name)
    assert name == reminder_id("hot", "first", "u1", "show#s1", 0)
    assert name != reminder_id("hot", "first", "u1", "show#s1", 1)
    assert viewer_id("user", "1") != viewer_id("anonymous", "1")


@pytest.mark.parametrize(
    "nobody", [*sorted(NOBODY), "NULL", "Undefined", " ", "0 ", "x" * 257, "a\nb", "\u200b", "\ud800", "\0"]
)
def test_nobody(nobody: str) -> None:
    assert not is_usable_identity(nobody)


@pytest.mark.parametrize("somebody", ["1", "u1", "anonymous-7", "张伟", "a b", "x" * 256, "null-island"])
def test_somebody(somebody: str) -> None:
    assert is_usable_identity(somebody)


def test_an_address_is_one_however_it_is_written_and_secret() -> None:
    one = address_hash("secret", "email", "Mei@Example.com ")
    assert one == address_hash("secret", "email", "mei@example.com")
    assert one != address_hash("other", "email", "mei@example.com")
    assert one != address_hash("secret", "sms", "mei@example.com")


def test_shards_are_even() -> None:
    shards = [shard_of(f"r{number}", 8) for number in range(8_000)]
    assert set(shards) == set(range(8))
    assert max(map(shards.count, range(8))) < 1_200


def test_short_hashes_fill_the_range() -> None:
    hashes = sorted(short_hash(f"m{number}") for number in range(1_000))
    assert len(set(hashes)) == 1_000
    assert hashes[499] == pytest.approx(2**63, rel=0.1)
