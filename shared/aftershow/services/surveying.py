"""The survey page: why somebody did not order. The answer stands with the person, and is told as the shop's own surveys
are: it folds into what she did in the show."""

from __future__ import annotations

import json

from aftershow.model.base import Stamped
from aftershow.model.ids import digest
from aftershow.model.instants import iso
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Message
from aftershow.rules import feedback, links
from aftershow.rules.intake import pack
from aftershow.rules.people import told
from aftershow.rules.surveys import REASONS
from aftershow.services import people, rows
from aftershow.services.clicking import follow
from aftershow.services.messages import settle
from aftershow.services.opting_out import writer
from aftershow.services.pages import Page, Visit

# Who these events come from, among the sources of a shop.
SOURCE = "survey page"


def survey_page(visit: Visit, ports: Ports) -> Page:
    """The question. Looking answers nothing."""
    target = links.read(ports.settings.link_secret, "survey", visit.token)
    leading = people.leading_head(ports, target.viewer) if target else None
    if target is None or leading is None:
        return writer(ports, visit).unknown_link()
    follow(ports, visit, target, "survey")
    return writer(ports, visit, leading[0]).survey(visit.token)


def answer_survey(visit: Visit, ports: Ports) -> Page:
    """Take an answer; the newest one counts. Committed before it is answered."""
    target = links.read(ports.settings.link_secret, "survey", visit.token)
    reason = next(iter(visit.form.get("reason", ())), "")
    if target is None:
        return writer(ports, visit).unknown_link()
    if reason not in REASONS:
        return survey_page(visit, ports)
    if not settle(ports, lambda: _answered(ports, target, reason)):
        return writer(ports, visit).unknown_link()
    _tell(ports, target, reason)
    ports.log.info("answered", answers=1, reason=reason)
    return writer(ports, visit).thanks()


def _answered(ports: Ports, target: links.LinkTarget, reason: str) -> bool:
    leading, found = people.leading_head(ports, target.viewer), rows.found(ports, target.viewer, target.reminder)
    if leading is None or leading[0].erased_at is not None:
        return False
    head, item = leading
    said = Stamped(value=reason, at=ports.now(), id=target.reminder)
    learnt = told(head, head.viewer, lambda facts: facts.model_copy(
        update={"stated_reason": said.newest(facts.stated_reason)}
    ))  # fmt: skip
    puts = [people.put(learnt, item, "stated_reason")]
    if found is not None:
        heard = feedback.hear(found[0], "answered", ports.now())
        puts += [rows.put(ports, heard, found[1])] if heard != found[0] else []
    ports.store.commit(puts)
    return True


def _tell(ports: Ports, target: links.LinkTarget, reason: str) -> None:
    """Tell the answer as an event. Should that be lost, it still stands with the person."""
    found, item = rows.found(ports, target.viewer, target.reminder), ports.store.get(keys.head(target.viewer))
    event = _event(found[0], Head.read(item.body), reason, ports.now()) if found and item else None
    if event is not None:
        texts = pack(SOURCE, ports.now(), b"{}", [(target.viewer, "track", event)], (), archived=True)
        ports.queues.send(ports.settings.queue_behaviour, [Message(text) for text in texts])


def _event(row: Reminder, head: Head, reason: str, now: int) -> bytes | None:
    if head.identity is None or row.show is None:
        return None
    who = "userId" if head.identity.kind == "user" else "anonymousId"
    message = {
        "type": "track", "event": "Survey Answered", who: head.identity.value, "timestamp": iso(now),
        # The same answer to the same message is one.
        "messageId": digest("survey", row.id, reason), "properties": {"show_id": row.show, "reason": reason},
    }  # fmt: skip
    return json.dumps(message).encode()
