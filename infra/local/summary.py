"""What a run has to tell, as one plain value: the report is drawn from it and from nothing else.

Codes are the product's own words (states, reasons, kinds of behaviour); `words` translates them.
Moments are epoch milliseconds, zones tzdata names, money minor units of the summary's `currency`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aftershow.rules.coverage import Trust


@dataclass(frozen=True, slots=True)
class Count:
    """A code and how many there are of it."""

    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Because:
    """One reason: a code, and the number that belongs to it (asked the price 2 times)."""

    code: str
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Events:
    """Events by what became of them; an order told twice counts in `duplicate`."""

    accepted: int
    duplicate: int
    dead: int


@dataclass(frozen=True, slots=True)
class NonOrderer:
    """A viewer of a show without an order: how likely one was (`intent`, 0 to 100), and why.

    `obstacle` is what held them back; `unreachable` the code of what keeps every channel from reaching them, empty
    where one does.
    """

    viewer: str
    temperature: str
    intent: int
    because: tuple[Because, ...] = ()
    obstacle: str = "unknown"
    unreachable: str = ""


@dataclass(frozen=True, slots=True)
class ReminderRow:
    """A reminder, and how it ended; `outcome` is None while it is open. `zone` is the viewer's."""

    viewer: str
    playbook: str
    channel: str
    temperature: str
    because: tuple[Because, ...]
    due: int
    zone: str
    outcome: str | None = None
    reason: str | None = None
    outcome_at: int | None = None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message that left, with the viewer's zone."""

    viewer: str
    channel: str
    message_class: str
    at: int
    zone: str


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One line of a viewer's story. `code` is what happened ("skipped: ordered" is two codes);
    `detail` is said as it is (a name, an amount of money, the trace of a decision), `because` is
    put into words."""

    at: int
    code: str
    amount: int | None = None
    detail: str = ""
    because: tuple[Because, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """One viewer's time line, oldest line first. `now` is the state's clock: lines of its year need no year."""

    viewer: str
    zone: str
    lines: tuple[StoryLine, ...]
    now: int | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Points, recounted. `balance_sum` is over the viewers' accounts, of which `negative_accounts` are below zero;
    `disagreements` is how often the recount found something else than what stands there."""

    earned: int = 0
    reversed: int = 0
    expired: int = 0
    spent: int = 0
    balance_sum: int = 0
    negative_accounts: int = 0
    entries: int = 0
    disagreements: int = 0

    @property
    def balances(self) -> bool:
        """Whether the accounts hold what the entries say."""
        return not self.disagreements


@dataclass(frozen=True, slots=True)
class Summary:
    """A show and the days after it.

    `funnel` counts people, each step by itself: watched, no_order, almost_bought, reachable, reminded, clicked,
    won_back. `left_alone` says of the non-orderers without a message why that is so.
    Where there was no show (`viewers` 0: orders only) the funnel is empty, and `customers` and `orders` say how much
    there was. `playbooks` gives the operators' titles by playbook id and locale. `unknown` are the figures of a show
    that are no figures, since no source delivers what they are read from.
    """

    synthetic: bool
    shop: str
    shows: tuple[str, ...]
    begins_at: int
    ends_at: int
    zone: str
    currency: str
    viewers: int
    customers: int
    orders: int
    ordered_in_show: int
    funnel: tuple[Count, ...]
    left_alone: tuple[Count, ...]
    won_back_orders: int
    won_back_minor: int
    events: Events
    ledger: Ledger
    non_orderers: tuple[NonOrderer, ...] = ()
    reminders: tuple[ReminderRow, ...] = ()
    messages: tuple[MessageRow, ...] = ()
    story: Story | None = None
    playbooks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unknown: tuple[Trust, ...] = ()
