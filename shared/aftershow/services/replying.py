"""Replies: "stop" ends the channel, committed before it is answered; a doubt holds the viewer's reminders back and goes
to a member of staff; thanks change nothing. What somebody wrote is kept on the task alone, and never logged."""

from __future__ import annotations

from dataclasses import replace

from aftershow.model.ids import address_hash, digest, viewer_id
from aftershow.model.reminders import Reminder
from aftershow.model.tasks import DUE, MAX_TEXT_CHARACTERS, Task, TaskKind
from aftershow.model.viewers import TEXT_REPLY, Address, Consent, Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Item, Put
from aftershow.rules import feedback, replies
from aftershow.rules.people import withdrawn
from aftershow.rules.preferences import HELD_UNTIL, LONGEST_HOLD, choose, granted_again
from aftershow.rules.replies import Reply, Said
from aftershow.rules.reply_words import VERSION
from aftershow.services import people, rows, tasks
from aftershow.services.messages import settle
from aftershow.services.suppressing import suppression


def take_reply(ports: Ports, reply: Reply) -> None:
    """Take a reply; the same one again changes nothing."""
    said = replies.read(reply.text)
    reply = replace(reply, at=min(reply.at, ports.now()))
    settle(ports, lambda: _taken(ports, reply, said))
    ports.log.info("replied", replies=1, meaning=said.meaning, obstacle=said.obstacle)


def _taken(ports: Ports, reply: Reply, said: Said) -> None:
    hashed = address_hash(ports.settings.address_secret, reply.channel, reply.address)
    item = ports.store.get(keys.address(hashed))
    address = Address.read(item.body) if item else None
    answered = _answered(ports, address, reply.at)
    leading = _who(ports, answered, reply)
    puts: list[Put] = []
    if said.meaning == "stop":
        puts = _stopped(ports, reply, hashed, leading)
    elif said.meaning == "start" and leading is not None:
        puts = _started(reply, leading)
    elif said.meaning in ("doubt", "other"):
        puts = _doubted(ports, reply, said, leading, answered[0].id if answered else None)
    if answered is not None:
        row, row_item = answered
        heard = feedback.hear(row, "unsubscribed" if said.meaning == "stop" else "replied", reply.at)
        puts += [rows.put(ports, heard, row_item)] if heard != row else []
    if puts:
        ports.store.commit(puts)


def _answered(ports: Ports, address: Address | None, at: int) -> tuple[Reminder, Item] | None:
    """The message that a reply answers: the last one that was sent to its address before."""
    sends = [send for ring in address.sends.values() for send in ring if send.at <= at] if address else []
    last = max(sends, key=lambda send: send.at, default=None)
    return rows.found(ports, last.viewer, last.reminder) if last and last.viewer else None


def _who(ports: Ports, answered: tuple[Reminder, Item] | None, reply: Reply) -> tuple[Head, Item] | None:
    if answered is not None:
        return people.leading_head(ports, answered[0].viewer)
    return people.leading_head(ports, viewer_id("phone", reply.address)) if reply.channel == "sms" else None


def _stopped(ports: Ports, reply: Reply, hashed: str, leading: tuple[Head, Item] | None) -> list[Put]:
    puts, at = [], reply.at
    if leading is not None:
        head, item = leading
        said = Consent(
            state="withdrawn", at=reply.at, id=digest("reply", reply.id), source=TEXT_REPLY, wording_version=VERSION
        )
        opted_out = withdrawn(head, reply.channel, said, ports.now())
        own = opted_out.consent[f"marketing:{reply.channel}"][opted_out.viewer]
        at = own.at if own.state == "withdrawn" else at
        puts += [people.put(opted_out, item, "consent")] if opted_out != head else []
    return puts + suppression(ports, hashed, reply.channel, "opted_out", at)


def _started(reply: Reply, leading: tuple[Head, Item]) -> list[Put]:
    """Agreed again by the person's own reply; only where there was something to take up again."""
    head, item = leading
    scope, said_by = f"marketing:{reply.channel}", digest("reply", reply.id)
    known = [one for name in ("marketing:all", scope) for one in head.consent.get(name, {}).values()]
    # Said before what is known now, or this very reply once more: nothing new.
    if not known or max(one.at for one in known) >= reply.at:
        return []
    said = Consent(state="granted", at=reply.at, id=said_by, source=TEXT_REPLY, wording_version=VERSION)
    return [people.put(granted_again(head, reply.channel, said), item, "consent")]


def _doubted(ports: Ports, reply: Reply, said: Said, leading: tuple[Head, Item] | None, about: str | None) -> list[Put]:
    kind: TaskKind = "doubt" if said.meaning == "doubt" else "reply"
    task = Task(
        id=digest("reply", reply.id), kind=kind, viewer=leading[0].viewer if leading else None, channel=reply.channel,
        obstacle=said.obstacle, about=about, text=reply.text[:MAX_TEXT_CHARACTERS], opened_at=reply.at,
        due_at=reply.at + DUE[kind],
    )  # fmt: skip
    puts = tasks.opened(ports, task)
    if puts and leading is not None and kind == "doubt":
        head, item = leading
        held = choose(head, {HELD_UNTIL: str(reply.at + LONGEST_HOLD)}, ports.now(), task.id)
        puts.append(people.put(held, item, "wishes"))
    return puts
