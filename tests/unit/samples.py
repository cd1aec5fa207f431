"""What the tests of the rules begin with: events as the scorer reads them, a playbook, a show, a person."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import settings

from aftershow.model.base import Stamped
from aftershow.model.instants import DAY, HOUR, iso, parse_instant
from aftershow.model.playbooks import PlannedStep, Playbook
from aftershow.model.rule_packs import Rulebook, RulePack
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.viewers import Bond, Consent, Head
from aftershow.rules.comments import CommentReader
from aftershow.rules.merging import People
from aftershow.rules.segment import Defaults, Event, read_event
from infra.local import catalog


@lru_cache(maxsize=1)
def comment_reader() -> CommentReader:
    """What reads comments with the words of the repository."""
    return CommentReader(catalog.comment_lexicon())


SHOP = Defaults(currency="CNY", trusted=True, comments=comment_reader)
# A Wednesday, 20:00 in Shanghai: the show begins.
START = parse_instant("2026-03-04T12:00:00Z")
SHOW_ENDS = START + 2 * HOUR
SETTINGS = Settings(shop_zone="Asia/Shanghai", channels=("email",))


# Packs that apply and decide nothing: without any, no marketing goes anywhere.
RULES = Rulebook(
    packs=(
        RulePack.model_validate(
            {
                "id": "sample", "version": 1, "date": "2026-01-01", "title": {"en": "Sample", "zh-CN": "样例"},
                "sources": [{"title": "none", "seen": "2026-01-01"}],
                "decides": [
                    {"what": "headers", "names": ["X"], "reference": "none", "why": {"en": "none", "zh-CN": "无"}}
                ],
            }
        ),
    )
)  # fmt: skip


def examples(number: int) -> settings:
    """So many examples at the gate, and as many times more in a thorough run as its profile has."""
    return settings(max_examples=number * settings().max_examples // settings.get_profile("gate").max_examples)


def read(
    kind: str,
    at: int = START,
    message_id: str = "m1",
    context: dict[str, Any] | None = None,
    *,
    shop: Defaults | None = None,
    **more: Any,
) -> Event:
    """An event of /v1/`kind`, read; without an identity it is user u1's. `shop`: SHOP, which trusts the source."""
    fields = {"messageId": message_id, "originalTimestamp": iso(at), **more}
    if not {"userId", "anonymousId"} & set(more):
        fields["userId"] = "u1"
    return read_event(kind, msgspec.json.encode(fields), context or {}, at, shop or SHOP)


def tracked(
    event: str, /, at: int = START, message_id: str = "m1", who: dict[str, Any] | None = None, **said: Any
) -> Event:
    """A track event with properties; `who` are its identities."""
    return read("track", at, message_id, None, event=event, properties=said, **(who or {"userId": "u1"}))


def granted(at: int = START - DAY, message_id: str = "c") -> Consent:
    """A consent that was given."""
    return Consent(state="granted", at=at, id=message_id)


def withdrawn(at: int, message_id: str = "c") -> Consent:
    """A consent that was taken back."""
    return Consent(state="withdrawn", at=at, id=message_id)


def said(value: str, at: int = START, message_id: str = "s") -> Stamped:
    """A statement."""
    return Stamped(value=value, at=at, id=message_id)


def reachable(viewer: str = "u1", /, **more: Any) -> Head:
    """Somebody with an address who agreed to marketing."""
    facts: dict[str, Any] = {
        "traits": {"email": said(f"{viewer}@example.com")},
        "consent": {"marketing:all": {viewer: granted()}},
    }
    return Head(viewer=viewer, **{**facts, **more})


def ended_show(show: str = "s1", **texts: str) -> Show:
    """A show that is over."""
    fields = {"title": "Spring", "host": "h1", "started_at": str(START), "ended_at": str(SHOW_ENDS), **texts}
    return Show.model_validate(
        {"show": show, "closed_at": SHOW_ENDS, "fields": {name: said(value) for name, value in fields.items()}}
    )


def playbook(**more: Any) -> Playbook:
    """A series of two messages, a day apart, for hot viewers."""
    words = {"en": "x"}
    steps = (PlannedStep(id="first", template="t"), PlannedStep(id="second", gap=DAY, template="t"))
    facts: dict[str, Any] = {
        "id": "hot", "version": 1, "title": words, "why": words, "trigger": "show_ended", "temperatures": ("hot",),
        "channels": ("email",), "deadline": 10 * DAY, "steps": steps,
    }  # fmt: skip
    return Playbook(**{**facts, **more})


def joined(*heads: Head) -> People:
    """These heads, of whom each was said to be the same person as the next."""
    people = People({head.viewer: head for head in heads})
    for one, other in pairwise(heads):
        people.bind(Bond(kind="stated", one=one.viewer, other=other.viewer, at=START))
    return people


def merged(*heads: Head) -> Head:
    """The person that these heads are, joined one after the other."""
    return joined(*heads).leading(heads[0].viewer)
