"""Every single fault of the main way leaves one message, one award, nothing lost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import pytest

from infra.local.faults import Fault, Faults
from tests.faults import main_way, opt_out
from tests.faults.bench import Broken, every_fault, in_doubt, is_claim, spread, tried
from tests.functional.story import Shop

# The quick suite tries every fault of the functions that send and that pay, and so many of the others.
ALWAYS = ("send_message", "award_points", "rewards_api")
QUICK_FAULTS = 90


@lru_cache(maxsize=1)
def all_faults() -> tuple[Broken, ...]:
    """Every fault of the main way, from one dry run."""
    return tuple(every_fault(main_way.run_with))


@lru_cache(maxsize=1)
def doubtful() -> frozenset[Broken]:
    """Those that end "unknown"."""
    return frozenset(in_doubt(all_faults()))


def what_is_wrong(broken: Broken, shop: Shop) -> list[str]:
    """The promises that a fault broke."""
    lost_answer_of_bus = broken.call.name == "bus.publish" and broken.kind is Fault.LOST_REPLY
    wrong = list(main_way.promises_broken(shop, may_refuse_events=lost_answer_of_bus))
    expected = broken in doubtful()
    if main_way.is_unknown(shop) != expected:
        wrong.append("unknown, though it could be known" if not expected else "known, though nobody could know")
    return wrong


def test_without_a_fault_every_promise_is_kept() -> None:
    faults = Faults()
    shop = main_way.run_with(faults)
    assert list(main_way.promises_broken(shop, may_refuse_events=False)) == []
    assert not main_way.is_unknown(shop)
    assert shop.host.errors == []
    # Every function of the main way took part.
    assert {call.function for call in faults.calls} == {function.name for function in shop.host.template.functions}


def test_doubt_lies_between_the_claim_and_the_provider() -> None:
    around = {(broken.call.function, broken.call.name, broken.kind) for broken in doubtful()}
    assert ("send_message", "backend.write", Fault.CRASH_AFTER) in around
    assert ("send_message", "channel.send", Fault.CRASH_BEFORE) in around
    assert {function for function, *_ in around} == {"send_message"}
    assert len([broken for broken in all_faults() if is_claim(broken.call) and broken.kind is Fault.CRASH_AFTER]) == 1
    assert len(doubtful()) <= 8


def try_them(listed: Sequence[Broken]) -> None:
    tally = tried(main_way.run_with, listed, what_is_wrong, main_way.is_unknown)
    print(f"\nmain way: {tally}")  # noqa: T201 (the summary line of the bench)
    assert tally.wrong == []
    assert tally.unknown == len(doubtful() & set(listed))


def test_single_faults_all_over_the_main_way() -> None:
    always = [broken for broken in all_faults() if broken.call.function in ALWAYS]
    others = [broken for broken in all_faults() if broken.call.function not in ALWAYS]
    try_them([*always, *spread(others, QUICK_FAULTS)])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_single_fault_of_the_main_way() -> None:
    try_them(all_faults())


def test_no_single_fault_undoes_what_was_saved_on_the_preference_page() -> None:
    asked = [one for one in every_fault(opt_out.run_on_the_page) if one.call.function == "track_outcome"]
    chosen = spread(asked, QUICK_FAULTS)
    check, unknown = opt_out.promises_broken, opt_out.is_unknown
    tally = tried(opt_out.run_on_the_page, chosen, lambda _, shop: list(check(shop)), unknown)
    print(f"\npreference page: {tally}")  # noqa: T201 (the summary line of the bench)
    assert (tally.wrong, tally.unknown) == ([], 0)


@pytest.mark.parametrize(
    "most", [60, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])], ids=["some", "all"]
)
def test_no_single_fault_undoes_an_opt_out(most: int) -> None:
    listed = every_fault(opt_out.run_with)
    asked = [broken for broken in listed if broken.call.function == "track_outcome"]
    others = [broken for broken in listed if broken.call.function != "track_outcome"]
    chosen = [*asked, *spread(others, most)]
    tally = tried(opt_out.run_with, chosen, lambda _, shop: list(opt_out.promises_broken(shop)), opt_out.is_unknown)
    print(f"\nopt-out: {tally}")  # noqa: T201 (the summary line of the bench)
    assert tally.wrong == []
    assert tally.unknown == len(set(in_doubt(listed)) & set(chosen))
