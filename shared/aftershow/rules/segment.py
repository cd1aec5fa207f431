"""Segment's words for what happened, read into ours.

Sources: Twilio Segment's "Spec: Common", "E-commerce v2" and "Video"; the words for live commerce are our own, in the
same style. Real clients send nulls, numbers as text and text as numbers: what can be read is read, what decides about
money or consent is refused when it can't be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlsplit

from aftershow.model.engagements import MAX_COMPARED, CartLine, Kind
from aftershow.model.ids import (
    IdentityKind,
    body_hash,
    digest,
    is_usable_identity,
    is_viewer_id,
    short_hash,
    viewer_id,
)
from aftershow.model.instants import is_zone, parse_instant
from aftershow.model.json_text import read_json
from aftershow.model.money import BadAmount, UnknownCurrency, minor_units
from aftershow.model.orders import MAX_LINES
from aftershow.model.products import ProductField
from aftershow.model.shows import ShowField
from aftershow.model.viewers import ConsentState, Refused, Suppression
from aftershow.rules.identifiers import Identifier, external_ids, identifier, is_blocked, read_email, read_phone
from aftershow.rules.links import OUR_SOURCE

if TYPE_CHECKING:
    from aftershow.rules.comments import CommentReader, Question

MAX_TEXT_CHARACTERS = 512
MAX_WATCH_SECONDS = 24 * 3600
# Address, delivery, payment, review and a few more.
MAX_CHECKOUT_STEPS = 20
# ISO 3166: countries have two letters, their parts one to three letters or digits.
ISO_COUNTRY_LETTERS, ISO_STATE_LETTERS = 2, (1, 2, 3)
# WeChat's prompt takes three templates, five on newer clients.
MAX_ACCEPTED_AT_ONCE = 5
COMPLAINT_LEVELS = ("1", "2", "3")
CONSENT_CHANNELS = frozenset({"all", "email", "sms", "push", "wechat", "wecom", "webhook", "file"})


class Unreadable(Exception):
    """An event that can't be taken as what it says it is: a dead letter with this reason."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The viewer was watching at the event's moment."""


@dataclass(frozen=True, slots=True)
class Left:
    """The viewer left; the client counted `seconds` of watching, or nothing."""

    seconds: int | None


@dataclass(frozen=True, slots=True)
class Did:
    """One countable thing, with what else it says: `kinds` (a comment may ask two things), product, cart line, the step
    of the checkout, products that were put side by side, (poll, option) of a vote, what a comment says."""

    kinds: tuple[Kind, ...]
    product: str | None = None
    line: CartLine | None = None
    step: int | None = None
    compared: tuple[str, ...] = ()
    vote: tuple[str, str] | None = None
    question: Question | None = None
    interests: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identified:
    """What a viewer's profile says now."""

    traits: dict[str, str]


@dataclass(frozen=True, slots=True)
class Aliased:
    """Two identities were said to be one person: see the event's links."""


@dataclass(frozen=True, slots=True)
class Consented:
    """A statement of consent for purpose:channel."""

    scope: str
    state: ConsentState
    source: str | None
    wording_version: str | None


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Subscribe messages of these templates were accepted, one each."""

    templates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddressSuppressed:
    """An address bounced, complained or opted out elsewhere: nobody may write to it, whoever's profile carries it."""

    channel: str
    address: str
    reason: Suppression


@dataclass(frozen=True, slots=True)
class Complained:
    """A complaint at the shop: "filed:1" with its level (1: a call; 2: several departments; 3: many alike), or
    "resolved"."""

    complaint: str
    state: str


@dataclass(frozen=True, slots=True)
class Followed:
    """A host was followed or unfollowed."""

    host: str
    state: Literal["followed", "unfollowed"]


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order. `hash` covers what it says: currency, total and lines, not who sent it when."""

    order: str
    minor: int
    currency: str
    products: tuple[str, ...]
    coupon: str | None
    hash: str


@dataclass(frozen=True, slots=True)
class Amended:
    """A later word about an order: refund (id, minor), update (new total), or cancellation of all that remains."""

    what: Literal["refund", "update", "cancel"]
    order: str | None
    id: str
    minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class ProductNews:
    """What became known of a product."""

    product: str
    fields: dict[ProductField, str]


@dataclass(frozen=True, slots=True)
class ShowNews:
    """What became known of a show."""

    fields: dict[ShowField, str]


Meaning = (
    Heartbeat
    | Left
    | Did
    | Identified
    | Aliased
    | Consented
    | Subscribed
    | AddressSuppressed
    | Complained
    | Followed
    | Ordered
    | Amended
    | ProductNews
    | ShowNews
)


@dataclass(frozen=True, slots=True)
class Context:
    """What the client said of the circumstances: `source` is a campaign (UTM), `link` a link or code that was followed,
    `referrer` the site before."""

    zone: str | None = None
    locale: str | None = None
    source: str | None = None
    link: str | None = None
    referrer: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Another identity of the event's person: a browser, another user id (alias), an identifier."""

    kind: IdentityKind
    value: str

    @property
    def viewer(self) -> str:
        """The viewer id that the identity names."""
        return viewer_id(self.kind, self.value)


@dataclass(frozen=True, slots=True)
class Event:
    """One event, read. `viewer` is None only for news of the catalog.

    `links` join people; `refused` are those that may not, by name and reason. `scanned` is the viewer whom a scanned QR
    code names. `external_ids` are traits: ids of apps and platforms, by kind.
    """

    id: str
    at: int
    viewer: str | None
    identity: tuple[IdentityKind, str] | None
    links: tuple[Link, ...]
    show: str | None
    context: Context
    meaning: Meaning
    name: str
    refused: tuple[tuple[str, Refused], ...] = ()
    scanned: str | None = None
    external_ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Defaults:
    """The shop's answers where an event is silent, and what its source may say.

    Only a `trusted` source (a server of the shop's, not a page that anybody can open) joins people by phone, e-mail or
    other ids, by an alias of two users, or by a scanned code. `blocked` are values that name nobody. `comments` gives
    what reads comments, if one comes; without it they are only counted.
    """

    currency: str
    country: str = "CN"
    trusted: bool = False
    blocked: frozenset[str] = frozenset()
    comments: Callable[[], CommentReader | None] = lambda: None


def read_event(kind: str, raw: bytes, context: dict[str, Any], received_at: int, shop: Defaults) -> Event:
    """Read one event that the door let in; `context` is its batch's. Raises Unreadable with a reason that names no
    personal data."""
    fields = read_json(raw)
    name = _text(fields, "event") or _text(fields, "name") or ""
    properties = _object(fields, "properties")
    own_context = {**context, **_object(fields, "context")}
    identities = _identities(fields)
    at = _moment(fields, received_at)
    own_id = message_id(fields, raw)
    meaning = _meaning(kind, name, properties, fields, _Stamp(own_id, at, shop))
    # Behaviour is counted, not asked who is behind it: heads stay unread for the many events.
    is_fact = not isinstance(meaning, (Heartbeat, Left, Did))
    external = external_ids(own_context) if is_fact and identities else []
    external = _with_contact(external, name if kind == "track" else "", properties)
    added = name == "WeCom Contact Added" and is_fact
    state = (_text(properties, "state") or _text(properties, "State")) if added else None
    scanned = state if state is not None and is_viewer_id(state) else None
    links, refused = _joining(meaning, external, scanned, shop)
    return Event(
        id=own_id,
        at=at,
        viewer=viewer_id(*identities[0]) if identities else None,
        identity=identities[0] if identities else None,
        links=(*_links(kind, fields, identities, shop), *links),
        show=_show(properties),
        context=_context(own_context, properties),
        meaning=meaning,
        name=name if kind == "track" else kind,
        refused=refused,
        scanned=scanned if shop.trusted else None,
        external_ids={kind_: value for kind_, value in reversed(external) if kind_ not in ("email", "phone")}
        | (_push(own_context) if is_fact else {}),
    )


def _with_contact(
    external: list[tuple[IdentityKind, str]], name: str, properties: dict[str, Any]
) -> list[tuple[IdentityKind, str]]:
    """The ids elsewhere, with the contact whom a word about one names: there, or as WeCom's own callback does
    (change_external_contact). Raises Unreadable."""
    if name not in _WECOM or any(kind == "wecom_external_userid" for kind, _ in external):
        return external
    contact = _text(properties, "ExternalUserID")
    if contact is None:
        raise Unreadable("a WeCom contact needs its wecom_external_userid in context.externalIds, or ExternalUserID")
    return [*external, ("wecom_external_userid", contact)]


def _push(context: dict[str, Any]) -> dict[str, str]:
    """Where the app's notifications reach the person, and on which system."""
    device = _object(context, "device")
    token, platform = _text(device, "token"), _text(device, "type")
    return {"push_token": token, **({"push_platform": platform.lower()} if platform else {})} if token else {}


def message_id(fields: dict[str, Any], raw: bytes) -> str:
    """The id under which an event counts once: its own, else one that follows from its bytes."""
    return _text(fields, "messageId") or digest("body", raw.decode("utf-8", "replace"))


def _joining(
    meaning: Meaning, external: list[tuple[IdentityKind, str]], scanned: str | None, shop: Defaults
) -> tuple[tuple[Link, ...], tuple[tuple[str, Refused], ...]]:
    """The identifiers that an event says its person has: those that may join people, and those that may not."""
    said = dict.fromkeys(_identifiers(meaning, external, shop.country))
    if not shop.trusted:
        # An address that a page sends joins nobody, and that is so usual that it's not worth a note.
        return (), ((scanned, "untrusted_source"),) if scanned is not None else ()
    links = tuple(Link(one.kind, one.value) for one in said if not is_blocked(one, shop.blocked))
    return links, tuple((one.viewer, "blocked") for one in said if is_blocked(one, shop.blocked))


def _identifiers(meaning: Meaning, external: list[tuple[IdentityKind, str]], country: str) -> Iterator[Identifier]:
    traits = meaning.traits if isinstance(meaning, Identified) else {}
    for kind in _ADDRESSES:
        if kind in traits:
            yield identifier(kind, traits[kind])
    for kind, value in external:
        read = read_email(value) if kind == "email" else read_phone(value, country) if kind == "phone" else value
        if read is not None:
            yield identifier(kind, read)


@dataclass(frozen=True, slots=True)
class _Stamp:
    id: str
    at: int
    shop: Defaults


Reader = Callable[[dict[str, Any], _Stamp], Meaning]


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value)[:MAX_TEXT_CHARACTERS].strip() or None


def _object(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _identities(fields: dict[str, Any]) -> list[tuple[IdentityKind, str]]:
    found: list[tuple[IdentityKind, str]] = []
    user, anonymous = fields.get("userId"), fields.get("anonymousId")
    if user is not None and is_usable_identity(str(user)):
        found.append(("user", str(user)))
    if anonymous is not None and is_usable_identity(str(anonymous)):
        found.append(("anonymous", str(anonymous)))
    return found


def _moment(fields: dict[str, Any], received_at: int) -> int:
    # Never the receipt time where the client said anything: a re-send must fold into the same place.
    stated = fields.get("originalTimestamp") or fields.get("timestamp")
    return parse_instant(stated) if isinstance(stated, str) else received_at


def _show(properties: dict[str, Any]) -> str | None:
    named = _text(properties, "show_id")
    if named is None and properties.get("livestream") is True:
        named = _text(properties, "asset_id")
    return named[:128] if named else None


def _context(context: dict[str, Any], properties: dict[str, Any]) -> Context:
    zone, locale = context.get("timezone"), context.get("locale")
    return Context(
        zone=zone if isinstance(zone, str) and is_zone(zone) else None,
        locale=locale[:35] if isinstance(locale, str) and locale else None,
        source=_campaign(_object(context, "campaign")),
        link=(_text(properties, "link_id") or _text(_object(context, "referrer"), "id") or _our_link(context))[:64]
        or None,
        referrer=_site_before(context),
    )


def _our_link(context: dict[str, Any]) -> str:
    """The message of ours whose link was followed: the shop's page repeats what stood in its address."""
    campaign = _object(context, "campaign")
    return (_text(campaign, "content") or "") if _text(campaign, "source") == OUR_SOURCE else ""


def _campaign(campaign: dict[str, Any]) -> str | None:
    """UTM as source/medium/name; what is missing at the end is left out."""
    if not campaign:
        return None
    parts = [(_text(campaign, name) or "").replace("/", " ")[:64] for name in ("source", "medium", "name")]
    return "/".join(parts).rstrip("/") or None if parts[0] else None


def _site_before(context: dict[str, Any]) -> str | None:
    """The name of the site that led here. No more of its address: that may name a person."""
    page = _object(context, "page")
    before = _text(page, "referrer") or _text(_object(context, "referrer"), "url")
    host = _host(before) if before else None
    own = _text(page, "url")
    return None if host is None or (own is not None and host == _host(own)) else host


def _host(address: str) -> str | None:
    try:
        return (urlsplit(address).hostname or "")[:64] or None
    except ValueError:
        return None


def _meaning(kind: str, name: str, properties: dict[str, Any], fields: dict[str, Any], stamp: _Stamp) -> Meaning:
    if kind == "identify":
        return Identified(_traits(_object(fields, "traits"), stamp.shop.country))
    if kind == "alias":
        return Aliased()
    if kind != "track":
        return Did((Kind.OTHER,))
    reader = _READERS.get(name)
    if reader is not None:
        return reader(properties, stamp)
    if name in _COUNTED:
        return Did((_COUNTED[name],), product=_text(properties, "product_id"))
    return Did((Kind.OTHER,), product=_text(properties, "product_id"))


def _traits(traits: dict[str, Any], country: str) -> dict[str, str]:
    read = {name: _text(traits, name) for name in ("name", "locale")}
    read["zone"] = _text(traits, "zone") or _text(traits, "timezone")
    if read["zone"] and not is_zone(read["zone"]):
        read["zone"] = None
    read |= _whereabouts(traits)
    email, phone = _text(traits, "email"), _text(traits, "phone")
    read["email"] = read_email(email) if email else None
    read["phone"] = read_phone(phone, country) if phone else None
    if read["phone"] is None:
        read["phone_as_sent"] = phone
    return {name: value for name, value in read.items() if value}


def _whereabouts(traits: dict[str, Any]) -> dict[str, str | None]:
    """Country and state of Segment's `address` trait, by their codes: what is written out names no law."""
    home = _object(traits, "address")
    country, state = (_text(home, "country") or "").upper(), (_text(home, "state") or "").upper()
    return {
        "country": country if len(country) == ISO_COUNTRY_LETTERS and country.isalpha() else None,
        "state": state if len(state) in ISO_STATE_LETTERS and state.isalnum() else None,
    }


def _links(
    kind: str, fields: dict[str, Any], identities: list[tuple[IdentityKind, str]], shop: Defaults
) -> tuple[Link, ...]:
    links = tuple(Link(other, value) for other, value in identities[1:])
    if kind != "alias":
        return links
    previous = fields.get("previousId")
    if previous is None or not identities or not is_usable_identity(str(previous)):
        raise Unreadable("alias needs userId and previousId")
    # An alias names the previous id without its kind: it may have been either. That two users are one person must be
    # said by a source that can know it.
    both = shop.trusted and identities[0][0] == "user"
    kinds: tuple[IdentityKind, ...] = ("anonymous", "user") if both else ("anonymous",)
    return (*links, *(Link(other, str(previous)) for other in kinds))


def _line(properties: dict[str, Any], stamp: _Stamp, *, taken_out: bool) -> CartLine | None:
    if _text(properties, "product_id") is None:
        return None
    currency = (_text(properties, "currency") or stamp.shop.currency).upper()
    try:
        minor = minor_units(properties["price"], currency) if properties.get("price") is not None else None
    except (BadAmount, UnknownCurrency):
        minor = None
    quantity = properties.get("quantity", 1)
    whole = quantity if isinstance(quantity, int) and not isinstance(quantity, bool) else 1
    return CartLine(
        quantity=0 if taken_out else max(1, min(whole, 9_999)),
        minor=minor,
        currency=currency if minor is not None else None,
        name=(_text(properties, "name") or "")[:120] or None,
        url=(_text(properties, "url") or "")[:300] or None,
        at=stamp.at,
        id=f"{short_hash(stamp.id):016x}",
    )


def _added(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    line = _line(properties, stamp, taken_out=False)
    return Did((Kind.CART_ADDED,), product=_text(properties, "product_id"), line=line)


def _removed(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    line = _line(properties, stamp, taken_out=True)
    return Did((Kind.CART_REMOVED,), product=_text(properties, "product_id"), line=line)


def _left(properties: dict[str, Any], _stamp: _Stamp) -> Meaning:
    seconds = properties.get("watch_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= MAX_WATCH_SECONDS:
        return Left(None)
    return Left(int(seconds))


def _comment(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    text, reader = properties.get("text"), stamp.shop.comments()
    if reader is None or not isinstance(text, str):
        return Did((Kind.COMMENTED,))
    said = reader.read(text)
    return Did((Kind.COMMENTED, *said.kinds), question=said.question, interests=said.interests, alarms=said.alarms)


def _checkout_step(properties: dict[str, Any], _stamp: _Stamp) -> Meaning:
    """Shops number the steps of their checkouts themselves; a number that can't be one is none."""
    said = _text(properties, "step") or ""
    step = int(said) if said.isascii() and said.isdecimal() and len(said) <= len(str(MAX_CHECKOUT_STEPS)) else 0
    return Did((Kind.CHECKOUT_STEP,), step=step if 1 <= step <= MAX_CHECKOUT_STEPS else None)


def _comparison(properties: dict[str, Any], _stamp: _Stamp) -> Meaning:
    listed = properties.get("products")
    lines = listed[:MAX_LINES] if isinstance(listed, list) else []
    names = [_text(line, "product_id") for line in lines if isinstance(line, dict)]
    return Did((Kind.COMPARED,), compared=tuple(dict.fromkeys(filter(None, names)))[:MAX_COMPARED])


def _vote(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    """A vote is evidence of taste: by its product, and by the words of its option."""
    text, reader = _text(properties, "option") or "", stamp.shop.comments()
    poll, option = _text(properties, "poll_id"), _text(properties, "option_id") or text
    vote = (poll[:64], option[:64]) if poll and option else None
    interests = reader.interests(text) if reader else ()
    return Did((Kind.POLLED,), product=_text(properties, "product_id"), vote=vote, interests=interests)


def _survey(properties: dict[str, Any], _stamp: _Stamp) -> Meaning:
    """An answer counts as one; a stated reason for not ordering also by what it says."""
    stated = _STATED.get((_text(properties, "reason") or "").lower().replace(" ", "_"))
    return Did((Kind.ANSWERED,) if stated is None else (Kind.ANSWERED, stated))


def _consent(properties: dict[str, Any], _stamp: _Stamp) -> Meaning:
    purpose, channel, state = (_text(properties, name) for name in ("purpose", "channel", "state"))
    if purpose not in ("marketing", "service"):
        raise Unreadable('consent needs a purpose: "marketing" or "service"')
    known: ConsentState | None = next((one for one in get_args(ConsentState) if one == state), None)
    if known is None:
        raise Unreadable('consent needs a state: "granted" or "withdrawn"')
    scope = "all" if properties.get("channel") is None else (channel or "").lower()
    if scope not in CONSENT_CHANNELS:
        # Under a name that nobody asks for, a withdrawal would be none.
        raise Unreadable(f"consent names a channel that there is not: {', '.join(sorted(CONSENT_CHANNELS))}")
    return Consented(f"{purpose}:{scope}", known, _text(properties, "source"), _text(properties, "wording_version"))


def _subscribed(properties: dict[str, Any], _stamp: _Stamp) -> Meaning:
    several = properties.get("template_ids")
    given = several if isinstance(several, list) else [properties.get("template_id")]
    templates = {text for one in given[:MAX_ACCEPTED_AT_ONCE] if (text := _text({"id": one}, "id"))}
    if not templates:
        raise Unreadable("an accepted subscription needs its template_id, or template_ids")
    return Subscribed(tuple(sorted(templates)))


def _suppressed(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    channel, given = (_text(properties, "channel") or "").lower(), _text(properties, "address") or ""
    if channel not in CONSENT_CHANNELS - {"all"}:
        raise Unreadable("a suppressed address names a channel that there is not")
    # In the form in which a message would be sent to it.
    number = read_phone(given, stamp.shop.country) if channel == "sms" else None
    address = read_email(given) if channel == "email" else number or given
    if not address:
        raise Unreadable("a suppressed address is no address of its channel")
    said = _text(properties, "reason")
    reason: Suppression | None = next((one for one in get_args(Suppression) if one == said), None)
    if reason is None:
        raise Unreadable(f"a suppressed address needs a reason: {', '.join(get_args(Suppression))}")
    # Anybody can say as a page that a stranger's mailbox bounced. That stops marketing until the person agrees anew; it
    # must not keep receipts from them, and nobody but a provider knows of a bounce.
    return AddressSuppressed(channel, address, reason if stamp.shop.trusted else "opted_out")


def _complaint(state: str) -> Reader:
    def read(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
        complaint = _text(properties, "complaint_id") or (None if state == "resolved" else stamp.id)
        if complaint is None:
            raise Unreadable("a complaint that was resolved needs its complaint_id")
        level = _text(properties, "level")
        level = level if level in COMPLAINT_LEVELS else COMPLAINT_LEVELS[0]
        return Complained(complaint[:128], state if state == "resolved" else f"{state}:{level}")

    return read


def _follow(state: Literal["followed", "unfollowed"]) -> Reader:
    def read(properties: dict[str, Any], _stamp: _Stamp) -> Meaning:
        host = _text(properties, "host_id")
        if host is None:
            raise Unreadable("follow and unfollow need a host_id")
        return Followed(host[:128], state)

    return read


def _money(properties: dict[str, Any], stamp: _Stamp, *names: str) -> tuple[int, str]:
    said = properties.get("currency")
    if said is not None and not isinstance(said, str):
        raise Unreadable("unknown currency")
    currency = (_text(properties, "currency") or stamp.shop.currency).upper()
    amount = next((properties[name] for name in names if properties.get(name) is not None), None)
    if amount is None:
        raise Unreadable(f"needs {' or '.join(names)}")
    try:
        return minor_units(amount, currency), currency
    except UnknownCurrency:
        raise Unreadable("unknown currency") from None
    except BadAmount as bad:
        raise Unreadable(str(bad)) from None


def _order(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    order = _order_id(properties)
    if order is None:
        raise Unreadable("an order needs an order_id")
    minor, currency = _money(properties, stamp, "total", "revenue")
    listed = properties.get("products")
    lines = [line for line in listed if isinstance(line, dict)] if isinstance(listed, list) else []
    said = sorted("|".join(str(line.get(name)) for name in ("product_id", "quantity", "price")) for line in lines)
    products = tuple(product for line in lines[:MAX_LINES] if (product := _text(line, "product_id")))
    guard = body_hash(currency, str(minor), *said)
    return Ordered(order, minor, currency, products, _text(properties, "coupon"), guard)


def _order_id(properties: dict[str, Any]) -> str | None:
    order = _text(properties, "order_id")
    return order[:128] if order else None


def _refund(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    minor, currency = _money(properties, stamp, "total", "revenue", "amount")
    refund = _text(properties, "refund_id") or stamp.id
    return Amended("refund", _order_id(properties), refund, minor, currency)


def _update(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    order = _order_id(properties)
    if order is None:
        raise Unreadable("an order update needs an order_id")
    minor, currency = _money(properties, stamp, "total", "revenue")
    return Amended("update", order, stamp.id, minor, currency)


def _cancel(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    order = _order_id(properties)
    if order is not None:
        currency = (_text(properties, "currency") or stamp.shop.currency).upper()
        return Amended("cancel", order, stamp.id, 0, currency)
    minor, currency = _money(properties, stamp, "total", "revenue")
    return Amended("refund", None, stamp.id, minor, currency)


def _product_news(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
    product = _text(properties, "product_id")
    if product is None:
        raise Unreadable("news of a product needs a product_id")
    texts: tuple[ProductField, ...] = (
        "name", "url", "image_url", "category", "stock", "selling_point", "offer", "video_url"
    )  # fmt: skip
    fields: dict[ProductField, str] = {name: value[:300] for name in texts if (value := _text(properties, name))}
    if properties.get("price") is not None:
        minor, currency = _money(properties, stamp, "price")
        fields["price"] = f"{minor} {currency}"
    if isinstance(properties.get("consumable"), bool):
        fields["consumable"] = "true" if properties["consumable"] else "false"
    return ProductNews(product[:128], fields)


def _show_news(*moments: ShowField) -> Reader:
    def read(properties: dict[str, Any], stamp: _Stamp) -> Meaning:
        if _show(properties) is None:
            raise Unreadable("news of a show needs a show_id")
        fields: dict[ShowField, str] = {moment: str(stamp.at) for moment in moments}
        texts: dict[str, ShowField] = {"host_id": "host", "title": "title", "replay_url": "replay_url"}
        for theirs, ours in texts.items():
            if value := _text(properties, theirs):
                fields[ours] = value
        times: dict[str, ShowField] = {"starts_at": "starts_at", "ends_at": "ends_at"}
        for theirs, moment in times.items():
            if value := _text(properties, theirs):
                fields[moment] = str(_show_moment(value))
        if properties.get("cancelled") is True:
            fields["cancelled"] = "true"
        return ShowNews(fields)

    return read


def _show_moment(value: str) -> int:
    try:
        return parse_instant(value)
    except ValueError:
        raise Unreadable("starts_at and ends_at must be ISO 8601") from None


_READERS: dict[str, Reader] = {
    "Video Content Playing": lambda _properties, _stamp: Heartbeat(),
    "Live Room Left": _left,
    "Live Comment Sent": _comment,
    "Checkout Step Viewed": _checkout_step,
    "Checkout Step Completed": _checkout_step,
    "Products Compared": _comparison,
    "Live Poll Voted": _vote,
    "Coupon Applied": lambda _properties, _stamp: Did((Kind.COUPON_TRIED, Kind.COUPON_APPLIED)),
    "Survey Answered": _survey,
    "Product Added": _added,
    "Product Removed": _removed,
    "Message Consent Updated": _consent,
    "Message Address Suppressed": _suppressed,
    "Message Subscription Accepted": _subscribed,
    "Product Updated": _product_news,
    "Live Followed": _follow("followed"),
    "Complaint Filed": _complaint("filed"),
    "Complaint Resolved": _complaint("resolved"),
    "Live Unfollowed": _follow("unfollowed"),
    "Order Completed": _order,
    "Order Updated": _update,
    "Order Refunded": _refund,
    "Order Cancelled": _cancel,
    "WeCom Contact Added": lambda _properties, _stamp: Aliased(),
    "WeCom Contact Deleted": lambda _properties, _stamp: Consented(
        "marketing:wecom", "withdrawn", "wecom contact deleted", None
    ),
    "Live Show Scheduled": _show_news(),
    "Live Show Started": _show_news("started_at"),
    "Live Show Ended": _show_news("ended_at"),
}
# `reason` of Survey Answered: the obstacles, and that there was no wish to buy here.
_STATED: dict[str, Kind] = {
    kind.name.removeprefix("STATED_").lower(): kind for kind in Kind if kind.name.startswith("STATED_")
}
_WECOM = frozenset({"WeCom Contact Added", "WeCom Contact Deleted"})
_ADDRESSES: tuple[IdentityKind, ...] = ("email", "phone")
_COUNTED = {
    "Live Room Entered": Kind.ENTERED,
    "Video Playback Started": Kind.ENTERED,
    "Live Liked": Kind.LIKED,
    "Live Shared": Kind.SHARED,
    "Product Shared": Kind.SHARED,
    "Products Searched": Kind.SEARCHED,
    "Product List Viewed": Kind.PRODUCT_VIEWED,
    "Product Viewed": Kind.PRODUCT_VIEWED,
    "Product Clicked": Kind.PRODUCT_CLICKED,
    "Live Product Clicked": Kind.PRODUCT_CLICKED,
    "Cart Viewed": Kind.PRODUCT_VIEWED,
    "Checkout Started": Kind.CHECKOUT_STARTED,
    "Payment Info Entered": Kind.PAYMENT_ENTERED,
    "Payment Failed": Kind.PAYMENT_FAILED,
    "Coupon Entered": Kind.COUPON_TRIED,
    "Coupon Denied": Kind.COUPON_DENIED,
    "Product Added to Wishlist": Kind.WISHED,
    "Live Gift Sent": Kind.GIFTED,
    "Live Fan Club Joined": Kind.FOLLOWED,
    "Live Replay Watched": Kind.REPLAY_WATCHED,
    "Live Show Reserved": Kind.RESERVED,
    "Live Question Answered": Kind.ANSWERED,
}

# Every name that is understood; others are kept as behaviour that says nothing more.
EVENT_NAMES = frozenset({*_READERS, *_COUNTED})
