"""One fault at every port call leaves one message, never one on each channel; a stop is kept on both."""

from __future__ import annotations

from functools import lru_cache

import pytest

from aftershow.rules import links
from infra.local.faults import Call, Fault, Faults
from tests.faults import two_channels
from tests.faults.bench import Broken, spread
from tests.faults.two_channels import Story, bounced, opened, play, refused
from tests.functional.story import FORM, ONE_CLICK, Viewer
from tests.functional.test_opting_out import Interruption

# The quick suite tries so many faults of the function that sends and of all others.
QUICK_SENDS, QUICK_OTHERS, QUICK_STOPS = 30, 15, 20
FAULTS = pytest.mark.parametrize(
    "most", [None, pytest.param(150, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])], ids=["some", "many"]
)


def run_with(faults: Faults) -> Story:
    return play(opened(faults), refused(), bounced())


@lru_cache(maxsize=1)
def all_faults() -> tuple[Broken, ...]:
    """Every fault of the story, from one dry run."""
    faults = Faults()
    run_with(faults)
    return tuple(Broken(call, kind) for call, kind in faults.every())


def is_unknown(story: Story) -> bool:
    return any(story.row(viewer).outcome == "unknown" for viewer in (refused(), bounced()))


def may_leave_doubt(broken: Broken) -> bool:
    """Whether after a fault nobody may know if a message left: of the process that sends, once it has claimed."""
    return broken.call.function == "send_message" and broken.kind is not Fault.DUPLICATE


def test_without_a_fault_both_get_one_text() -> None:
    faults = Faults()
    story = run_with(faults)
    assert list(two_channels.promises_broken(story)) == []
    assert not is_unknown(story)
    assert story.shop.host.errors == []
    sends = [call.about for call in faults.calls if call.name == "channel.send"]
    assert sorted(sends) == ["email", "email", "sms", "sms"]


@FAULTS
def test_a_single_fault_leaves_one_message_on_one_channel(most: int | None) -> None:
    sending = [broken for broken in all_faults() if broken.call.function == "send_message"]
    others = [broken for broken in all_faults() if broken.call.function != "send_message"]
    chosen = [*spread(sending, most or QUICK_SENDS), *spread(others, most or QUICK_OTHERS)]
    wrong, unknown = list[str](), 0
    for broken in chosen:
        story = run_with(Faults(broken.call.number, broken.kind))
        in_doubt = is_unknown(story)
        unknown += in_doubt
        wrong += [f"{broken}: {text}" for text in two_channels.promises_broken(story)]
        if in_doubt and not may_leave_doubt(broken):
            wrong.append(f"{broken}: unknown, though it could be known")
        story.shop.state.close()
    print(f"\ntwo channels: {len(chosen)} faults, {unknown} unknown, {len(wrong)} wrong")  # noqa: T201 (the bench's line)
    assert wrong == []
    assert 0 < unknown < len(chosen)


def stopped(before: int, who: Viewer) -> tuple[Story, list[Call], int]:
    """The story of one viewer, in which she says stop by her message's link before that call of a port. Also how many
    messages had been claimed when it was acknowledged."""
    claimed = 0

    def stop() -> None:
        nonlocal claimed
        row = story.row(who)
        token = links.sign(
            story.shop.records().settings.link_secret, "unsubscribe", links.LinkTarget(row.viewer, row.id, 0)
        )
        assert story.shop.host.request("POST", f"/u/{token}", FORM, ONE_CLICK).status == 200
        claimed = story.row(who).attempt

    faults = Interruption(before, stop)
    story = opened(faults)
    return play(story, who), faults.calls, claimed


@FAULTS
@pytest.mark.parametrize("who", [refused(), bounced()], ids=["refused", "bounced"])
def test_a_stop_between_any_two_steps_is_kept_on_both_channels(who: Viewer, most: int | None) -> None:
    _, calls, _ = stopped(0, Viewer(who.name, email=who.email))
    written = [call.number for call in calls if call.name == "backend.write" and "reminders" in call.about]
    places = range(written[0] + 1, calls[-1].number + 1)
    step = max(len(places) // (most or QUICK_STOPS), 1)
    for before in places[::step]:
        viewer = Viewer(who.name, email=who.email)
        story, _, claimed = stopped(before, viewer)
        # A message that was claimed before may leave; none is claimed after.
        assert story.row(viewer).attempt == claimed, before
        assert story.texts(viewer) + story.mails(viewer) <= claimed
        assert not story.row(viewer).open
        story.shop.state.close()
