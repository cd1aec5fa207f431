"""The quota of subscribe messages: one accept of the viewer's allows one message of its template.

Accepts are facts, a set by message id, of which the newest MAX_ACCEPTS are kept: so any order of events, and any merge,
ends in the same set. What a reminder uses of it is written with its claim, so no two messages use the same accept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from aftershow.model.ids import short_hash
from aftershow.model.viewers import MAX_ACCEPTS, Accept, Facts, Head, UsedAccept

CHANNEL = "wechat"

# A head, or the facts of one viewer id.
F = TypeVar("F", bound=Facts)


def accept(template: str, at: int, message_id: str, openid: str | None) -> Accept:
    """The accept of one template, as an event says it: the same event again is the same accept."""
    own = f"{short_hash(f'{message_id}#{template}'):016x}"
    return Accept(template=template, at=at, id=own, openid=_hashed(openid))


def united(*accepts: Iterable[Accept]) -> tuple[Accept, ...]:
    """Sets of accepts together: the newest, oldest first. One that fell out never comes back, since the newest stay."""
    known = {one for several in accepts for one in several}
    return tuple(sorted(known, key=lambda one: (one.at, one.id, one.openid))[-MAX_ACCEPTS:])


def with_accepts(facts: F, accepts: Iterable[Accept]) -> F:
    """The facts after further accepts."""
    return facts.model_copy(update={"accepts": united(facts.accepts, accepts)})


def free(head: Head, template: str | None = None) -> list[Accept]:
    """Accepts that no reminder has used, of a template or of any, oldest first; of the account that messages go to."""
    used = {one.accept for one in head.accepts_used}
    account = _hashed(head.trait("wechat_openid"))
    return [
        one
        for one in head.accepts
        if one.id not in used and template in (None, one.template) and one.openid in ("", account)
    ]


def refuses(head: Head, channel: str, template: str | None = None) -> bool:
    """Whether the channel asks for an accept, and none is left."""
    return channel == CHANNEL and not free(head, template)


def used_by(head: Head, reminder: str, template: str) -> Head:
    """The head after a reminder used the oldest accept that is left. What it used already is enough for it."""
    if any(one.reminder == reminder for one in head.accepts_used):
        return head
    used = UsedAccept(accept=free(head, template)[0].id, reminder=reminder)
    # Of an accept that is forgotten it needn't be known that it was used.
    known = {one.id for one in head.accepts}
    return head.model_copy(update={"accepts_used": united_used((*head.accepts_used, used), known=known)})


def given_back(head: Head, reminder: str) -> Head:
    """The head without what a reminder used: its message was definitely not sent."""
    return head.model_copy(update={"accepts_used": tuple(one for one in head.accepts_used if one.reminder != reminder)})


def united_used(*used: Iterable[UsedAccept], known: Iterable[str] | None = None) -> tuple[UsedAccept, ...]:
    """What was used of several heads, or of one; only of `known` accepts, where these are given."""
    listed = {one for several in used for one in several if known is None or one.accept in set(known)}
    return tuple(sorted(listed, key=lambda one: (one.accept, one.reminder)))


def _hashed(openid: str | None) -> str:
    return f"{short_hash(openid):016x}" if openid else ""
