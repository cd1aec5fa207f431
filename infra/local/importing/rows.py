"""What a row becomes: Segment messages whose ids follow from what the row says, and what could not be used of it.

Nothing here is trusted more than any client: the messages go through the HTTP ingest. The same row gives the same
messages, so a file that comes twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import msgspec

from aftershow.model.ids import digest
from aftershow.model.instants import DAY, iso
from aftershow.rules.intake import MAX_AGE, MAX_AHEAD
from infra.local.importing.files import Row
from infra.local.importing.mapping import Columns
from infra.local.importing.moments import moment
from infra.local.importing.values import Unusable, cleaned, email, identifier, phone

T = TypeVar("T")
Message = dict[str, Any]
# An import may go on days later: what was taken at first must be young enough then.
_SAFE_AGE = MAX_AGE - 35 * DAY
# An order is no word that could be said a little later: it is taken at its own time, or not.
_MARGIN = 2 * DAY

What = Literal["refused", "left out", "not sendable"]
TOO_OLD = "is older than 400 days, and the shop takes no older events"
AHEAD = "lies in the future"


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be used. `line` counts from 1; `column` is the file's name for it, empty for the whole row.

    refused        nothing of the row is used
    left out       a cell is not used, the rest of its row is
    not sendable   the member is known, but no consent was taken
    """

    line: int
    what: What
    reason: str
    column: str = ""


@dataclass(slots=True)
class Taken:
    """What became of a row, or of the rows of an order; `line` is the last of them."""

    line: int
    messages: list[Message] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Times:
    """When the import began, and as of when its rows speak where they don't say (epoch ms). Both stay the same when it
    goes on."""

    began_at: int
    as_of: int

    def within(self, at: int) -> int:
        """The moment, or the oldest that the shop takes safely: a word that is older still counts. Raises Unusable for
        the future."""
        return max(self._past(at), self.began_at - _SAFE_AGE)

    def check(self, at: int) -> int:
        """The moment. Raises Unusable where the shop would not take it."""
        if self._past(at) < self.began_at - MAX_AGE + _MARGIN:
            raise Unusable(TOO_OLD)
        return at

    def _past(self, at: int) -> int:
        if at > self.began_at + MAX_AHEAD:
            raise Unusable(AHEAD)
        return at


class Cells:
    """A row's cells by our fields' names."""

    def __init__(self, row: Row, columns: Columns, places: dict[str, int]) -> None:
        self._row, self._columns, self._places = row, columns, places
        self.problems: list[Problem] = []
        # Fields of which a cell says something that can't be read.
        self.unread: set[str] = set()
        self.line = row.line

    def text(self, name: str) -> str:
        """A cell, cleaned; empty where there is none."""
        place = self._places.get(name)
        return "" if place is None else cleaned(self._row.cells[place])

    def read(self, name: str, reader: Callable[[str], T]) -> T | None:
        """A cell, read; None where it is empty, or can't be read: then the problem is noted."""
        text = self.text(name)
        if not text:
            return None
        try:
            return reader(text)
        except Unusable as unusable:
            self.note("left out", str(unusable), name)
            self.unread.add(name)
            return None

    def moment(self, name: str) -> int | None:
        """A moment, epoch ms."""
        return self.read(name, lambda text: moment(text, self._columns.zone, self._columns.dates))

    def note(self, what: What, reason: str, name: str = "") -> None:
        """Note a problem, of a field or of the whole row."""
        self.problems.append(Problem(self.line, what, reason, self._columns.columns.get(name, name)))


@dataclass(frozen=True, slots=True)
class Person:
    """Who a row is about. Without an id of the shop's, whoever has this address: `contact` is true then."""

    user: str | None
    anonymous: str | None
    email: str | None
    phone: str | None
    contact: bool = False

    def identity(self) -> Message:
        """The fields of a message that name the person."""
        named = {"userId": self.user, "anonymousId": self.anonymous}
        return {name: value for name, value in named.items() if value is not None}

    def addresses(self) -> Message:
        """The traits by which the person can be reached."""
        return {name: value for name, value in (("email", self.email), ("phone", self.phone)) if value is not None}


def person(cells: Cells) -> Person | None:
    """Whom a row names; None where it names nobody."""
    user, anonymous = cells.read("user_id", identifier), cells.read("anonymous_id", identifier)
    return named(user, anonymous, cells.read("email", email), cells.read("phone", phone))


def named(user: str | None, anonymous: str | None, mail: str | None, number: str | None) -> Person | None:
    """Somebody by ids, else by an address."""
    if user is None and anonymous is None:
        address = (mail or "").lower() or number
        if address is None:
            return None
        return Person(None, f"contact-{digest('contact', address, size=15)}", mail, number, contact=True)
    return Person(user, anonymous, mail, number)


def message(what: Message, at: int | None, times: Times, *, own_time: bool = True) -> Message:
    """A message with its time and an id that follows from what it says; the import's own time is no part of that."""
    stated = at if at is not None else times.as_of
    said = {**what, "at": stated} if own_time and at is not None else what
    text = msgspec.json.encode(said, order="deterministic").decode()
    return {**what, "messageId": f"import-{digest('import', text, size=15)}", "timestamp": iso(stated)}
