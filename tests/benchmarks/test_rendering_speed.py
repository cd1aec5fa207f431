"""What it takes to render a message, by channel: CPU time, printed; that each part is parsed once is asserted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import pytest

from aftershow.rules import content
from aftershow.rules.templating import liquid
from infra.local import catalog, template_samples

ROUNDS = 200

pytestmark = pytest.mark.benchmark


def test_rendering(capsys: pytest.CaptureFixture[str]) -> None:
    """A warm function renders the same few templates again and again: parsing is paid once."""
    shared, tiers = catalog.snippets(), catalog.tiers()
    settings = template_samples.settings_for_samples()
    [template] = [one for one in catalog.templates() if one.name == "cart-coupon"]
    sample = template_samples.samples(template)[0]
    lines = ["", f"{'channel':10}{'first, us':>12}{'again, us':>12}{'values, us':>12}"]
    for channel in template.texts["en"].channels:
        liquid.cache_clear()
        values = template_samples.values(sample, template, channel, "en", settings, tiers)
        render = partial(content.render, template, channel, "en", values, shared)
        first, again = _each(1, render), _each(ROUNDS, render)
        fill = partial(template_samples.values, sample, template, channel, "en", settings, tiers)
        filled = _each(ROUNDS, fill)
        lines.append(f"{channel:10}{first:12.0f}{again:12.0f}{filled:12.0f}")
        # One parse for each text, however often it was rendered.
        part = content.part_of(template.texts["en"], channel)
        plain = liquid(shared.body(), html=False)
        assert 0 < plain.parsed <= len(content.sources(part)) + 1
    with capsys.disabled():
        sys.stdout.write("\n".join(lines) + "\n")


def _each(rounds: int, act: Callable[[], object]) -> float:
    started = time.process_time()
    for _ in range(rounds):
        act()
    return (time.process_time() - started) / rounds * 1e6
