"""What the store promises, on every backend."""

from __future__ import annotations

import pytest

from aftershow.ports.store import (
    MAX_COMMIT_BYTES,
    MAX_ITEM_BYTES,
    Check,
    Conflict,
    IndexRow,
    Item,
    Key,
    LimitExceeded,
    OutboxEvent,
    Put,
    Range,
    Store,
    Version,
    item_bytes,
)

ADA = Key("viewers", "ada")
BEN = Key("viewers", "ben", "profile")
ORDER = Key("orders", "order#1")


def test_an_item_is_absent_until_it_is_put(store: Store) -> None:
    assert store.get(ADA) is None

    versions = store.commit([Put(ADA, '{"a": 1}', None)])

    assert versions == {ADA: Version(1, "c1")}
    assert store.get(ADA) == Item(ADA, Version(1, "c1"), '{"a": 1}')


def test_a_put_needs_the_version_it_was_decided_on(store: Store) -> None:
    first = store.commit([Put(ADA, "1", None)])[ADA]
    second = store.commit([Put(ADA, "2", first)])[ADA]
    assert second == Version(2, "c2")

    with pytest.raises(Conflict):
        store.commit([Put(ADA, "stale", first)])
    with pytest.raises(Conflict):
        store.commit([Put(ADA, "absent", None)])
    with pytest.raises(Conflict):
        store.commit([Put(BEN, "never was", first)])

    assert store.get(ADA) == Item(ADA, second, "2")
    assert store.get(BEN) is None


@pytest.mark.parametrize("other", [Version(1, "cX"), Version(2, "c1")])
def test_a_version_is_compared_whole(store: Store, other: Version) -> None:
    store.commit([Put(ADA, "1", None)])
    with pytest.raises(Conflict):
        store.commit([Put(ADA, "2", other)])
    with pytest.raises(Conflict):
        store.commit([Put(BEN, "2", None)], [Check(ADA, other)])


def test_a_commit_writes_several_tables_or_nothing(store: Store) -> None:
    versions = store.commit([Put(ADA, "1", None), Put(ORDER, "1", None)])
    assert versions == {ADA: Version(1, "c1"), ORDER: Version(1, "c1")}
    newer = store.commit([Put(ORDER, "2", versions[ORDER])])[ORDER]

    with pytest.raises(Conflict):
        store.commit([Put(BEN, "3", None), Put(ADA, "3", versions[ADA]), Put(ORDER, "3", versions[ORDER])])

    assert store.get_many([ADA, BEN, ORDER]) == {
        ADA: Item(ADA, versions[ADA], "1"),
        ORDER: Item(ORDER, newer, "2"),
    }


def test_a_check_holds_without_writing(store: Store) -> None:
    ada = store.commit([Put(ADA, "1", None)])[ADA]

    store.commit([Put(ORDER, "1", None)], [Check(ADA, ada), Check(BEN, None)])

    assert store.get(ADA) == Item(ADA, ada, "1")
    assert store.get(BEN) is None


def test_a_check_that_fails_refuses_every_put(store: Store) -> None:
    old = store.commit([Put(ADA, "1", None)])[ADA]
    store.commit([Put(ADA, "2", old)])

    for failing in (Check(ADA, old), Check(ADA, None), Check(BEN, old)):
        with pytest.raises(Conflict):
            store.commit([Put(ORDER, "1", None)], [failing])

    assert store.get(ORDER) is None


def test_a_put_replaces_outbox_index_and_expiry(store: Store) -> None:
    events = (OutboxEvent("Order Counted", '{"at": "直播"}'), OutboxEvent("Reached", "{}"))
    full = Put(ADA, "1", None, events, ("room#1", "0001"), 1_800_000_000)
    version = store.commit([full])[ADA]
    assert store.get(ADA) == Item(ADA, version, "1", events, ("room#1", "0001"), 1_800_000_000)

    bare = store.commit([Put(ADA, "2", version)])[ADA]

    assert store.get(ADA) == Item(ADA, bare, "2")
    assert store.query_index("viewers", Range("room#1")).rows == ()


@pytest.mark.parametrize("text", ["", "\0", "直播 \U0001f389", '"\\\n', "\x7f\ufffe\uffff"])
def test_any_text_comes_back_as_it_was(store: Store, text: str) -> None:
    key = Key("viewers", f"pk{text}", f"sk{text}")
    index = (f"ipk{text}", f"isk{text}")
    store.commit([Put(key, text, None, (OutboxEvent(f"kind{text}", text),), index)])

    found = store.get(key)
    assert found == Item(key, Version(1, "c1"), text, (OutboxEvent(f"kind{text}", text),), index)
    assert store.query("viewers", Range(key.pk)).items == (found,)
    assert store.query_index("viewers", Range(index[0])).rows == (IndexRow(*index, key),)


def test_many_items_come_in_one_answer(store: Store) -> None:
    keys = [Key("viewers", f"viewer#{number}") for number in range(99)]
    store.commit([Put(key, key.pk, None) for key in [*keys, ORDER]])

    found = store.get_many([*keys, *keys, ORDER, ADA, BEN])

    assert {key: item.body for key, item in found.items()} == {key: key.pk for key in [*keys, ORDER]}
    assert store.get_many([]) == {}


class TestQuery:
    """Ranges and pages of one partition. UTF-8 order: the planes beyond the first come last."""

    ORDERED = ("a", "a#1", "b", "é", "\uffff", "\U0001f389")

    @pytest.fixture(autouse=True)
    def _fill(self, store: Store) -> None:
        keys = [Key("viewers", "room", sort) for sort in reversed(self.ORDERED)]
        others = [Key("viewers", "room2"), Key("orders", "room")]
        store.commit([Put(key, key.sk, None) for key in [*keys, *others]])

    @pytest.mark.parametrize(
        ("first", "last", "expected"),
        [
            ("", None, ORDERED),
            ("a#1", None, ORDERED[1:]),
            ("a#", "b", ("a#1", "b")),
            ("", "a", ("a",)),
            ("b", "b", ("b",)),
            ("c", "d", ()),
            ("b", "a", ()),
            ("", "", ()),
        ],
    )
    def test_a_range_is_inclusive(self, store: Store, first: str, last: str | None, expected: tuple[str, ...]) -> None:
        page = store.query("viewers", Range("room", first, last))
        assert tuple(item.key.sk for item in page.items) == expected
        assert page.after is None

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 7])
    def test_pages_follow_each_other(self, store: Store, limit: int) -> None:
        seen: list[str] = []
        after: str | None = None
        while True:
            page = store.query("viewers", Range("room", "a#", "\uffff", limit, after))
            assert len(page.items) <= limit
            seen.extend(item.key.sk for item in page.items)
            after = page.after
            if after is None:
                break
        assert tuple(seen) == self.ORDERED[1:5]

    def test_a_partition_without_items_is_an_empty_page(self, store: Store) -> None:
        assert store.query("viewers", Range("nobody")).items == ()

    def test_a_page_has_room(self) -> None:
        with pytest.raises(ValueError, match="at least one row"):
            Range("room", limit=0)


class TestIndex:
    """The sparse index: what has an index pair, sorted by it."""

    @pytest.fixture(autouse=True)
    def _fill(self, store: Store) -> None:
        store.commit(
            [
                *(
                    Put(Key("viewers", f"v{number}", "s"), "", None, index=("due", f"{number:03d}"))
                    for number in range(5)
                ),
                # Two items at one place.
                Put(Key("viewers", "v2", "t"), "", None, index=("due", "002")),
                Put(Key("viewers", "unlisted"), "", None),
                Put(Key("viewers", "elsewhere"), "", None, index=("due2", "001")),
                Put(Key("orders", "v1"), "", None, index=("due", "001")),
            ]
        )

    def test_rows_name_the_items_behind_them(self, store: Store) -> None:
        page = store.query_index("viewers", Range("due", "001", "001"))
        assert page.rows == (IndexRow("due", "001", Key("viewers", "v1", "s")),)

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
    def test_pages_follow_each_other(self, store: Store, limit: int) -> None:
        seen: list[tuple[str, Key]] = []
        after: str | None = None
        while True:
            page = store.query_index("viewers", Range("due", "001", None, limit, after))
            seen.extend((row.sk, row.key) for row in page.rows)
            after = page.after
            if after is None:
                break
        assert [sk for sk, _ in seen] == ["001", "002", "002", "003", "004"]
        assert len({key for _, key in seen}) == len(seen)

    def test_a_put_moves_and_removes_its_row(self, store: Store) -> None:
        key = Key("viewers", "v1", "s")
        moved = store.commit([Put(key, "", Version(1, "c1"), index=("due", "9"))])[key]
        assert _last_row(store) == IndexRow("due", "9", key)

        store.commit([Put(key, "", moved)])

        rows = store.query_index("viewers", Range("due")).rows
        assert key not in {row.key for row in rows}
        assert len(rows) == 5


def _last_row(store: Store) -> IndexRow:
    return store.query_index("viewers", Range("due")).rows[-1]


class TestLimits:
    """The port's limits are the same everywhere, and no backend refuses what they allow."""

    def test_a_full_commit_is_taken(self, store: Store) -> None:
        puts = [Put(Key("viewers", f"v{number}"), "", None) for number in range(99)]
        assert len(store.commit(puts, [Check(ADA, None)])) == 99

    @pytest.mark.parametrize("checked", [False, True])
    def test_the_largest_item_is_taken(self, store: Store, *, checked: bool) -> None:
        index = ("i" * 2048, "直" * 341)
        events = (OutboxEvent("直播", "播" * 10_000),)
        room = MAX_ITEM_BYTES - item_bytes(Put(ADA, "", None, events, index, 1))
        put = Put(ADA, "b" * room, None, events, index, 1)
        assert item_bytes(put) == MAX_ITEM_BYTES

        store.commit([put], [Check(BEN, None)] if checked else [])

        assert store.get(ADA) == Item(ADA, Version(1, "c1"), put.body, events, index, 1)

    def test_the_longest_keys_are_taken(self, store: Store) -> None:
        key = Key("viewers", "p" * 2048, "s" * 1024)
        store.commit([Put(key, "", None)])
        assert store.get(key) is not None

    @pytest.mark.parametrize(
        ("puts", "checks", "words"),
        [
            ([], [Check(ADA, None)], "at least one put"),
            ([Put(ADA, "", None)], [Check(ADA, None)], "no key twice"),
            ([Put(ADA, "", None), Put(ADA, "", None)], [], "no key twice"),
            (
                [Put(Key("viewers", f"v{number}"), "", None) for number in range(100)],
                [Check(ADA, None)],
                "at most 100 items",
            ),
            ([Put(ADA, "b" * MAX_ITEM_BYTES, None)], [], "an item takes at most"),
            (
                [Put(Key("viewers", f"v{number}"), "b" * (MAX_COMMIT_BYTES // 11), None) for number in range(12)],
                [],
                "a commit takes at most",
            ),
            ([Put(ADA, "", None, (OutboxEvent("E", "{}"),) * 17)], [], "at most 16 events"),
            ([Put(ADA, "", None, (OutboxEvent("E", "x" * 16_400),) * 2)], [], "outbox takes"),
            ([Put(Key("viewers", ""), "", None)], [], "pk must have"),
            ([Put(Key("viewers", "直" * 683), "", None)], [], "pk must have"),
            ([Put(Key("viewers", "v", "s" * 1025), "", None)], [], "sk must have"),
            ([Put(ADA, "", None, index=("", "1"))], [], "pk must have"),
            ([Put(ADA, "", None, index=("1", "s" * 1025))], [], "sk must have"),
            ([Put(ADA, "", None)], [Check(Key("viewers", "v", ""), None)], "sk must have"),
        ],
    )
    def test_more_is_refused_before_it_is_sent(
        self, store: Store, puts: list[Put], checks: list[Check], words: str
    ) -> None:
        with pytest.raises(LimitExceeded, match=words):
            store.commit(puts, checks)
        assert store.get(ADA) is None
