"""A draft for staff, an opt-out while it waits, and staff who press "send" afterwards, with time for all to settle."""

from __future__ import annotations

from collections.abc import Iterator

from aftershow.model.instants import HOUR, MINUTE
from infra.local.faults import Faults
from tests.functional.drafting import PLAYBOOK, befriends, drafts_of, shop_with_staff
from tests.functional.story import Shop, Show, Viewer, at

OPENS = at("2026-03-06T09:50+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
OPTS_OUT = ENDS + HOUR
# A redelivery takes 6 minutes and a lease 15: by now the draft is taken back, or nobody knows of it.
STAFF_COME = ENDS + 2 * HOUR
OVER = STAFF_COME + HOUR
SHOW = Show("spring")


def run_with(faults: Faults) -> Shop:
    """The scenario, to its end."""
    return tells(shop_with_staff(OPENS, faults), Viewer("mei"))


def tells(shop: Shop, mei: Viewer, *, opts_out: bool = True) -> Shop:
    """The story of a viewer in such a shop."""
    shop.hears(SHOW.scheduled(OPENS + MINUTE, ENTERS, ENDS + HOUR), *befriends(mei, SHOW, ENTERS), SHOW.ended(ENDS))
    shop.until(OPTS_OUT)
    if opts_out:
        shop.hears(mei.withdraws(OPTS_OUT))
    shop.until(STAFF_COME)
    for draft in drafts_of(shop, mei):
        shop.host.wecom.confirm(draft.id)
    shop.until(OVER)
    return shop


def is_unknown(shop: Shop) -> bool:
    """Whether nobody knows what became of the first reminder."""
    return shop.reminders(Viewer("mei"), PLAYBOOK)[0].outcome == "unknown"


def promises_broken(shop: Shop) -> Iterator[str]:
    """What is wrong at the end, whatever broke on the way."""
    mei = Viewer("mei")
    drafts = drafts_of(shop, mei)
    for row in shop.reminders(mei, PLAYBOOK):
        if row.outcome in (None, "sent"):
            yield f"{row.step}: {row.outcome or row.state}"
    if len(drafts) > 1:
        yield f"{len(drafts)} drafts"
    if not is_unknown(shop):
        yield from _something_left(shop, mei)
    if shop.host.failed_batches or shop.left_over():
        yield f"failed batches: {shop.host.failed_batches}, dead letters: {shop.left_over()}"


def _something_left(shop: Shop, mei: Viewer) -> Iterator[str]:
    """What staff could still send, and what counts though it was never sent."""
    left = [draft.state for draft in drafts_of(shop, mei) if draft.state != "taken_back"]
    if left:
        yield f"drafts that staff could send: {left}"
    if counted := shop.head(mei).sends.get("marketing", ()):
        yield f"the caps hold {counted}"
