"""Whatever breaks, a provider that knows a second copy by its key has each message once, and nobody is in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aftershow.model.instants import HOUR, MINUTE
from aftershow.ports.channels import Accepted, Answer, Outgoing
from infra.local.faults import Fault, Faults
from tests.faults.bench import Broken, every_fault, tried
from tests.functional.story import Shop, Show, Viewer, almost_buys, at

OPENS = at("2026-03-06T09:50+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
# A redelivery takes 6 minutes and a lease 15, and that twice.
OVER = ENDS + 2 * HOUR
SHOW = Show("spring")


@dataclass
class Partner:
    """Takes whatever comes, and knows it again by the reminder's id."""

    max_attempts: int = 10
    taken: dict[str, int] = field(default_factory=dict)

    def send(self, message: Outgoing) -> Answer:
        """Every copy is accepted; the first one counts."""
        reminder = message.tags["reminder"]
        self.taken[reminder] = self.taken.get(reminder, 0) + 1
        return Accepted(reminder)


PARTNERS: dict[int, Partner] = {}


def run_with(faults: Faults) -> Shop:
    """The first reminder after a show."""
    partner = Partner()
    shop = Shop(OPENS, faults=faults, channels={"email": lambda: partner})
    PARTNERS[id(shop)] = partner
    # A new one each time: she numbers what she says.
    mei = Viewer("mei")
    shop.hears(SHOW.scheduled(OPENS + MINUTE, ENTERS, ENDS), *almost_buys(mei, SHOW, ENTERS), SHOW.ended(ENDS))
    shop.until(OVER)
    return shop


def promises_broken(_: Broken, shop: Shop) -> list[str]:
    """What is wrong at the end."""
    return list(_broken(shop, PARTNERS.pop(id(shop))))


def _broken(shop: Shop, partner: Partner) -> Iterator[str]:
    mei = Viewer("mei")
    first = shop.reminders(mei)[0]
    if first.outcome != "sent":
        yield f"the reminder is {first.outcome or first.state}"
    if set(partner.taken) != {first.id}:
        yield f"the partner has {len(partner.taken)} messages"
    if partner.taken.get(first.id, 0) > 2:
        yield f"it came {partner.taken[first.id]} times after one fault"
    if [send.reminder for send in shop.head(mei).sends.get("marketing", ())] != [first.id]:
        yield "the caps count another number"
    if shop.left_over():
        yield f"left over: {shop.left_over()}"


def test_no_single_fault_leaves_a_message_unsent_or_a_partner_with_two() -> None:
    sending = [broken for broken in every_fault(run_with) if broken.call.function == "send_message"]
    assert {broken.kind for broken in sending} == set(Fault)
    tally = tried(run_with, sending, promises_broken, lambda _: False)
    assert tally.wrong == [], str(tally)
    assert tally.tried == len(sending)
