"""The questions that messages ask, each a page of its own: why somebody did not order, and what she would like to see.

The reason stands with the person. Both are told as the shop's own surveys and votes are, so they fold into what she did
in the show that the message was about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from aftershow.model.base import Stamped
from aftershow.model.ids import digest
from aftershow.model.instants import iso
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Message
from aftershow.ports.store import Put
from aftershow.rules import feedback, links
from aftershow.rules.intake import pack
from aftershow.rules.links import LinkKind, LinkTarget
from aftershow.rules.people import told
from aftershow.rules.surveys import POLL, REASONS, WANTED
from aftershow.services import people, rows
from aftershow.services.clicking import follow
from aftershow.services.messages import settle
from aftershow.services.opting_out import writer
from aftershow.services.pages import Page, Visit

# Who these events come from, among the sources of a shop.
SOURCE = "survey page"


def survey_page(visit: Visit, ports: Ports) -> Page:
    """Why not? Looking answers nothing."""
    return _asked(visit, ports, "survey")


def quiz_page(visit: Visit, ports: Ports) -> Page:
    """What next? Looking answers nothing."""
    return _asked(visit, ports, "quiz")


def _asked(visit: Visit, ports: Ports, kind: LinkKind) -> Page:
    target = links.read(ports.settings.link_secret, kind, visit.token)
    leading = people.leading_head(ports, target.viewer) if target else None
    if target is None or leading is None:
        return writer(ports, visit).unknown_link()
    follow(ports, visit, target, kind)
    pages = writer(ports, visit, leading[0])
    return pages.survey(visit.token) if kind == "survey" else pages.quiz(visit.token)


def answer_survey(visit: Visit, ports: Ports) -> Page:
    """Take a reason; the newest one counts. Committed before it is answered."""
    reason = next(iter(visit.form.get("reason", ())), "")
    if reason not in REASONS:
        return survey_page(visit, ports)
    return _taken(visit, ports, "survey", "Survey Answered", {"reason": reason})


def answer_quiz(visit: Visit, ports: Ports) -> Page:
    """Take a vote; the newest one counts."""
    option = next(iter(visit.form.get("option", ())), "")
    if option not in WANTED:
        return quiz_page(visit, ports)
    return _taken(visit, ports, "quiz", "Live Poll Voted", {"poll_id": POLL, "option_id": option})


def _taken(visit: Visit, ports: Ports, kind: LinkKind, event: str, said: Mapping[str, str]) -> Page:
    target = links.read(ports.settings.link_secret, kind, visit.token)
    if target is None or not settle(ports, lambda: _answered(ports, target, said.get("reason"))):
        return writer(ports, visit).unknown_link()
    _tell(ports, target, event, said)
    ports.log.info("answered", answers=1, question=kind)
    return writer(ports, visit).thanks()


def _answered(ports: Ports, target: LinkTarget, reason: str | None) -> bool:
    leading, found = people.leading_head(ports, target.viewer), rows.found(ports, target.viewer, target.reminder)
    if leading is None or leading[0].erased_at is not None:
        return False
    head, item = leading
    puts: list[Put] = []
    if reason is not None:
        said = Stamped(value=reason, at=ports.now(), id=target.reminder)
        learnt = told(head, head.viewer, lambda facts: facts.model_copy(
            update={"stated_reason": said.newest(facts.stated_reason)}
        ))  # fmt: skip
        puts.append(people.put(learnt, item, "stated_reason"))
    if found is not None:
        heard = feedback.hear(found[0], "answered", ports.now())
        puts += [rows.put(ports, heard, found[1])] if heard != found[0] else []
    if puts:
        ports.store.commit(puts)
    return True


def _tell(ports: Ports, target: LinkTarget, event: str, said: Mapping[str, str]) -> None:
    """Tell the answer as an event. Should that be lost, a reason still stands with the person."""
    found, item = rows.found(ports, target.viewer, target.reminder), ports.store.get(keys.head(target.viewer))
    raw = _event(found[0], Head.read(item.body), event, said, ports.now()) if found and item else None
    if raw is not None:
        texts = pack(SOURCE, ports.now(), b"{}", [(target.viewer, "track", raw)], (), archived=True)
        ports.queues.send(ports.settings.queue_behaviour, [Message(text) for text in texts])


def _event(row: Reminder, head: Head, event: str, said: Mapping[str, str], now: int) -> bytes | None:
    if head.identity is None or row.show is None:
        return None
    who = "userId" if head.identity.kind == "user" else "anonymousId"
    message = {
        "type": "track", "event": event, who: head.identity.value, "timestamp": iso(now),
        # The same answer to the same message is one.
        "messageId": digest("answer", row.id, *said.values()), "properties": {"show_id": row.show, **said},
    }  # fmt: skip
    return json.dumps(message).encode()
