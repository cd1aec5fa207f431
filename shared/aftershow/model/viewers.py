"""A viewer's head: who they are, what they allow, and the facts that decide whether they may be written to."""

from __future__ import annotations

from typing import Literal

from aftershow.model.base import Record, Stamped
from aftershow.model.ids import IdentityKind

# A person has a handful of devices and accounts; more is a shared terminal or a broken client.
MAX_MEMBERS = 16
# Some e-mail addresses and phones, an id for each app and platform.
MAX_IDENTIFIERS = 16
# Who belongs to whom within a person: every device and identifier once, and as many again.
MAX_BONDS = 64
# An identifier comes with a person's own devices and accounts; a ninth is a desk's number or a filler.
MAX_CLAIMANTS = 8
# From a merged viewer to the leading head: at most once over everybody in between.
MAX_CHAIN = MAX_MEMBERS + MAX_IDENTIFIERS + 1
# The last merges that were refused, for whoever asks.
MAX_REFUSALS = 16
# Enough to find the show of an order and to tell a story; the orders table has all of them.
MAX_RECENT_ORDERS = 16
# The hosts last followed or unfollowed: without an end they would outgrow what one item holds.
MAX_FOLLOWS = 256
# More than any cap over seven days.
MAX_RING = 16
# Somebody with more has been called about the others.
MAX_COMPLAINTS = 16
# Accepts of subscribe messages, over all templates: a prompt offers three templates, and each brings one message.
MAX_ACCEPTS = 32
# A mailbox that is full or away for so many messages in a row is given up, as by a hard bounce.
SOFT_BOUNCES_IN_A_ROW = 3
# Enough to count them over a delivery that is heard of late.
MAX_SOFT_BOUNCES = 8

Purpose = Literal["marketing", "service"]
ConsentState = Literal["granted", "withdrawn"]
Suppression = Literal["opted_out", "bounced", "complained"]
# Begins the source of a consent that a file brought. Whoever says it only makes a grant weaker: see Consent.newest.
IMPORTED = "import:"
# Sources of what a person says by answering a message: said by them, whichever of their ids leads.
UNSUBSCRIBE_LINK = "unsubscribe link"
PREFERENCE_PAGE = "preference page"
TEXT_REPLY = "text reply"
MAIL_CLIENT = "mail client"
ANSWERS = frozenset({UNSUBSCRIBE_LINK, PREFERENCE_PAGE, TEXT_REPLY, MAIL_CLIENT})
# `phone` is E.164; what could not be read as one number is kept beside it and never used as an address.
Trait = Literal[
    "name", "email", "phone", "phone_as_sent", "locale", "zone", "country", "state", "context_zone", "context_locale",
    "wechat_openid", "wechat_unionid", "wecom_external_userid", "douyin_openid", "push_token", "push_platform",
]  # fmt: skip
BondKind = Literal["device", "stated", "told", "state"]
Refused = Literal["another_users_device", "shared", "blocked", "full", "several_scanned", "untrusted_source"]


class Identity(Record):
    """An identifier as the source gave it."""

    kind: IdentityKind
    value: str


class Consent(Record):
    """One statement of consent, kept as evidence."""

    state: ConsentState
    at: int
    id: str
    source: str | None = None
    wording_version: str | None = None

    @property
    def is_imported_grant(self) -> bool:
        """Whether a file, not the person, says that they agreed."""
        return self.state == "granted" and (self.source or "").startswith(IMPORTED)

    @property
    def is_by_link(self) -> bool:
        """Whether an answer to a message withdrew it (a link, a reply), not something that was said under one of the
        person's ids."""
        return self.state == "withdrawn" and self.source in ANSWERS

    def newest(self, other: Consent | None) -> Consent:
        """The one of the two that counts: a grant from a file below everything else, whatever its time; then the later;
        of two at one moment the withdrawal. A total order, so that any order of statements ends the same."""
        return self if other is None else max(self, other, key=Consent._rank)

    def _rank(self) -> tuple[bool, int, bool, str, str, str]:
        own, last = not self.is_imported_grant, (self.id, self.source or "", self.wording_version or "")
        return (own, self.at, self.state == "withdrawn", *last)


class Send(Record):
    """A message that was claimed for sending, in a ring of the last ones. `viewer` stands in an address's ring: whoever
    answers from there, or gives a receipt without our ids, means one of these messages."""

    at: int
    reminder: str
    channel: str
    viewer: str | None = None


class RecentOrder(Record):
    """What a head keeps of an order."""

    order: str
    at: int
    show: str | None = None
    minor: int
    currency: str


class Accept(Record):
    """One accept of a subscribe message: it allows one message of its template to the account that accepted. `openid`
    is a hash of that account, empty where the event didn't name it."""

    template: str
    at: int
    id: str
    openid: str = ""


class UsedAccept(Record):
    """An accept that a reminder has used."""

    accept: str
    reminder: str


class Facts(Record):
    """What a person's events said: of one of their viewer ids, or of all together.

    `consent` is purpose:channel to (origin viewer to its newest statement): origins are kept apart so that the
    strictest of a person's identities decides, however the history was ordered. `wishes` are kept in the same way: how
    often, about what, from when on; by the names of rules.preferences.
    """

    traits: dict[Trait, Stamped] = {}
    consent: dict[str, dict[str, Consent]] = {}
    wishes: dict[str, dict[str, Stamped]] = {}
    # Complaint to "filed" with its level, or "resolved"; the last ones.
    complaints: dict[str, Stamped] = {}
    # Why they did not order, in their own words of a survey: a reason of rules.surveys.
    stated_reason: Stamped | None = None
    # Host to "followed" or "unfollowed".
    follows: dict[str, Stamped] = {}
    first_order_at: int | None = None
    last_order_at: int | None = None
    orders: int = 0
    # Currency to minor units, of all orders at their first total.
    spent: dict[str, int] = {}
    recent_orders: tuple[RecentOrder, ...] = ()
    # The newest accepts of subscribe messages, oldest first.
    accepts: tuple[Accept, ...] = ()

    def trait(self, name: Trait) -> str | None:
        """The newest value of a trait."""
        stamped = self.traits.get(name)
        return stamped.value if stamped else None


class Bond(Record):
    """Why two ids may be one person's; `at` is the earliest event that said so.

    device: the browser `one` came with the user `other`. stated: an alias of two users. told: the viewer `one` has the
    identifier `other`. state: the contact `other` scanned the QR code of the viewer `one`.
    """

    kind: BondKind
    one: str
    other: str
    at: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same bond, told again."""
        return self.kind, self.one, self.other


class Refusal(Record):
    """A merge that was refused: by which identifier (its hashed name, never its value), and why."""

    name: str
    reason: Refused


class Head(Facts):
    """A viewer or an identifier. A merged one is a pointer to the surviving head, which names its members and
    identifiers and holds everybody's facts, united.

    What was told as which viewer id stands in `parts` (only where it was told as another than the head's own), so that
    a browser that turns out to be somebody else's, or an identifier that turns out to be a desk's, can leave again.
    """

    viewer: str
    identity: Identity | None = None
    merged_into: str | None = None
    # An identifier that came with more viewers than one person has: it joins nobody any more.
    shared: bool = False
    members: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    bonds: tuple[Bond, ...] = ()
    refused_merges: tuple[Refusal, ...] = ()
    erased_at: int | None = None
    parts: dict[str, Facts] = {}
    # Message class to the last claimed sends, oldest first.
    sends: dict[str, tuple[Send, ...]] = {}
    accepts_used: tuple[UsedAccept, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """Every viewer id of this person, the head's own first."""
        return (self.viewer, *self.members)


class Address(Record):
    """What is known of one address of a channel, whoever's profile carries it. Outlives erasure."""

    hashed: str
    channel: str
    suppressed: Literal["", Suppression] = ""
    suppressed_at: int | None = None
    sends: dict[str, tuple[Send, ...]] = {}
    # Reminder to the moment at which it bounced softly, the last ones; and the newest delivery, which makes older ones
    # count no more.
    soft_bounces: dict[str, int] = {}
    delivered_at: int | None = None

    @property
    def given_up_at(self) -> int | None:
        """When the last soft bounces in a row, without a delivery between them, became too many; None: they are not.
        It follows from them alone, so that their order doesn't matter."""
        since = sorted(at for at in self.soft_bounces.values() if at > (self.delivered_at or 0))
        return since[SOFT_BOUNCES_IN_A_ROW - 1] if len(since) >= SOFT_BOUNCES_IN_A_ROW else None

    @property
    def standing(self) -> tuple[Literal["", Suppression], int | None]:
        """What is known against the address, and since when."""
        if self.suppressed in ("", "opted_out") and self.given_up_at is not None:
            return "bounced", self.given_up_at
        return self.suppressed, self.suppressed_at

    def bounced_softly(self, reminder: str, at: int) -> Address:
        """The address after a message to it was given up for this time; itself where that was known."""
        known = self.soft_bounces.get(reminder)
        if known is not None and known <= at:
            return self
        listed = sorted({**self.soft_bounces, reminder: at}.items(), key=lambda item: (item[1], item[0]))
        return self.model_copy(update={"soft_bounces": dict(listed[-MAX_SOFT_BOUNCES:])})

    def reached(self, at: int) -> Address:
        """The address after a delivery. It is noted only where soft bounces are: most addresses have none."""
        if not self.soft_bounces or at <= (self.delivered_at or 0):
            return self
        return self.model_copy(update={"delivered_at": at})

    def suppressed_by(self, why: Suppression, at: int) -> Address:
        """The address after a word against it; itself where that says nothing new. A complaint outweighs a bounce, both
        an opt-out (which only the person's own new consent lifts); then the latest. So any order ends the same."""
        weights = {"": 0, "opted_out": 1, "bounced": 2, "complained": 3}
        if (weights[why], at) <= (weights[self.suppressed], self.suppressed_at or 0):
            return self
        return self.model_copy(update={"suppressed": why, "suppressed_at": at})
