"""An opt-out between two reminders, by one click or on the preference page, with time for all to settle."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.rules import links
from infra.local.faults import Faults
from infra.local.mailbox import Accepted
from tests.functional.story import FORM, Shop, Show, Viewer, almost_buys, at

OPENS = at("2026-03-06T09:50+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
SHE_LOOKS = ENDS + 2 * HOUR
OVER = ENDS + 4 * DAY
SHOW = Show("spring")


def clicks_once(shop: Shop, mail: Accepted) -> int:
    """What a mail program does."""
    return shop.unsubscribes(mail).status


def switches_off(shop: Shop, mail: Accepted) -> int:
    """She switches e-mail off on the preference page."""
    target = links.LinkTarget(mail.tags["viewer"], mail.tags["reminder"], 0)
    token = links.sign(shop.records().settings.link_secret, "preferences", target)
    return shop.calls("POST", f"/p/{token}", FORM, b"topic=replay&topic=offers&topic=care&per_week=").status


def run_on_the_page(faults: Faults) -> Shop:
    """The scenario with the preference page."""
    return run_with(faults, switches_off)


def run_with(faults: Faults, says: Callable[[Shop, Accepted], int] = clicks_once) -> Shop:
    """The scenario, to its end."""
    shop, mei = Shop(OPENS, faults=faults), Viewer("mei")
    shop.hears(SHOW.scheduled(OPENS + MINUTE, ENTERS, ENDS + HOUR), *almost_buys(mei, SHOW, ENTERS))
    shop.hears(SHOW.ended(ENDS))
    shop.until(SHE_LOOKS)
    for mail in shop.mails:
        assert says(shop, mail) == 200
    if not shop.mails:
        # Nobody knows whether the message left; she says it in the shop.
        shop.hears(mei.withdraws(SHE_LOOKS + MINUTE))
    shop.until(OVER)
    return shop


def is_unknown(shop: Shop) -> bool:
    """Whether nobody knows if the first message left."""
    return shop.reminders(Viewer("mei"))[0].outcome == "unknown"


def promises_broken(shop: Shop) -> Iterator[str]:
    """What is wrong at the end, whatever broke on the way."""
    rows = shop.reminders(Viewer("mei"))
    if [row.step for row in rows] != ["at-once", "last-call"]:
        yield f"reminders: {[(row.step, row.outcome) for row in rows]}"
        return
    first, second = rows
    if (second.outcome, second.reason, second.claimed_at) != ("cancelled", "opted_out", None):
        yield f"the second reminder: {second.outcome}, {second.reason}"
    mailed = [mail.tags["reminder"] for mail in shop.mails]
    if mailed != ([] if first.outcome == "unknown" else [first.id]):
        yield f"messages: {mailed}, the first reminder: {first.outcome}"
    if mailed and [one.suppressed for one in shop.records().addresses.values()] != ["opted_out"]:
        yield "the address is not suppressed"
    if mailed and first.feedback.unsubscribed_at is None:
        yield "the opt-out is not noted on its message"
    if shop.host.failed_batches:
        yield f"failed batches: {shop.host.failed_batches}"
