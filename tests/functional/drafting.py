"""A shop whose reminders go to WeCom as drafts for staff, over the local WeCom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aftershow.model.playbooks import Playbook
from aftershow.model.templates import Template
from aftershow.ports import keys
from aftershow.ports.store import Key, Put
from infra.local.faults import Faults
from infra.local.host import MakeChannel
from infra.local.wecom import Draft
from tests.functional.story import Said, Shop, Show, Viewer, almost_buys

WITH_WECOM = {"WecomProvider": "wecom", "Channels": "wecom", "ChannelSecret": "on"}
PLAYBOOK = "hot-replay"
PART = {"text": "{{ name }}, {{ show.title }}: {{ link }}"}


def shop_with_staff(
    opens: int, faults: Faults | None = None, channels: Mapping[str, MakeChannel] | None = None
) -> Shop:
    """The shop, with texts for WeCom in the playbook's templates."""
    shop = Shop(opens, faults=faults, channels=channels, parameters=WITH_WECOM)
    with_texts(shop, "wecom", PART)
    return shop


def with_texts(shop: Shop, channel: str, part: Mapping[str, object]) -> None:
    """Give the playbook that channel only, and its templates texts for it; then it's approved anew."""
    playbook = Playbook.read(_body(shop, keys.playbook(PLAYBOOK)))
    for name in {step.template for step in playbook.steps}:
        template = Template.read(_body(shop, keys.template(name)))
        texts = {locale: {**one.model_dump(exclude_none=True), channel: part} for locale, one in template.texts.items()}
        _write(shop, keys.template(name), Template.model_validate({**template.model_dump(), "texts": texts}).body())
    _write(shop, keys.playbook(PLAYBOOK), playbook.model_copy(update={"channels": (channel,)}).body())
    shop.approves(PLAYBOOK)


def befriends(viewer: Viewer, show: Show, when: int) -> list[Said]:
    """Almost buys, is a contact of the shop's staff, and agrees to messages there."""
    said = almost_buys(viewer, show, when)
    contact = {"externalIds": [{"type": "wecom_external_userid", "id": f"wm-{viewer.name}"}]}
    met = viewer.identifies(max(one.at for one in said) + 1)
    agreed = viewer.consents(max(one.at for one in said) + 2, channel="wecom")
    return [*said, replace(met, context={**met.context, **contact}), agreed]


def drafts_of(shop: Shop, viewer: Viewer) -> list[Draft]:
    """Every draft that was made for her."""
    return [one for one in shop.host.wecom.drafts() if one.customer == f"wm-{viewer.name}"]


def _body(shop: Shop, key: Key) -> str:
    item = shop.host.store.get(key)
    assert item is not None, key
    return item.body


def _write(shop: Shop, key: Key, body: str) -> None:
    item = shop.host.store.get(key)
    shop.host.store.commit([Put(key, body, item.version if item else None)])
