"""rewards_api: what a shop's own server asks about points and does with them.

Each operation is safe to repeat: the ledger's keys are the caller's ids, for ever. Beside it every write carries an
Idempotency-Key, under which its answer is kept for a day: the same request gets the same answer, byte for byte, also
where the world has moved on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from aftershow.model import rewards as wire
from aftershow.model.base import Record
from aftershow.model.ids import digest
from aftershow.model.instants import DAY, SECOND, iso
from aftershow.model.ledger import MAX_POINTS, NEVER
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict, Put
from aftershow.rules.spending import Reason, Refusal
from aftershow.rules.wording import why
from aftershow.services import budgets, ledger, people, spending
from aftershow.services.messages import Busy

T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)

MAX_BODY_BYTES = 8 * 1024
MAX_KEY_CHARACTERS = 128
# Longer than any client retries; the ledger's own keys stay for ever.
ANSWERS_KEPT = DAY
RETRY_AFTER_SECONDS = 2
DEFAULT_PAGE = 20

_STATUS: dict[Reason, HTTPStatus] = {
    "bad_amount": HTTPStatus.UNPROCESSABLE_ENTITY,
    "bad_name": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_found": HTTPStatus.NOT_FOUND,
    "unknown_budget": HTTPStatus.NOT_FOUND,
    "unknown_code": HTTPStatus.NOT_FOUND,
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request: `operation` is the route ("POST /rewards/..."), `path` and `query` its parameters, `key` the
    Idempotency-Key."""

    operation: str
    path: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON text of an answer."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The request is answered with a problem."""

    def __init__(self, status: HTTPStatus, kind: str, detail: str, *, decided: bool = False) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        # Whether the ledger said so: only then is it the answer to this key from now on.
        self.decided = decided


class Kept(Record):
    """An answer under its Idempotency-Key, with the hash of the request that it answers."""

    request: str
    status: int
    text: str
    until: int


Operation = Callable[[Request, str, Ports], tuple[HTTPStatus, BaseModel]]


def answered(request: Request, ports: Ports) -> Answer:
    """Answer one request of OPERATIONS."""
    try:
        reply = _replayed(request, ports) if request.operation.startswith("POST ") else _done(request, ports)
    except Refused as refused:
        reply = _problem(refused)
    except Busy:
        reply = _problem(Refused(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "too many write here: come again in seconds"))
    ports.log.info("rewards", operation=request.operation, status=reply.status)
    return reply


def _replayed(request: Request, ports: Ports) -> Answer:
    """A write: done once under its key, then answered from what was kept."""
    key = request.key
    if not key or len(key) > MAX_KEY_CHARACTERS or not key.isprintable():
        detail = f"a write needs a header Idempotency-Key of 1 to {MAX_KEY_CHARACTERS} printable characters"
        raise Refused(HTTPStatus.BAD_REQUEST, "idempotency_key_missing", detail)
    asked = digest(
        "request", request.operation, json.dumps(dict(sorted(request.path.items()))), request.body.decode("latin-1")
    )
    where = keys.kept_answer(digest("idempotency", key, size=20))
    known = ports.store.get(where)
    if known is not None and Kept.read(known.body).until > ports.now():
        return _same(Kept.read(known.body), asked)
    try:
        reply = _done(request, ports)
    except Refused as refused:
        if not refused.decided:
            raise
        reply = _problem(refused)
    kept = Kept(request=asked, status=reply.status, text=reply.body, until=ports.now() + ANSWERS_KEPT)
    expires = (kept.until + DAY) // SECOND
    try:
        ports.store.commit([Put(where, kept.body(), known.version if known else None, expires_at=expires)])
    except Conflict:
        # Somebody came at the same moment with the same key: the first answer is everybody's.
        other = ports.store.get(where)
        if other is None:
            raise Busy from None
        return _same(Kept.read(other.body), asked)
    return reply


def _same(kept: Kept, asked: str) -> Answer:
    if kept.request != asked:
        detail = "this Idempotency-Key was used for another request: take a new one"
        raise Refused(HTTPStatus.CONFLICT, "idempotency_key_reused", detail)
    return _answer(kept.status, kept.text)


def _done(request: Request, ports: Ports) -> Answer:
    operation = OPERATIONS[request.operation]
    viewer = people.known_as(ports, request.path["viewer"])
    if viewer is None:
        raise Refused(HTTPStatus.NOT_FOUND, "unknown_viewer", "nobody is known by this identifier")
    status, told = operation(request, viewer, ports)
    return _answer(status, told.model_dump_json())


def _balance(_request: Request, viewer: str, ports: Ports) -> tuple[HTTPStatus, BaseModel]:
    stands = ledger.balance(ports, viewer)
    return HTTPStatus.OK, wire.Balance(
        viewer=viewer,
        balance=_points(stands.balance),
        available=_points(stands.available),
        pending=_points(stands.pending),
        reserved=_points(stands.reserved),
        held=_points(stands.held),
        owed=_points(stands.owed),
        lots=tuple(
            wire.Lot(points=_points(points), expires_at=iso(expires_at) if expires_at < NEVER else None)
            for expires_at, points in stands.lots
        ),
    )


def _statement(request: Request, viewer: str, ports: Ports) -> tuple[HTTPStatus, BaseModel]:
    limit = _whole(request.query.get("limit", str(DEFAULT_PAGE)), "limit", wire.MAX_PAGE)
    cursor = request.query.get("cursor")
    if cursor is not None and not re.fullmatch(ledger.CURSOR, cursor):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", 'cursor is the "next" of an earlier page')
    page = ledger.statement(ports, viewer, cursor, limit)
    lines = tuple(
        wire.Line(
            id=entry.key,
            at=iso(entry.at),
            points=_points(entry.points),
            why=why(entry, ports.settings.shop_locale),
            order=entry.order,
        )
        for entry in page.entries
    )
    return HTTPStatus.OK, wire.StatementPage(viewer=viewer, lines=lines, next=page.cursor)


def _quote(request: Request, viewer: str, ports: Ports) -> tuple[HTTPStatus, BaseModel]:
    quoted = _or_problem(ledger.quote(ports, viewer, _whole(request.query.get("points", ""), "points", None)))
    given = wire.QuoteGiven(
        points=_points(quoted.points), available=_points(quoted.available), possible=quoted.possible
    )
    return HTTPStatus.OK, given


def _reserve(request: Request, viewer: str, ports: Ports) -> tuple[HTTPStatus, BaseModel]:
    wanted = _read(request, wire.ReservationWanted)
    return HTTPStatus.CREATED, _told(spending.reserve(ports, viewer, wanted.id, wanted.points.value))


def _reservation(request: Request, viewer: str, ports: Ports) -> tuple[HTTPStatus, BaseModel]:
    return HTTPStatus.OK, _told(spending.reservation(ports, viewer, request.path["reservation"]))


def _confirm(request: Request, viewer: str, ports: Ports) -> tuple[HTTPStatus, BaseModel]:
    _empty(request)
    return HTTPStatus.OK, _told(spending.confirm(ports, viewer, request.path["reservation"]))


def _release(request: Request, viewer: str, ports: Ports) -> tuple[HTTPStatus, BaseModel]:
    _empty(request)
    return HTTPStatus.OK, _told(spending.release(ports, viewer, request.path["reservation"]))


def _redeem(request: Request, viewer: str, ports: Ports) -> tuple[HTTPStatus, BaseModel]:
    claim = _or_problem(budgets.redeem_code(ports, viewer, _read(request, wire.CodeWanted).code))
    return HTTPStatus.OK, wire.CodeGiven(
        budget=claim.budget,
        viewer=claim.viewer,
        given=wire.Units(value=claim.units, unit=claim.unit),
        at=iso(claim.at),
        first=claim.first,
    )


_VIEWER = "/rewards/viewers/{viewer}"
_RESERVATION = f"{_VIEWER}/reservations/{{reservation}}"
OPERATIONS: Mapping[str, Operation] = {
    f"GET {_VIEWER}/balance": _balance,
    f"GET {_VIEWER}/statement": _statement,
    f"GET {_VIEWER}/quote": _quote,
    f"POST {_VIEWER}/reservations": _reserve,
    f"GET {_RESERVATION}": _reservation,
    f"POST {_RESERVATION}/confirm": _confirm,
    f"POST {_RESERVATION}/release": _release,
    f"POST {_VIEWER}/codes": _redeem,
}


def _told(standing: spending.Reservation | Refusal) -> wire.ReservationGiven:
    found = _or_problem(standing)
    return wire.ReservationGiven(
        id=found.id,
        viewer=found.viewer,
        points=_points(found.points),
        state=found.state,
        at=iso(found.at),
        until=iso(found.until) if found.until is not None else None,
    )


def _points(value: int) -> wire.Points:
    return wire.Points(value=value)


def _or_problem(given: T | Refusal) -> T:
    if isinstance(given, Refusal):
        raise Refused(_STATUS.get(given.reason, HTTPStatus.CONFLICT), given.reason, given.words, decided=True)
    return given


def _read(request: Request, kind: type[B]) -> B:
    """The body as a model. Raises Refused, with the places and without the values that were sent."""
    if len(request.body) > MAX_BODY_BYTES:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"a body has at most {MAX_BODY_BYTES} bytes")
    try:
        return kind.model_validate_json(request.body)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors()]
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "; ".join(said)) from None


def _empty(request: Request) -> None:
    if request.body.strip() not in (b"", b"{}"):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "this operation takes no body")


def _whole(text: str, name: str, most: int | None) -> int:
    limit = MAX_POINTS if most is None else most
    if not text.isascii() or not text.isdigit() or len(text) > len(str(limit)) or not 1 <= int(text) <= limit:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", f"{name} is a whole number from 1 to {limit}")
    return int(text)


def _answer(status: int, text: str) -> Answer:
    kind = "application/problem+json" if status >= HTTPStatus.BAD_REQUEST else "application/json"
    return Answer(status, text, {"content-type": kind, "cache-control": "no-store"})


def _problem(refused: Refused) -> Answer:
    status = refused.status
    problem = wire.Problem(
        type=f"urn:aftershow:problem:{refused.kind}", title=status.phrase, status=status.value, detail=refused.detail
    )
    reply = _answer(status.value, problem.model_dump_json())
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return Answer(reply.status, reply.body, {**reply.headers, "retry-after": str(RETRY_AFTER_SECONDS)})
    return reply
