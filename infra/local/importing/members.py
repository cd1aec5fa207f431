"""Members: a profile, what it says of consent, and what is known against its addresses.

Consent is never loosened. A grant needs its time, its channel and where it came from; it is marked as a file's word,
which ranks below every own word of the person's. A withdrawal needs nothing but itself. And where a row says something
that may be an opt-out and can't be read, no grant is taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aftershow.model.instants import iso, parse_instant
from aftershow.model.viewers import IMPORTED, Suppression
from infra.local.importing.fields import CONSENT_GROUPS
from infra.local.importing.mapping import Columns
from infra.local.importing.rows import AHEAD, Cells, Message, Person, Taken, Times, message, person
from infra.local.importing.values import Unusable, consent_channel, consent_purpose, identifier, said, suppression

_EXTERNAL = ("wechat_openid", "wechat_unionid", "wecom_external_userid")
# Columns that may say no.
_OPT_OUTS = ("unsubscribed", "email_status", "sms_status")
_SAYING_NO = ("consent", *(f"{group}_consent" for group in CONSENT_GROUPS), *_OPT_OUTS)
NOBODY = "names nobody: no user id, anonymous id, e-mail address or telephone number that can be used"


def take(cells: Cells, columns: Columns, times: Times, source: str | None) -> Taken:
    """The messages of a row; `source` names the file's origin in the evidence of consents."""
    who = person(cells)
    if who is None:
        cells.note("refused", NOBODY)
        return Taken(cells.line, problems=cells.problems)
    messages = [_profile(cells, who, times), *_alias(cells, who, times)]
    scopes = _Scopes(cells, columns, times, source, who)
    consents = list(scopes.messages())
    against = _against(cells, who, times)
    if doubt := _doubt(cells):
        consents = [one for one in consents if one["properties"]["state"] == "withdrawn"]
        scopes.why_not = doubt
    if who.contact:
        against += _of_addresses(consents, who, times)
    messages += [*consents, *against]
    if not any(one["properties"]["state"] == "granted" for one in consents):
        cells.note("not sendable", scopes.why_not)
    return Taken(cells.line, messages, cells.problems)


def _profile(cells: Cells, who: Person, times: Times) -> Message:
    traits: Message = who.addresses()
    traits |= {name: text for name in ("name", "locale") if (text := cells.text(name))}
    if zone := cells.text("zone"):
        traits["timezone"] = zone
    what: Message = {"type": "identify", **who.identity(), "traits": traits}
    external = [
        {"id": text, "type": name, "collection": "users", "encoding": "none"}
        for name in _EXTERNAL
        if (text := cells.text(name))
    ]
    if external:
        what["context"] = {"externalIds": external}
    return message(what, _bounded(cells, "updated_at", times), times)


def _alias(cells: Cells, who: Person, times: Times) -> Iterator[Message]:
    """Two users who are one person: somebody must have said so."""
    other = cells.read("same_as", identifier)
    if other is not None and who.user is not None and other != who.user:
        what = {"type": "alias", "userId": who.user, "previousId": other}
        yield message(what, _bounded(cells, "updated_at", times), times)


def _bounded(cells: Cells, name: str, times: Times) -> int | None:
    """A moment that the shop takes; None where there is none."""
    at = cells.moment(name)
    try:
        return None if at is None else times.within(at)
    except Unusable as unusable:
        cells.note("left out", str(unusable), name)
        return None


def _doubt(cells: Cells) -> str:
    """Why a grant of this row can't be believed: it may say no in a way that nobody understands."""
    unread = [name for name in _SAYING_NO if name in cells.unread]
    if unread:
        return f"{unread[0]} may be an opt-out and can't be read: no grant beside it"
    if cells.text("status_at") and not any(map(cells.text, _OPT_OUTS)):
        return "it has the time of an opt-out or a bounce, and no word of which: no grant beside it"
    return ""


def _of_addresses(consents: list[Message], who: Person, times: Times) -> Iterator[Message]:
    """What somebody without an id of the shop's withdrew, said of the address: nobody else is known by it, and a page
    may tell it of somebody any day."""
    for one in consents:
        said_of, at = one["properties"], parse_instant(one["timestamp"])
        if said_of["state"] == "withdrawn" and said_of["purpose"] == "marketing":
            for channel, address in (("email", who.email), ("sms", who.phone)):
                if address is not None and said_of["channel"] in ("all", channel):
                    yield suppressed(who, channel, address, "opted_out", at, times)[0]


class _Scopes:
    """What a row says of consent, column group by column group."""

    def __init__(self, cells: Cells, columns: Columns, times: Times, source: str | None, who: Person) -> None:
        self._cells, self._columns, self._times = cells, columns, times
        self._source, self._who = source, who
        self.why_not = "no consent to marketing is stated"

    def messages(self) -> Iterator[Message]:
        """The statements."""
        for group in ("", *CONSENT_GROUPS):
            name = f"{group}_consent" if group else "consent"
            state = self._cells.read(name, said)
            if state is None:
                continue
            about = self._channel() if not group else "all" if group == "service" else group
            aim = self._purpose() if not group else "service" if group == "service" else "marketing"
            statement = self._statement(name, aim, about, granted=state)
            if statement is not None:
                yield statement

    def _channel(self) -> str | None:
        """Of the plain column: what its row or the mapping says."""
        if self._cells.text("consent_channel"):
            return self._cells.read("consent_channel", consent_channel)
        return self._columns.consent_channel

    def _purpose(self) -> str | None:
        """Of the plain column: marketing, unless its row says service; None where nobody understands what it says."""
        return (
            self._cells.read("consent_purpose", consent_purpose) if self._cells.text("consent_purpose") else "marketing"
        )

    def _about(self, name: str, what: str) -> str:
        """What belongs to a column of consent: its own column, else the one for all."""
        return self._cells.text(f"{name}_{what}") or self._cells.text(f"consent_{what}")

    def _statement(self, name: str, aim: str | None, about: str | None, *, granted: bool) -> Message | None:
        own = f"{name}_at" if self._cells.text(f"{name}_at") else "consent_at"
        at = self._cells.moment(own)
        properties: dict[str, Any] = {"purpose": aim or "marketing", "channel": about or "all"}
        if not granted:
            return self._withdrawal(properties, own, at, self._about(name, "source"))
        source = self._about(name, "source") or self._columns.consent_source
        if aim == "service":
            # Service messages need no grant, and a file's would outrank nothing.
            return None
        parts = (("time", at), ("source", source), ("channel", about), ("purpose", aim))
        lacks = [what for what, there in parts if not there]
        if lacks or at is None:
            self.why_not = f"the consent has no {' and no '.join(lacks)}: no grant without evidence"
            return None
        try:
            bounded = self._times.within(at)
        except Unusable:
            self.why_not = f"the consent's time {AHEAD}: no grant without evidence"
            return None
        properties |= {"state": "granted", "source": f"{IMPORTED} {self._evidence(source or '', at)}"}
        if wording := self._about(name, "wording") or self._columns.consent_wording:
            properties["wording_version"] = wording
        return self._message(properties, bounded)

    def _withdrawal(self, properties: dict[str, Any], name: str, at: int | None, source: str) -> Message:
        self.why_not = "consent is withdrawn"
        evidence = self._evidence(source or "withdrawn", at)
        properties |= {"state": "withdrawn", "source": f"{IMPORTED} {evidence}"}
        try:
            return self._message(properties, None if at is None else self._times.within(at))
        except Unusable as unusable:
            # It counts all the same, as of the file's own time.
            self._cells.note("left out", str(unusable), name)
            return self._message(properties, None)

    def _evidence(self, source: str, at: int | None) -> str:
        when = f", {iso(at, self._columns.zone)}" if at is not None else ""
        return f"{source[:200]}{when}" + (f" ({self._source})" if self._source else "")

    def _message(self, properties: dict[str, Any], at: int | None) -> Message:
        return consent_message(self._who, properties, at, self._times)


def consent_message(who: Person, properties: dict[str, Any], at: int | None, times: Times) -> Message:
    """A statement of consent."""
    what = {"type": "track", "event": "Message Consent Updated", **who.identity(), "properties": properties}
    # Its evidence names its moment; what it travels under may be younger.
    return message(what, at, times, own_time=False)


def suppressed(
    who: Person, channel: str, address: str, reason: Suppression, at: int | None, times: Times
) -> list[Message]:
    """A word against an address; of a complaint and an opt-out also a withdrawal, since the person has spoken."""
    said_of = {"channel": channel, "address": address, "reason": reason}
    what = {"type": "track", "event": "Message Address Suppressed", "properties": said_of}
    messages = [message(what, at, times)]
    if reason != "bounced":
        source = f"{IMPORTED} {reason}"
        properties = {"purpose": "marketing", "channel": channel, "state": "withdrawn", "source": source}
        messages.append(consent_message(who, properties, at, times))
    return messages


def _against(cells: Cells, who: Person, times: Times) -> list[Message]:
    at = _bounded(cells, "status_at", times)
    found: list[Message] = []
    addresses = (("email", "email_status", who.email), ("sms", "sms_status", who.phone))
    for channel, name, address in addresses:
        reason = cells.read(name, suppression)
        if reason is not None and address is not None:
            found += suppressed(who, channel, address, reason, at, times)
        elif reason is not None:
            cells.note("left out", "there is no address that it is about", name)
    if cells.read("unsubscribed", said):
        source = f"{IMPORTED} unsubscribed"
        everywhere = {"purpose": "marketing", "channel": "all", "state": "withdrawn", "source": source}
        found.append(consent_message(who, everywhere, at, times))
        for channel, _, address in addresses:
            if address is not None:
                found += suppressed(who, channel, address, "opted_out", at, times)
    return found
