"""Whatever breaks, and whenever she opts out: no draft is sent after it was taken back, and every row ends."""

from __future__ import annotations

from functools import lru_cache

import pytest

from infra.local.faults import Call, Fault, Faults
from tests.faults import drafted
from tests.faults.bench import Broken, every_fault, is_claim, spread, tried
from tests.functional.drafting import PLAYBOOK, drafts_of, shop_with_staff
from tests.functional.story import Shop, Viewer
from tests.functional.test_opting_out import Interruption, Meanwhile, opts_out

MEI = Viewer("mei")


@lru_cache(maxsize=1)
def all_faults() -> tuple[Broken, ...]:
    """Every fault of the scenario, from one dry run."""
    return tuple(every_fault(drafted.run_with))


def test_without_a_fault_every_promise_is_kept() -> None:
    shop = drafted.run_with(Faults())
    assert list(drafted.promises_broken(shop)) == []
    first = shop.reminders(MEI, PLAYBOOK)[0]
    assert (first.outcome, first.reason) == ("cancelled", "opted_out")
    assert [draft.state for draft in drafts_of(shop, MEI)] == ["taken_back"]
    assert shop.host.errors == []


def in_doubt() -> tuple[int, int]:
    """The calls between which a crash leaves a draft that nobody knows of: from the claim's write to that of its id."""
    calls = {broken.call.number: broken.call for broken in all_faults()}
    claim = min(number for number, call in calls.items() if is_claim(call))
    kept = min(
        number
        for number, call in calls.items()
        if number > claim and (call.function, call.name) == ("send_message", "backend.write")
    )
    return claim, kept


def what_is_wrong(broken: Broken, shop: Shop) -> list[str]:
    """The promises that a fault broke."""
    wrong = list(drafted.promises_broken(shop))
    claim, kept = in_doubt()
    if drafted.is_unknown(shop) and not claim <= broken.call.number <= kept:
        wrong.append("unknown, though it could be known")
    return wrong


@pytest.mark.parametrize(
    "most", [16, pytest.param(150, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])], ids=["some", "many"]
)
def test_no_single_fault_sends_a_draft_that_was_taken_back(most: int) -> None:
    on_the_way = [broken for broken in all_faults() if broken.call.name.startswith("channel.")]
    others = [broken for broken in all_faults() if not broken.call.name.startswith("channel.")]
    sending = [broken for broken in others if broken.call.function == "send_message"]
    chosen = [*on_the_way, *spread(sending, most), *spread(others, most // 2)]
    tally = tried(drafted.run_with, chosen, what_is_wrong, drafted.is_unknown)
    print(f"\ndrafts: {tally}")  # noqa: T201 (the summary line of the bench)
    assert tally.wrong == []
    assert {Fault.CRASH_AFTER, Fault.LOST_REPLY} <= {broken.kind for broken in on_the_way}


def interrupted(before: int) -> tuple[Shop, list[Call]]:
    """The story without her word at its usual moment: she opts out just before that call of a port."""
    meanwhile = Meanwhile(opts_out)
    faults = Interruption(before, meanwhile)
    meanwhile.shop, meanwhile.viewer = shop_with_staff(drafted.OPENS, faults), Viewer("mei")
    return drafted.tells(meanwhile.shop, meanwhile.viewer, opts_out=False), faults.calls


@lru_cache(maxsize=1)
def calls_around_the_draft() -> tuple[int, ...]:
    """The numbers of the calls between the reminder's planning and the end of the first look at its draft."""
    calls = interrupted(0)[1]
    written = [call.number for call in calls if call.name == "backend.write" and "reminders" in call.about]
    # Nothing differs before and after what only looks for work.
    looks = {call.number for call in calls if call.name == "backend.query_index"}
    return tuple(number for number in range(written[0] + 1, written[3] + 2) if number not in looks)


def test_her_opt_out_between_any_two_calls_keeps_staff_from_sending() -> None:
    """Before the claim nothing is drafted; after it what was drafted is taken back before staff come."""
    around = calls_around_the_draft()
    drafts: list[int] = []
    for before in around:
        shop, _ = interrupted(before)
        assert list(drafted.promises_broken(shop)) == [], before
        assert not drafted.is_unknown(shop)
        drafts.append(len(drafts_of(shop, MEI)))
    # At first there is none yet, then there is one.
    assert drafts == sorted(drafts)
    assert (drafts[0], drafts[-1]) == (0, 1)


def test_without_an_opt_out_staff_send_it() -> None:
    shop, _ = interrupted(0)
    first = shop.reminders(MEI, PLAYBOOK)[0]
    assert (first.outcome, [one.state for one in drafts_of(shop, MEI)][:1]) == ("sent", ["sent"])
