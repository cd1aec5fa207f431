"""A reminder on its whole way to a partner: planned, claimed, signed, refused at first, taken, and closed by a 410."""

from __future__ import annotations

import ssl
import time

import trustme
from standardwebhooks import Webhook as Receiver

from aftershow.adapters.webhook import WebhookChannel
from aftershow.model.instants import HOUR, MINUTE, SECOND
from aftershow.model.launches import WHOLE
from aftershow.model.playbooks import Playbook
from aftershow.model.templates import Template, Texts, WebhookPart
from aftershow.ports import keys
from aftershow.ports.store import Put
from aftershow.services import health, launching
from aftershow.services.launching import Signature
from tests.channels.stub import Reply, Stub, stubbed
from tests.functional.story import Shop, Show, Viewer, almost_buys, at, codes

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 (the standard's own example)
OPENS = at("2026-03-06T09:00+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
SHOW = Show("spring")
AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("partner.example")


def served() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(context)
    return context


def shop_with(partner: Stub) -> Shop:
    """A shop that writes to a partner only."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    channel = WebhookChannel(
        f"https://partner.example:{partner.port}/hook", [SECRET], lambda: int(time.time()) * SECOND, context,
        allowed=lambda _: True, resolve=lambda *_: ["127.0.0.1"],
    )  # fmt: skip
    parameters = {"Channels": "webhook", "WebhookProvider": "webhook"}
    shop = Shop(OPENS, channels={"webhook": lambda: channel}, parameters=parameters, approved=False)
    store = shop.host.store
    said = {"en": Texts(webhook=WebhookPart(data={"text": "{{ show.title }}"}))}
    for playbook in launching.playbooks(store):
        if playbook.playbook.id == "hot-replay":
            item = store.get(keys.playbook("hot-replay"))
            assert item is not None
            changed = Playbook.read(item.body).model_copy(update={"channels": ("webhook",)})
            store.commit([Put(item.key, changed.body(), item.version)])
            for name in {step.template for step in changed.steps}:
                known = store.get(keys.template(name))
                assert known is not None
                store.commit([Put(known.key, Template(name=name, texts=said).body(), known.version)])
    launching.approve(store, "hot-replay", WHOLE, Signature("somebody else", OPENS, "a test"))
    return shop


def told(shop: Shop) -> Viewer:
    mei = Viewer("mei")
    announced = SHOW.scheduled(OPENS + 5 * MINUTE, OPENS + 30 * MINUTE, ENDS)
    shop.hears(announced, *almost_buys(mei, SHOW, ENTERS), mei.consents(ENTERS + 20 * MINUTE, channel="webhook"))
    shop.hears(SHOW.ended(ENDS))
    return mei


def test_a_partner_that_fails_first_gets_the_same_webhook_again() -> None:
    with stubbed(Reply(503), Reply(404), Reply(204), tls=served()) as partner:
        shop = shop_with(partner)
        mei = told(shop)
        shop.until(ENDS + HOUR)
        row = shop.reminders(mei)[0]
        assert (row.outcome, row.attempt, row.provider_id) == ("sent", 3, row.id)
        first, second, third = partner.requests[:3]
        assert {one.headers["webhook-id"] for one in (first, second, third)} == {row.id}
        said = Receiver(SECRET).verify(third.body, dict(third.headers))
        assert said["data"] == {"text": "Spring tea", "viewer": row.viewer, "reminder": row.id}
        # 5 s after the first attempt, 5 minutes after the second; each when the minute's tick finds it.
        claims = [step.at for step in row.trace if step.code == "claimed"]
        assert 5 * SECOND <= claims[1] - claims[0] < 2 * MINUTE
        assert 5 * MINUTE <= claims[2] - claims[1] < 7 * MINUTE
        assert [send.reminder for send in shop.head(mei).sends["marketing"]] == [row.id]


def test_a_partner_that_is_gone_closes_the_channel() -> None:
    with stubbed(Reply(410), tls=served()) as partner:
        shop = shop_with(partner)
        mei = told(shop)
        shop.until(ENDS + 6 * HOUR)
        row = shop.reminders(mei)[0]
        assert (row.state, len(partner.requests)) == ("pending", 1)
        assert "later: channel_closed" in codes(row)
        assert health.standing(shop.host.store, "webhook").closed_for == "endpoint_gone"
