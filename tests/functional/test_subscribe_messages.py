"""WeChat subscribe messages through the functions: one accept, one message, whatever the provider answers."""

from __future__ import annotations

from dataclasses import replace

from aftershow.model.channels import NO_ACCEPT_LEFT
from aftershow.model.instants import DAY, MINUTE
from aftershow.model.messages import Wechat
from aftershow.ports import keys
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined
from aftershow.ports.store import Put
from aftershow.rules import subscriptions
from infra.local.faults import Faults
from tests.faults.bench import is_claim
from tests.functional.drafting import with_texts
from tests.functional.story import FakeProvider, Said, Shop, Show, Viewer, almost_buys, at
from tests.functional.test_opting_out import Interruption

OPENS = at("2026-03-06T09:00+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
LONG_AFTER = ENDS + 4 * DAY
SHOW = Show("spring")
PART = {"template_id": "tpl-1", "fields": {"thing1": "{{ show.title }}", "thing2": "{{ name }}"}, "page": "pages/index"}
WITH_WECHAT = {"WechatProvider": "wechat", "Channels": "wechat", "ChannelSecret": "on"}
OPENID = {"externalIds": [{"type": "wechat_openid", "id": "o-mei", "collection": "users", "encoding": "none"}]}

# The shop that an interruption finds.
SHOPS: list[Shop] = []


def accepts(viewer: Viewer, when: int, template: str = "tpl-1") -> Said:
    """Says yes in the mini-program's prompt."""
    said = viewer._track(when, "Message Subscription Accepted", {"template_ids": [template]})  # noqa: SLF001 (a story of ours)
    return replace(said, context={**said.context, **OPENID})


def served(provider: FakeProvider, *accepted: str, faults: Faults | None = None) -> tuple[Shop, Viewer]:
    """The story with accepts of these templates, to its end."""
    channels = {"wechat": lambda: provider}
    shop, mei = Shop(OPENS, channels=channels, parameters=WITH_WECHAT, faults=faults), Viewer("mei")
    if isinstance(faults, Interruption):
        SHOPS.append(shop)
    with_texts(shop, "wechat", PART)
    shop.hears(SHOW.scheduled(OPENS + 5 * MINUTE, ENTERS, ENDS), *almost_buys(mei, SHOW, ENTERS))
    said = [accepts(mei, shop.now + MINUTE + number, template) for number, template in enumerate(accepted)]
    agreed = mei.consents(shop.now + 2 * MINUTE, channel="wechat")
    shop.hears(*said, replace(agreed, context={**agreed.context, **OPENID}), SHOW.ended(ENDS))
    shop.until(LONG_AFTER)
    return shop, mei


def test_two_reminders_need_two_accepts() -> None:
    provider = FakeProvider([Accepted("taken")])
    shop, mei = served(provider, "tpl-1")
    [message] = provider.attempts
    assert message.content == Wechat("tpl-1", {"thing1": "Spring tea", "thing2": "Mei"}, "pages/index")
    assert message.address == "o-mei"
    first, *others = shop.reminders(mei, "hot-replay")
    assert first.outcome == "sent"
    assert all(row.claimed_at is None for row in others)
    provider = FakeProvider([Accepted("taken")])
    served(provider, "tpl-1", "tpl-1")
    assert len(provider.attempts) == 2


def test_an_accept_of_another_template_allows_nothing() -> None:
    provider = FakeProvider([Accepted("taken")])
    shop, mei = served(provider, "tpl-2", "tpl-3")
    assert provider.attempts == []
    assert all(row.claimed_at is None for row in shop.reminders(mei, "hot-replay"))


def test_a_throttle_gives_the_accept_back_and_a_doubt_does_not() -> None:
    answers: list[Answer] = [Declined("throttled", again_after_seconds=60), Accepted("taken")]
    provider = FakeProvider(answers)
    shop, mei = served(provider, "tpl-1")
    assert len(provider.attempts) == 2
    assert shop.reminders(mei, "hot-replay")[0].outcome == "sent"
    provider = FakeProvider([Ambiguous("time-out after the request"), Accepted("taken")])
    shop, mei = served(provider, "tpl-1")
    # It may have used the accept.
    assert len(provider.attempts) == 1
    assert shop.reminders(mei, "hot-replay")[0].outcome == "unknown"


def test_an_accept_that_wechat_does_not_know_is_none() -> None:
    provider = FakeProvider([Declined(NO_ACCEPT_LEFT), Accepted("taken")])
    shop, mei = served(provider, "tpl-1")
    assert len(provider.attempts) == 1
    assert subscriptions.free(shop.head(mei), "tpl-1") == []
    assert shop.head(mei).sends["marketing"] == ()


def another_takes_it() -> None:
    """Another worker's claim uses the last accept of hers, at this moment."""
    store = SHOPS[-1].host.store
    head = SHOPS[-1].head(Viewer("mei"))
    item = store.get(keys.head(head.viewer))
    assert item is not None
    if subscriptions.free(head, "tpl-1"):
        store.commit([Put(item.key, subscriptions.used_by(head, "another", "tpl-1").body(), item.version)])


def test_two_workers_can_not_use_one_accept() -> None:
    """Whenever the other one claims, between any two calls of this one's claim."""
    dry = Interruption(0, another_takes_it)
    served(FakeProvider([Accepted("taken")]), "tpl-1", faults=dry)
    [claim, *_] = [call.number for call in dry.calls if is_claim(call)]
    begins = max(call.number for call in dry.calls if call.name == "handler.start" and call.number < claim)
    for before in range(begins, claim + 2):
        provider = FakeProvider([Accepted("taken")])
        shop, mei = served(provider, "tpl-1", faults=Interruption(before, another_takes_it))
        assert len(provider.attempts) == (before > claim), before
        if before <= claim:
            assert shop.reminders(mei, "hot-replay")[0].outcome != "sent"
