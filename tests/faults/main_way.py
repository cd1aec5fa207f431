"""The main way, shortened: one show, one viewer, from entering to a partial refund and points that she spends, with
time for all to settle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.reminders import Reminder
from infra.local.faults import Faults
from tests.functional.story import Shop, Show, Viewer, at

OPENS = at("2026-03-06T09:50+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
# A redelivery takes 6 minutes and a lease 15: by now the first message has left, or nobody knows.
SHE_LOOKS = ENDS + 2 * HOUR
# Long after the second reminder's moment.
OVER = ENDS + 3 * DAY
SHOW = Show("spring")


def run_with(faults: Faults) -> Shop:
    """The scenario, to its end."""
    shop, mei = Shop(OPENS, faults=faults), Viewer("mei")
    # A second order is another story, three weeks later.
    shop.stops("second-order")
    shop.hears(SHOW.scheduled(OPENS + MINUTE, ENTERS, ENDS + HOUR))
    shop.hears(mei.enters(SHOW, ENTERS), mei.watches(SHOW, ENTERS, 2), mei.fills_cart(SHOW, ENTERS + 3 * MINUTE))
    shop.hears(mei.identifies(ENTERS + 15 * MINUTE), mei.consents(ENTERS + 20 * MINUTE), SHOW.ended(ENDS))
    shop.until(SHE_LOOKS)
    for mail in shop.mails:
        assert shop.follows_button(mail).status == 302
    shop.hears(mei.orders(SHE_LOOKS + 10 * MINUTE, "order-1", "120.90", SHOW))
    shop.hears(mei.is_refunded(SHE_LOOKS + HOUR, "order-1", "refund-1", "20.50"))
    shop.until(SHE_LOOKS + 3 * HOUR)
    spends(shop, "reservations", {"id": "till-1", "points": {"value": 60, "unit": "points"}})
    spends(shop, "reservations/till-1/confirm")
    shop.until(OVER)
    return shop


def spends(shop: Shop, what: str, said: Mapping[str, object] | None = None) -> None:
    """What the shop's till asks of the rewards API; without an answer it asks again, with the same key."""
    headers = {"content-type": "application/json", "Idempotency-Key": what}
    body = json.dumps(said).encode() if said else b""
    path = f"/rewards/viewers/{Viewer('mei').user_id}/{what}"
    assert shop.calls("POST", path, headers, body).status < 300


def reminders(shop: Shop) -> list[Reminder]:
    """Her two reminders, the first first."""
    return shop.reminders(Viewer("mei"))


def is_unknown(shop: Shop) -> bool:
    """Whether nobody knows if the first message left."""
    return reminders(shop)[0].outcome == "unknown"


def promises_broken(shop: Shop, *, may_refuse_events: bool) -> Iterator[str]:
    """What is wrong at the end, whatever broke on the way."""
    yield from _facts_broken(shop)
    yield from _sending_broken(shop)
    yield from _something_left(shop, may_refuse_events=may_refuse_events)


def _facts_broken(shop: Shop) -> Iterator[str]:
    mei, records = Viewer("mei"), shop.records()
    points = {entry.key: entry.points for entry in records.entries}
    orders = {"order:order-1:earn": 120, "order:order-1:refund:refund-1": -20}
    if points != {**orders, "reserve:till-1": 0, "end:reserve:till-1": -60}:
        yield f"ledger: {points}"
    accounts = [(one.balance, one.earned, one.reversed, one.spent) for one in records.accounts]
    if accounts != [(40, 120, 20, 60)] or records.recount.disagreements:
        yield f"accounts: {records.accounts}, {records.recount.disagreements}"
    head = shop.head(mei)
    if (head.orders, len(head.recent_orders), head.spent) != (1, 1, {"CNY": 120_90}):
        yield f"the head's orders: {head.orders}, {head.recent_orders}, {head.spent}"
    order = shop.order("order-1")
    if (order.minor, [refund.minor for refund in order.refunds], order.conflicts) != (120_90, [20_50], ()):
        yield f"order: {order}"
    seen = shop.engagement(mei, SHOW)
    if (seen.watch_seconds, sum(seen.counts().values()), len(seen.cart_lines())) != (120, 3, 1):
        yield f"engagement: {seen.watch_seconds}, {seen.counts()}, {seen.cart_lines()}"


def _sending_broken(shop: Shop) -> Iterator[str]:
    rows, mailed = reminders(shop), [mail.tags["reminder"] for mail in shop.mails]
    if [row.step for row in rows] != ["at-once", "last-call"]:
        yield f"reminders: {[(row.step, row.outcome) for row in rows]}"
        return
    first, second = rows
    if (second.outcome, second.reason) != ("cancelled", "ordered"):
        yield f"the second reminder: {second.outcome}, {second.reason}"
    won_by = shop.order("order-1").won_by
    if first.outcome == "unknown":
        # Never sent again, and it wins nothing.
        if (mailed, first.reason, won_by) != ([], "no_word_from_provider", None):
            yield f"unknown: {mailed}, {first.reason}, won by {won_by}"
        return
    if (first.outcome, mailed, won_by) != ("delivered", [first.id], first.id):
        yield f"the first reminder: {first.outcome}, {first.reason}, messages {mailed}, won by {won_by}"
    feedback = first.feedback
    if feedback.clicked_at is None or feedback.order != "order-1":
        yield f"feedback: {feedback}"
    if [send.reminder for send in shop.head(Viewer("mei")).sends["marketing"]] != [first.id]:
        yield "the caps do not hold the one message"


def _something_left(shop: Shop, *, may_refuse_events: bool) -> Iterator[str]:
    queues = [queue.id for queue in shop.host.template.queues]
    if may_refuse_events:
        # The bus took them, but its answer was lost: they were published, and are kept for a person to look at.
        queues.remove("RelayRefusedQueue")
    waiting = {name: total for name in queues if (total := shop.host.queues.backlog(name).total)}
    if waiting:
        yield f"still in queues: {waiting}"
    if shop.host.failed_batches:
        yield f"failed batches: {shop.host.failed_batches}"
    if dead := shop.records().items("dead_letters"):
        yield f"{len(dead)} dead letters"
