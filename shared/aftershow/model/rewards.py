"""What the rewards API takes and gives: amounts are integers with their unit, moments ISO 8601, ids as they were given.

The models are the contract: the OpenAPI document is generated from them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from aftershow.model.ledger import MAX_NAME, MAX_POINTS

# The code of a coupon or card; longer is a mistake.
MAX_CODE = 64
MAX_PAGE = 100
# Ids that stand in a path: nothing that a client, a proxy or a log would write otherwise.
SAFE = r"^[A-Za-z0-9_.:@+-]+$"

State = Literal["open", "confirmed", "released", "timed_out"]
Moment = Annotated[str, Field(description="ISO 8601 with offset", examples=["2026-03-06T18:30:00+00:00"])]


def _whole(value: object) -> object:
    """JSON knows one kind of number: 100.0 is the whole number 100."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Wire(BaseModel):
    """What crosses the border: unknown fields are refused, numbers are not made from text or fractions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Points(Wire):
    """An amount of points. A balance may be below zero."""

    value: int
    unit: Literal["points"] = "points"


class Asked(Wire):
    """An amount of points to reserve."""

    value: Annotated[int, BeforeValidator(_whole)] = Field(ge=1, le=MAX_POINTS)
    unit: Literal["points"] = "points"


class Units(Wire):
    """What a code gave, in the unit of its budget: points, coupons, red packets ..."""

    value: int
    unit: str


class Lot(Wire):
    """Points that expire together; `expires_at` is null where they never do."""

    points: Points
    expires_at: Moment | None


class Balance(Wire):
    """`balance` is available + pending + reserved + held - owed. `lots` are what is available, the first to expire
    first."""

    viewer: str
    balance: Points
    available: Points
    pending: Points
    reserved: Points
    held: Points
    owed: Points
    lots: tuple[Lot, ...]


class Line(Wire):
    """One entry of the ledger as a person reads it; `points` is below zero where it took some."""

    id: str
    at: Moment
    points: Points
    why: str = Field(description="why, in the shop's language")
    order: str | None = None


class StatementPage(Wire):
    """Entries, the newest first. `next` is the cursor of the next page; null: there are no more."""

    viewer: str
    lines: tuple[Line, ...]
    next: str | None


class QuoteGiven(Wire):
    """Whether so many points could be reserved now. Only a reservation keeps them."""

    points: Points
    available: Points
    possible: bool


class ReservationWanted(Wire):
    """`id` is the caller's own, say of the order that is being paid: the same id again is the same reservation."""

    id: str = Field(min_length=1, max_length=MAX_NAME, pattern=SAFE, examples=["order-4711"])
    points: Asked


class ReservationGiven(Wire):
    """A reservation as it stands. Open ones time out at `until`: their points go back."""

    id: str
    viewer: str
    points: Points
    state: State
    at: Moment
    until: Moment | None


class CodeWanted(Wire):
    """A code that somebody typed; case and blanks around it don't matter."""

    code: str = Field(min_length=1, max_length=MAX_CODE)


class CodeGiven(Wire):
    """What a code gave. `first` is false where the same person had redeemed it before: nothing was given twice."""

    budget: str
    viewer: str
    given: Units
    at: Moment
    first: bool


class Problem(Wire):
    """Why a request was not done (RFC 9457). `type` is stable and made for programs, `detail` for people."""

    type: str = Field(examples=["urn:aftershow:problem:insufficient"])
    title: str
    status: int
    detail: str
