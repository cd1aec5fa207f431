"""What the law forbids never leaves: judged again at the moment of sending, on the text as it is."""

from __future__ import annotations

import pytest

from aftershow.ports import keys
from aftershow.ports.store import Key, Put
from tests.functional.story import PARAMETERS, FakeProvider, Shop, Show, Viewer, almost_buys, at, codes

MINUTE = 60_000
OPENS = at("2026-03-06T09:00+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
SENT = ENDS + 30 * MINUTE


def served(show: Show, *viewers: Viewer, **parameters: str) -> tuple[Shop, FakeProvider]:
    """The story up to the show's end, with a provider that takes everything."""
    provider = FakeProvider([])
    shop = Shop(OPENS, channels={"email": lambda: provider}, parameters={**PARAMETERS, **parameters})
    announced = show.scheduled(OPENS + 5 * MINUTE, OPENS + 30 * MINUTE, ENDS)
    shop.hears(announced, *(said for viewer in viewers for said in almost_buys(viewer, show, ENTERS)))
    return shop, provider


def overwrite(shop: Shop, key: Key, change: tuple[str, str] | str) -> None:
    """Another text under a key of the catalog, as if it had come from somewhere else than a push."""
    item = shop.host.store.get(key)
    assert item is not None
    body = change if isinstance(change, str) else item.body.replace(*change)
    assert body != item.body
    shop.host.store.commit([Put(key, body, item.version)])


def test_a_claim_that_came_with_the_shows_title_stops_the_message() -> None:
    show, mei = Show("spring", title="全网第一春茶"), Viewer("mei")
    shop, provider = served(show, mei)
    shop.hears(show.ended(ENDS))
    shop.until(SENT)
    first = shop.reminders(mei)[0]
    assert (first.outcome, first.reason) == ("skipped", "claims_lint")
    assert "全网第一 in subject (superlatives-zh: 广告法 art. 9(3))" in first.trace[-1].detail
    assert provider.attempts == []
    # Nothing was claimed, so no cap is used up.
    assert "marketing" not in shop.head(mei).sends


def test_a_text_without_the_link_that_ends_these_messages_stays_here() -> None:
    show, mei = Show("spring"), Viewer("mei")
    shop, provider = served(show, mei)
    overwrite(shop, keys.snippets(), ("{{ unsubscribe }}", ""))
    shop.hears(show.ended(ENDS))
    shop.until(SENT)
    first = shop.reminders(mei)[0]
    assert (first.outcome, first.reason) == ("skipped", "rule_pack")
    assert first.trace[-1].detail == "CN-email 1: does not show the link that ends these messages"
    assert provider.attempts == []


def test_america_needs_a_postal_address() -> None:
    show, mei = Show("spring"), Viewer("mei")
    shop, provider = served(show, mei, PostalAddress="", ShopCountry="US")
    shop.hears(show.ended(ENDS))
    shop.until(SENT)
    assert shop.reminders(mei)[0].trace[-1].detail == "US-CAN-SPAM 1: does not show a postal address"
    assert provider.attempts == []


@pytest.mark.parametrize("key", [keys.lexicon(), keys.rulebook()], ids=["lexicon", "packs"])
def test_marketing_waits_while_the_rules_cannot_be_read_and_goes_on_when_they_can(key: Key) -> None:
    show, mei = Show("spring"), Viewer("mei")
    shop, provider = served(show, mei)
    shop.hears(show.ended(ENDS))
    shop.until(ENDS + 10_000)
    known = shop.host.store.get(key)
    assert known is not None
    overwrite(shop, key, '{"of": "another version"}')
    shop.until(SENT)
    assert provider.attempts == []
    row = shop.reminders(mei)[0] if shop.reminders(mei) else None
    assert row is None or {"later: no_lexicon", "later: no_rules"} & set(codes(row)) or row.reason == "rule_pack"
    overwrite(shop, key, known.body)
    shop.hears(mei.enters(Show("next"), SENT + MINUTE))
    shop.until(SENT + 3 * 60 * MINUTE)
    assert len(provider.attempts) == 1
