"""What the claims lint costs a message: CPU of a usual e-mail, both versions, with the lexicon that ships."""

from __future__ import annotations

import sys
import time

import pytest

from aftershow.model.messages import Email
from aftershow.rules import content
from aftershow.rules.lint import findings
from infra.local import catalog, template_samples

pytestmark = pytest.mark.benchmark
MESSAGES, ROUNDS = 200, 5


def test_cost_of_a_message() -> None:
    lexicon, shared, tiers = catalog.lexicon(), catalog.snippets(), catalog.tiers()
    settings = template_samples.settings_for_samples()
    mails = []
    for template in catalog.templates():
        for locale in template.texts:
            sample = template_samples.samples(template)[0]
            values = template_samples.values(sample, template, "email", locale, settings, tiers)
            mails.append(content.render(template, "email", locale, values, shared))
    for mail in mails:
        assert isinstance(mail, Email)
        assert findings(mail, lexicon) == ()
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for number in range(MESSAGES):
            findings(mails[number % len(mails)], lexicon)
        best = min(best, (time.process_time() - began) / MESSAGES)
    words = sum(len(one.words) for one in lexicon.lists)
    sys.stdout.write(f"\nclaims lint with {words} words: {best * 1e6:.0f} us an e-mail (aim: under 1,000)\n")
