"""Every text of every playbook, vetted before anybody gets it: rendered with sample values, on each of its channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aftershow.model.lint_lexicon import LintLexicon
from aftershow.model.messages import Email
from aftershow.model.playbooks import PlannedStep, Playbook
from aftershow.model.rule_packs import Rulebook
from aftershow.model.settings import Settings
from aftershow.model.templates import Snippets, Template
from aftershow.model.tiers import Tiers
from aftershow.rules import content, lint, markers
from aftershow.rules.lawful import Case, Judgement, judge
from aftershow.rules.vetting import UNSUBSCRIBE_HEADER
from infra.local import template_samples

ONE_CLICK_HEADER = "List-Unsubscribe-Post"


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
    shared: Snippets
    tiers: Tiers
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
                yield from _of_text(template, channel, locale, judgement, rules)


def _of_text(template: Template, channel: str, locale: str, judgement: Judgement, rules: Rules) -> Iterator[Complaint]:
    where = f"{template.name}, {channel}, {locale}"
    first = template_samples.samples(template)[0]
    values = template_samples.values(first, template, channel, locale, rules.settings, rules.tiers)
    try:
        message = content.render(template, channel, locale, values, rules.shared)
    except content.NotRendered as error:
        yield Complaint(where, str(error))
        return
    for one in lint.findings(message, rules.lexicon):
        yield Complaint(where, f"{one.told} at {one.offset}: …{one.excerpt.strip()}… ({one.why['en']})")
    link = str(values["unsubscribe"])
    headers = {UNSUBSCRIBE_HEADER: f"<{link}>", ONE_CLICK_HEADER: "sample"} if isinstance(message, Email) else {}
    shown = markers.Shown.of(rules.settings, link)
    for objection in markers.objections(judgement.required, message, headers, shown):
        yield Complaint(where, f"{objection.told} ({objection.provision.why['en']})")
