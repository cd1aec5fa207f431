"""Launching: nothing without an approval by somebody else, for exactly what was approved; and fair, stable shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.ids import viewer_id
from aftershow.model.launches import WHOLE, Launch
from aftershow.model.playbooks import PlannedStep, Playbook
from aftershow.model.viewers import Head
from aftershow.rules.launching import (
    NOT_APPROVED,
    STOPPED,
    NotApproved,
    approved,
    in_share,
    launched,
    read_share,
    share_text,
    stopped,
)
from tests.unit.samples import START, merged, playbook

WRITTEN = playbook(author="Lan", texts="t1")
SHARES = st.integers(1, WHOLE)
VIEWERS = st.sampled_from([viewer_id("user", str(number)) for number in range(40)])
ANY_VIEWERS = VIEWERS | st.sampled_from([viewer_id("anonymous", str(number)) for number in range(40)])


def test_nothing_is_done_before_an_approval() -> None:
    assert launched(WRITTEN, None).off == NOT_APPROVED
    assert launched(WRITTEN, approved(WRITTEN, "Mei", WHOLE, START)).off is None


@pytest.mark.parametrize("by", ["Lan", " lan ", "LAN", "Ｌａｎ"])
def test_who_wrote_it_does_not_approve_it(by: str) -> None:
    with pytest.raises(NotApproved, match="somebody else must approve it"):
        approved(WRITTEN, by, WHOLE, START)


@pytest.mark.parametrize(("written", "by"), [(WRITTEN, "  "), (playbook(), "Mei"), (playbook(author=" "), "Mei")])
def test_an_approval_without_a_name_on_either_side_is_refused(written: Playbook, by: str) -> None:
    with pytest.raises(NotApproved, match="name"):
        approved(written, by, WHOLE, START)


CHANGES = [
    {"version": 2},
    {"author": "Ming"},
    {"texts": "t2"},
    {"hours": (9, 21)},
    {"channels": ("email", "sms")},
    {"steps": (PlannedStep(id="first", template="other"),)},
    {"message_class": "service"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_another_content_is_not_the_one_that_was_approved(change: dict[str, object]) -> None:
    launch = approved(WRITTEN, "Mei", WHOLE, START)
    changed = WRITTEN.model_copy(update=change)
    assert launched(changed, launch).off == NOT_APPROVED
    assert launched(changed, approved(changed, "Mei", WHOLE, START)).off is None
    assert launched(WRITTEN, Launch.read(launch.body())).off is None, "and back again"


def test_a_stop_holds_until_the_next_approval() -> None:
    launch = stopped("hot", approved(WRITTEN, "Mei", WHOLE, START), "Ming", START + 1)
    assert launched(WRITTEN, launch).off == STOPPED
    assert launched(WRITTEN.model_copy(update={"version": 2}), launch).off == STOPPED
    assert stopped("hot", launch, "Lan", START + 2) == launch, "the first stop counts"
    assert launched(WRITTEN, approved(WRITTEN, "Mei", WHOLE, START + 3)).off is None


def test_what_was_never_approved_can_be_stopped_too() -> None:
    assert launched(WRITTEN, stopped("hot", None, "Ming", START)).off == STOPPED


@given(VIEWERS, SHARES, SHARES)
def test_a_larger_share_only_adds_people(viewer: str, one: int, other: int) -> None:
    head = Head(viewer=viewer)
    if in_share("hot", head, min(one, other)):
        assert in_share("hot", head, max(one, other))
    assert in_share("hot", head, WHOLE)


@pytest.mark.parametrize("share", [50, 500, 2_000, 5_000])
def test_a_share_is_that_part_of_the_people_of_each_playbook(share: int) -> None:
    people = [Head(viewer=viewer_id("user", f"customer-{number}")) for number in range(20_000)]
    # Five standard deviations of a fair draw.
    room = 5 * (20_000 * share / WHOLE * (1 - share / WHOLE)) ** 0.5
    chosen = {name: {head.viewer for head in people if in_share(name, head, share)} for name in ("hot", "quiet")}
    for listed in chosen.values():
        assert abs(len(listed) - 20_000 * share / WHOLE) < room
    both = len(chosen["hot"] & chosen["quiet"])
    assert abs(both - 20_000 * (share / WHOLE) ** 2) < room, "another playbook's share is other people"


@given(st.lists(ANY_VIEWERS, min_size=2, max_size=8, unique=True), SHARES, st.randoms(use_true_random=False))
def test_whoever_is_in_stays_in_when_users_turn_out_to_be_one(names: list[str], share: int, chance: object) -> None:
    order = sorted(names, key=lambda _: chance.random())  # type: ignore[attr-defined]
    one, *others = (Head(viewer=name) for name in order)
    for other in others:
        were_in = [head for head in (one, other) if head.viewer[0] == "u" and in_share("hot", head, share)]
        one = merged(one, other)
        if were_in:
            assert in_share("hot", one, share)
    users = [name for name in names if name[0] == "u"]
    by_users = any(in_share("hot", Head(viewer=name), share) for name in users or names)
    assert in_share("hot", one, share) == by_users, "in any order; devices are no further tickets"


@pytest.mark.parametrize(
    ("text", "share", "shown"),
    [("5%", 500, "5 %"), ("0.5%", 50, "0.5 %"), (" 12,5 ％ ", 1250, "12.5 %"), ("100", WHOLE, "100 %"),
     ("10%", 1000, "10 %")],
)  # fmt: skip
def test_shares_are_read_as_people_write_them(text: str, share: int, shown: str) -> None:
    assert (read_share(text), share_text(share)) == (share, shown)


@pytest.mark.parametrize("text", ["", "0", "0%", "0.001%", "101%", "-5%", "five", "5%%", "1e2", "NaN"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a share is from"):
        read_share(text)


@given(SHARES)
def test_a_share_is_read_back(share: int) -> None:
    assert read_share(share_text(share)) == share
