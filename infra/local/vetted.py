"""Every text of every playbook, vetted before anybody gets it: rendered with sample values, on each of its channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aftershow.model.lint_lexicon import LintLexicon
from aftershow.model.messages import Content, Email
from aftershow.model.playbooks import PlannedStep, Playbook
from aftershow.model.rule_packs import Rulebook
from aftershow.model.settings import Settings
from aftershow.model.templates import Template
from aftershow.rules import content, lint, markers
from aftershow.rules.lawful import Case, Judgement, judge
from aftershow.rules.vetting import UNSUBSCRIBE_HEADER

LINK = "https://example.com/u/sample"
HEADERS = {UNSUBSCRIBE_HEADER: f"<{LINK}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
# What a template may say, as an occasion would fill it in.
VALUES = {
    "name": "",
    "show": {"title": "Sample show", "host": "sample-host"},
    "cart": [],
    "link": "https://example.com/c/sample",
    "unsubscribe": LINK,
    "step": {"id": "sample", "number": 1},
}
# Where the shop hasn't said what its postal address is: the address is asked for by `init`, not by a template.
ADDRESS = "Sample Street 1, Sample City"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is amiss in a text: where, and what; `stops` where the message could not leave, else a channel is passed
    over."""

    where: str
    what: str
    stops: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What texts are held against."""

    rulebook: Rulebook
    lexicon: LintLexicon
    settings: Settings


def complaints(playbooks: Sequence[Playbook], templates: Mapping[str, Template], rules: Rules) -> list[Complaint]:
    """Everything that speaks against the texts of playbooks, for recipients in the shop's own country."""
    found = [
        one
        for playbook in playbooks
        for step in playbook.steps
        if step.template in templates
        for one in _of_step(playbook, step, templates[step.template], rules)
    ]
    return list(dict.fromkeys(found))


def _of_step(playbook: Playbook, step: PlannedStep, template: Template, rules: Rules) -> Iterator[Complaint]:
    settings = rules.settings
    for channel in playbook.channels_of(step.id):
        if channel == "file" or not template.has(channel):
            continue
        country = settings.shop_country
        kinds = playbook.kinds_of(step.id)
        case = Case(channel, settings.provider_of(channel), country, playbook.message_class, kinds)
        judgement = judge(rules.rulebook, case)
        if judgement.barred:
            yield Complaint(f"{playbook.id}, {channel}", f"passed over, barred by {judgement.barred}", stops=False)
        for locale, texts in sorted(template.texts.items()):
            if channel in texts.channels:
                where = f"{template.name}, {channel}, {locale}"
                yield from _of_text(where, _rendered(template, channel, locale, settings), judgement, rules)


def _of_text(where: str, rendered: Content | str, judgement: Judgement, rules: Rules) -> Iterator[Complaint]:
    if isinstance(rendered, str):
        yield Complaint(where, rendered)
        return
    for one in lint.findings(rendered, rules.lexicon):
        yield Complaint(where, f"{one.told} at {one.offset}: …{one.excerpt.strip()}… ({one.why['en']})")
    shown = markers.Shown(rules.settings.shop_name, rules.settings.postal_address or ADDRESS, LINK)
    headers = HEADERS if isinstance(rendered, Email) else {}
    for objection in markers.objections(judgement.required, rendered, headers, shown):
        yield Complaint(where, f"{objection.told} ({objection.provision.why['en']})")


def _rendered(template: Template, channel: str, locale: str, settings: Settings) -> Content | str:
    shop = {"name": settings.shop_name, "postal_address": settings.postal_address or ADDRESS}
    try:
        return content.render(template, channel, locale, {**VALUES, "shop": shop})
    except content.NotRendered as error:
        return str(error)
