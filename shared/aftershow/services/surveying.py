"""The survey page: why somebody did not order. The answer stands with the person, for scoring and content."""

from __future__ import annotations

from aftershow.model.base import Stamped
from aftershow.ports.ports import Ports
from aftershow.rules import feedback, links
from aftershow.rules.people import told
from aftershow.rules.surveys import REASONS
from aftershow.services import people, rows
from aftershow.services.clicking import follow
from aftershow.services.messages import settle
from aftershow.services.opting_out import writer
from aftershow.services.pages import Page, Visit


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
