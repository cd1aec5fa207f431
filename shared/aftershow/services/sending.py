"""send_message: check everything again, claim, render, send once, record.

An invocation that sends k messages lasts at least k · n / rate (n workers share the channel's rate): each message is
claimed just before its slot.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from aftershow.model.ids import address_hash
from aftershow.model.instants import SECOND
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import Address, Head
from aftershow.ports import keys
from aftershow.ports.channels import Accepted, Ambiguous, Declined, Drafted, Repeating
from aftershow.ports.ports import Ports
from aftershow.ports.store import Item, Put
from aftershow.rules import claims, content, rates, responses, subscriptions, vetting
from aftershow.rules.choosing import address_of
from aftershow.rules.drafts import drafted
from aftershow.services import catalog, drafts, giving_back, health, people, rendering, rows
from aftershow.services.messages import Received, settle
from aftershow.services.scoring import Watermark


@dataclass(frozen=True, slots=True)
class _Job:
    viewer: str
    reminder: str
    due: int
    # Whose queue it came through.
    channel: str | None = None


class Pace:
    """A worker's share of each channel's rate: one slot after the other, the last one to its end."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        # Epoch milliseconds with fractions: cut to whole ones, 600 messages a second of two workers would be 666.
        self._next_at: dict[str, float] = {}

    def wait(self, channel: str) -> None:
        """Until this worker's next slot."""
        settings = self._ports.settings
        next_at = self._next_at.get(channel, 0)
        self._sleep_until(next_at)
        slot_seconds = settings.send_workers / rates.per_second(settings, catalog.terms(self._ports), channel)
        self._next_at[channel] = max(next_at, self._ports.now()) + slot_seconds * SECOND

    def rest(self) -> None:
        """To the end of the last slot: the next worker may begin at once."""
        self._sleep_until(max(self._next_at.values(), default=0))

    def _sleep_until(self, moment: float) -> None:
        ahead = (moment - self._ports.now()) / SECOND
        if ahead > 0:
            self._ports.sleep(ahead)


def send(message: Received, ports: Ports, pace: Pace) -> None:
    """Work off one message of a send queue. Raises Busy."""
    body = msgspec.json.decode(message.body)
    job = _Job(body["viewer"], body["reminder"], body["due"], body.get("channel"))
    item = ports.store.get(keys.reminder(job.viewer, job.reminder))
    row = Reminder.read(item.body) if item else None
    stale = claims.is_stale(row, job.due, ports.now(), job.channel)
    if row is None or stale is not None:
        ports.log.info("dropped", dropped=1, why=stale)
        return
    pace.wait(row.channel)
    if row.state == "awaiting":
        _look(ports, row)
        return
    owner = ports.new_id()
    claimed = settle(ports, lambda: _claim(ports, job, owner))
    if claimed is not None:
        _deliver(ports, claimed, owner)


def _claim(ports: Ports, job: _Job, owner: str) -> rendering.Claimed | None:
    """Read, decide, commit. None where there is nothing to send."""
    item = ports.store.get(keys.reminder(job.viewer, job.reminder))
    row = Reminder.read(item.body) if item else None
    if item is None or row is None:
        return None
    own = row.state == "sending" and row.owner == owner
    if own or claims.is_stale(row, job.due, ports.now(), job.channel) is not None:
        # The lost reply of this very claim is recognised by its owner: it stands, and it is sent.
        return rendering.rendered(ports, row) if own else None
    found = people.leading_head(ports, row.viewer)
    if found is None:
        _write(ports, row.ended(ports.now(), "skipped", "erased"), item)
        return None
    head, head_item = found
    held = health.held_back(ports, row.channel)
    if held is not None and row.state == "pending" and ports.now() <= row.deadline:
        # After its deadline nothing is claimed, and the row ends.
        _write(ports, claims.later(row, min(held.until, row.deadline + 1), ports.now(), held.code), item)
        return None
    return _decide(ports, row, item, head, head_item, owner)


def _look(ports: Ports, row: Reminder) -> None:
    """Look at a draft that staff may have confirmed. Nobody is known any more: then as if she were erased."""
    found = people.leading_head(ports, row.viewer)
    head = found[0] if found else Head(viewer=row.viewer, erased_at=ports.now())
    drafts.look(ports, row, _scene(ports, row, head)[0])


def _scene(ports: Ports, row: Reminder, head: Head) -> tuple[claims.Scene, Item | None]:
    """What the decision on a row looks at, and the address as it is stored."""
    address = address_of(head, row.channel)
    hashed = address_hash(ports.settings.address_secret, row.channel, address or "")
    address_item = ports.store.get(keys.address(hashed)) if address else None
    scene = claims.Scene(
        head=head,
        address=address,
        address_hash=hashed,
        known_address=Address.read(address_item.body) if address_item else None,
        playbook=catalog.playbook(ports, row.playbook),
        show=catalog.show(ports, row.show) if row.show else None,
        facts_until=_facts_until(ports),
        settings=ports.settings,
        terms=catalog.terms(ports),
        subscribe_template=_subscribe_template(ports, row),
        max_attempts=_max_attempts(ports, row),
        rulebook=catalog.rulebook(ports),
    )
    return dataclasses.replace(scene, answered=_answered(ports, row, scene)), address_item


def _decide(
    ports: Ports, row: Reminder, item: Item, head: Head, head_item: Item, owner: str
) -> rendering.Claimed | None:
    scene, address_item = _scene(ports, row, head)
    hashed = scene.address_hash
    decision = claims.decide(row, scene, owner, ports.now())
    if isinstance(decision, claims.Write):
        _write(ports, decision.reminder, item)
        return None
    try:
        claimed = rendering.rendered(ports, decision.reminder, head)
    except content.NotRendered as error:
        over = row.gives_up_channel().ended(ports.now(), "failed", "template", str(error))
        _write(ports, over, item)
        return None
    message, judgement = claimed.message, claims.judged(row, scene)
    lexicon = catalog.lexicon(ports)
    held = vetting.held(row, message.content, message.headers, judgement, lexicon, ports.settings, ports.now())
    if held is not None:
        _write(ports, held, item)
        return None
    ports.store.commit(
        [
            rows.put(ports, claimed.reminder, item),
            Put(head_item.key, decision.head.body(), head_item.version),
            Put(keys.address(hashed), decision.address.body(), address_item.version if address_item else None),
        ]
    )
    return claimed


def _answered(ports: Ports, row: Reminder, scene: claims.Scene) -> bool:
    """Whether she answered an earlier message of the series; read only for a step that asks."""
    steps = scene.playbook.playbook.steps if scene.playbook else ()
    if not any(step.id == row.step and step.when == "no_response" for step in steps):
        return False
    rows_of = people.reminders_of(ports, scene.head.people)
    return any((one.playbook, one.about) == (row.playbook, row.about) and responses.answered(one) for one in rows_of)


def _subscribe_template(ports: Ports, row: Reminder) -> str:
    """WeChat's id of the template that the row's subscribe message uses; empty on other channels."""
    template = catalog.template(ports, row.template) if row.channel == subscriptions.CHANNEL else None
    if template is None or not template.has(row.channel):
        return ""
    part = content.pick(template, row.locale, row.channel)[1].wechat
    return part.template_id if part else ""


def _max_attempts(ports: Ports, row: Reminder) -> int:
    channel = ports.channels.get(row.channel) if row.state == "sending" else None
    return channel.max_attempts if isinstance(channel, Repeating) else 1


def _facts_until(ports: Ports) -> int:
    text = catalog.body(ports, keys.facts_watermark())
    return Watermark.read(text).at if text else 0


def _write(ports: Ports, row: Reminder, item: Item) -> None:
    ports.store.commit([rows.put(ports, row, item)])
    if not row.open:
        ports.log.info("ended", ended=1, outcome=row.outcome, reason=row.reason)


def _deliver(ports: Ports, claimed: rendering.Claimed, owner: str) -> None:
    """Send once, unless the claim has become old in the meantime; then record what the provider said."""
    row, now = claimed.reminder, ports.now()
    if now - (row.claimed_at or 0) > claims.MAX_CLAIM_TO_SEND:
        _record_declined(ports, row, owner, Declined("claimed too long ago", again_after_seconds=1))
        return
    channel = ports.channels.get(row.channel)
    if channel is None:
        _record_declined(ports, row, owner, Declined("channel_not_in_use"))
        return
    answer = channel.send(claimed.message)
    if isinstance(answer, Accepted):
        health.note_success(ports, row.channel)
        taken = answer.provider_id
        settle(ports, lambda: _record(ports, row, owner, lambda mine: claims.sent(mine, ports.now(), taken)))
        ports.log.info("sent", sent=1, channel=row.channel)
    elif isinstance(answer, Drafted):
        health.note_success(ports, row.channel)
        draft = answer.provider_id
        known = settle(ports, lambda: _record(ports, row, owner, lambda mine: drafted(mine, ports.now(), draft)))
        if not known:
            drafts.orphaned(channel, draft)
        ports.log.info("drafted", drafted=1, channel=row.channel)
    elif isinstance(answer, Declined):
        if answer.closes_channel:
            health.close(ports, row.channel, answer.reason)
        _record_declined(ports, row, owner, answer)
    else:
        # Nobody knows: the lease runs out, and the provider's own event decides until then.
        health.note_ambiguous(ports, row.channel)
        settle(ports, lambda: _record_unclear(ports, row, owner, answer))
        ports.log.warning("no clear answer from the provider", channel=row.channel, reason=answer.reason)


def _mine(ports: Ports, row: Reminder, owner: str) -> tuple[Reminder, Item] | None:
    item = ports.store.get(keys.reminder(row.viewer, row.id))
    now = Reminder.read(item.body) if item else None
    return (now, item) if item and now and now.state == "sending" and now.owner == owner else None


def _record(ports: Ports, row: Reminder, owner: str, after: Callable[[Reminder], Reminder]) -> bool:
    """Write what the provider answered; False where the claim does not stand any more."""
    mine = _mine(ports, row, owner)
    if mine is not None:
        ports.store.commit([rows.put(ports, after(mine[0]), mine[1])])
    return mine is not None


def _record_unclear(ports: Ports, row: Reminder, owner: str, answer: Ambiguous) -> None:
    """Where the provider knows a second copy by its key, one may follow, before the deadline."""
    pause = answer.again_after_seconds
    mine = _mine(ports, row, owner) if pause is not None else None
    if mine is not None and pause is not None and ports.now() + pause * SECOND <= row.deadline:
        after = claims.unclear(mine[0], ports.now(), answer.reason, pause)
        ports.store.commit([rows.put(ports, after, mine[1])])


def _record_declined(ports: Ports, row: Reminder, owner: str, answer: Declined) -> None:
    """Release the claim and the caps: this message was definitely not sent."""

    def attempt() -> None:
        mine = _mine(ports, row, owner)
        if mine is None:
            return
        pause = answer.again_after_seconds
        after = claims.declined(mine[0], ports.now(), answer.reason, pause, own_pace=answer.own_pace)
        ports.store.commit([rows.put(ports, after, mine[1]), *giving_back.puts(ports, row, answer)])

    settle(ports, attempt)
    ports.log.info("declined", declined=1, channel=row.channel, reason=answer.reason)
