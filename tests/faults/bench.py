"""The bench: a scenario is run once to number its port calls, then again with one fault at a time.

A scenario is a function `run_with(faults)` that tells its story to the end and returns the shop. It must be repeatable,
and it must let enough time pass for every time-out, lease and redelivery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from infra.local.faults import Call, Fault, Faults
from tests.functional.story import Shop

RunWith = Callable[[Faults], Shop]
# What is wrong after a run, in words; empty where every promise was kept.
Check = Callable[["Broken", Shop], list[str]]


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault: the call of the dry run at which it happens, and its kind."""

    call: Call
    kind: Fault

    def __str__(self) -> str:
        """How to get it again."""
        call = self.call
        return f"Faults({call.number}, {self.kind}) at {call.function} {call.name} {call.about}".rstrip()


@dataclass
class Tally:
    """What became of the runs."""

    tried: int = 0
    sent: int = 0
    unknown: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The summary line."""
        return (
            f"{self.tried} faults injected: {self.sent} ended with the message sent, {self.unknown} unknown, "
            f"{len(self.wrong)} wrong"
        )


def every_fault(run_with: RunWith) -> list[Broken]:
    """Every single fault that a scenario can meet."""
    faults = Faults()
    run_with(faults)
    return [Broken(call, kind) for call, kind in faults.every()]


def spread(listed: Sequence[Broken], most: int) -> list[Broken]:
    """At most that many of them, evenly over the whole run."""
    return [listed[number * len(listed) // most] for number in range(most)] if len(listed) > most else list(listed)


def in_doubt(listed: Iterable[Broken]) -> Iterator[Broken]:
    """The faults after which nobody can know whether a message left: the process ends when its claim is committed and
    before the provider has accepted. Marketing is then never sent again."""
    before = {broken.call.number: broken.call for broken in listed}
    for send in [call for call in before.values() if call.name == "channel.send"]:
        claim = max(number for number, call in before.items() if number < send.number and is_claim(call))
        for broken in listed:
            done = broken.call.number if broken.kind is Fault.CRASH_AFTER else broken.call.number - 1
            if broken.kind in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER) and claim <= done < send.number:
                yield broken


def is_claim(call: Call) -> bool:
    """Whether a call may be the write of a claim: reminder, head and address together."""
    return (call.function, call.name, call.about) == ("send_message", "backend.write", "addresses,reminders,viewers")


def tried(run_with: RunWith, listed: Iterable[Broken], check: Check, unknown: Callable[[Shop], bool]) -> Tally:
    """Run the scenario with each of the faults, and check what it ends in."""
    tally = Tally()
    for broken in listed:
        faults = Faults(broken.call.number, broken.kind)
        shop = run_with(faults)
        wrong = check(broken, shop) if faults.happened == broken.call else ["the run came to another call"]
        tally.tried += 1
        in_question = unknown(shop)
        tally.unknown += in_question
        tally.sent += not in_question
        tally.wrong += [f"{broken}: {text}" for text in wrong]
        shop.state.close()
    return tally
