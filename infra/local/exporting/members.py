"""`export members`: a row for each person who ever said who they are, with consent and its evidence, as
`import members` reads them.

A grant that comes in by a file ranks below every word of the person's own, so what leaves is how the person stands with
each channel, not the history that led there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aftershow.model.ids import address_hash
from aftershow.model.instants import iso
from aftershow.model.viewers import IMPORTED, Consent, Head, Purpose
from aftershow.rules.merging import lead
from aftershow.rules.people import counting, latest_grant
from infra.local.exporting.events import ADDRESSES
from infra.local.exporting.rows import Row
from infra.local.kept import Kept

# Channels whose marketing consent has columns of its own.
CHANNELS = ("email", "sms", "push", "wechat", "wecom")
_ABOUT = ("", "_at", "_source", "_wording")
_TRAITS = ("email", "phone", "name", "locale", "zone", "wechat_openid", "wechat_unionid", "wecom_external_userid")
COLUMNS = (
    "user_id", "anonymous_id", "same_as", *_TRAITS, "updated_at",
    "consent", "consent_channel", "consent_at", "consent_source", "consent_wording",
    *(f"{group}_consent{about}" for group in (*CHANNELS, "service") for about in _ABOUT),
    "email_status", "sms_status", "status_at",
)  # fmt: skip
# What an import adds behind the source of a consent: its moment, and the file.
_EVIDENCE = re.compile(r", \d{4}-\d\d-\d\dT[^ ]+(?: \([^)]*\))?$")


def member_rows(kept: Kept) -> Iterator[Row]:
    """A row for each person. Further devices and users of theirs follow as rows of two ids alone."""
    named: dict[str, dict[str, list[str]]] = {}
    for name, head in kept.heads.items():
        if head.identity is not None and head.identity.kind in ("user", "anonymous"):
            ids = named.setdefault(lead(kept.heads, name), {"user": [], "anonymous": []})
            # A person's own first: a surviving head leads its members.
            ids[head.identity.kind].insert(0 if head.merged_into is None else 1, head.identity.value)
    for name, ids in named.items():
        person = kept.heads.get(name)
        if person is not None and person.erased_at is None:
            yield from _rows(kept, person, ids["user"], ids["anonymous"])


def _rows(kept: Kept, head: Head, users: list[str], devices: list[str]) -> Iterator[Row]:
    about = _traits(head) | _consent(head) | _statuses(kept, head)
    first = {"user_id": users[0]} if users else {}
    yield first | ({"anonymous_id": devices[0]} if devices else {}) | about
    yield from (first | {"same_as": user} for user in users[1:])
    yield from (first | {"anonymous_id": device} for device in devices[1:])


def _traits(head: Head) -> Row:
    known = {str(name): stamped for name, stamped in head.traits.items()}
    for name in ("zone", "locale"):
        if name not in known and f"context_{name}" in known:
            known[name] = known[f"context_{name}"]
    said = {name: known[name] for name in _TRAITS if name in known}
    row = {name: stamped.value for name, stamped in said.items()}
    return row | ({"updated_at": iso(max(stamped.at for stamped in said.values()))} if said else {})


def _consent(head: Head) -> Row:
    row: Row = {}
    own = [channel for channel in CHANNELS if head.consent.get(f"marketing:{channel}")]
    if own:
        for channel in CHANNELS:
            row |= _statement(f"{channel}_consent", _deciding(head, "marketing", channel))
    elif (said := _deciding(head, "marketing", "all")) is not None:
        row |= _statement("consent", said) | {"consent_channel": "all"}
    return row | _statement("service_consent", _deciding(head, "service", "all"))


def _deciding(head: Head, purpose: Purpose, channel: str) -> Consent | None:
    """The statement that decides: of those that count a withdrawal before a grant (rules.people.may_be_written)."""
    return max(counting(head, purpose, channel), key=lambda said: (said.state == "withdrawn", said.at), default=None)


def _statement(column: str, said: Consent | None) -> Row:
    if said is None:
        return {}
    source = _EVIDENCE.sub("", (said.source or "").removeprefix(IMPORTED).strip()) or f"event {said.id}"
    row = {column: said.state, f"{column}_at": iso(said.at), f"{column}_source": source}
    return row | ({f"{column}_wording": said.wording_version} if said.wording_version else {})


def _statuses(kept: Kept, head: Head) -> Row:
    """What is known against a person's addresses; not an opt-out that the person's own consent has lifted since, which
    no file's can (rules.claims.is_suppressed)."""
    row: Row = {}
    newest = 0
    for channel, trait in ADDRESSES.items() if kept.suppressed else ():
        stamped = {str(name): one for name, one in head.traits.items()}.get(trait)
        found = kept.suppressed.get(address_hash(kept.address_secret(), channel, stamped.value)) if stamped else None
        standing, since = found.standing if found else ("", None)
        at = since or 0
        if not standing or (standing == "opted_out" and latest_grant(head, channel, imported=False) > at):
            continue
        row[f"{channel}_status"] = standing
        newest = max(newest, at)
    return row | ({"status_at": iso(newest)} if row else {})
