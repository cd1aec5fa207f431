"""ingest_event for the wires beside Segment's: CloudEvents, Pinpoint, Douyin.

Each is translated into Segment's words (`rules.cloudevents`, `rules.pinpoint`, `rules.douyin`) and then judged and
handed over as everything else. Only the wire that came is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aftershow.ports.ports import Ports
from aftershow.rules.intake import MAX_BATCH_BYTES, RequestRefused
from aftershow.rules.wires import Judged, Translated, judge, parts
from aftershow.services.catalog import knows_write_key
from aftershow.services.ingesting import (
    Reply,
    Request,
    basic_user,
    busy,
    inflate,
    problem,
    take,
    within_rate,
    write_key_hash,
)

# How the AWS SDKs call what went wrong (rest-json, botocore's model of Pinpoint).
_EXCEPTIONS = {
    400: "BadRequestException",
    404: "NotFoundException",
    413: "PayloadTooLargeException",
    429: "TooManyRequestsException",
}
_OK, _ACCEPTED = 200, 202

# Pinpoint's routes, as the template has them.
PUT_EVENTS = "POST /v1/apps/{app}/events"
UPDATE_ENDPOINT = "PUT /v1/apps/{app}/endpoints/{endpoint}"
UPDATE_ENDPOINTS = "PUT /v1/apps/{app}/endpoints"


class _Refused(Exception):
    """The request is answered with `reply`; nothing of it is kept."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def receive(request: Request, ports: Ports) -> Reply:
    """Answer one request that is none of Segment's."""
    wire = WIRES.get(request.kind)
    if wire is None:
        return problem(404, "not_found", f"there is no /v1/{request.kind[:32]}; batches go to /v1/batch")
    try:
        return wire(request, ports)
    except RequestRefused as refused:
        return problem(400, "invalid_request", str(refused))
    except _Refused as refused:
        return refused.reply


def judged_again(kept: bytes, now: int, *, undated: bool = False) -> Judged | None:
    """A dead letter of one of these wires, translated and judged anew; None where it is none of theirs.

    Each is kept as a request of its wire with one thing in it, which says by its names which one it is. `undated`:
    without its own moment, so that the moment of receipt counts.
    """
    try:
        things = _kept(kept, now)
    except RequestRefused:
        return None
    if things is None:
        return None
    return judge([thing.undated() for thing in things] if undated else things, now)


def _kept(kept: bytes, now: int) -> list[Translated] | None:
    from aftershow.rules import cloudevents, douyin, pinpoint

    named = parts(kept)
    if "BatchItem" in named:
        things = pinpoint.read_events(kept, now)
        # An event is kept with its endpoint, which was judged for itself.
        events = [thing for thing in things if thing.event is not None]
        return [thing.translated for thing in events or things]
    if "Item" in named:
        return [thing.translated for thing in pinpoint.read_endpoints(kept, now)]
    if "x-msg-type" in named:
        return douyin.read_kept(named)
    if "specversion" in named:
        return cloudevents.read({"content-type": f"{cloudevents.STRUCTURED}+json"}, kept)
    return None


def _cloudevents(request: Request, ports: Ports) -> Reply:
    from aftershow.rules import cloudevents

    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else None
    source = _source(basic_user(authorization) or bearer or request.headers.get("x-write-key"), ports)
    if source is None:
        how = "as the user name of Basic auth, as a Bearer token, or as x-write-key"
        return problem(401, "unauthorized", f"unknown write key: send it {how}")
    reasons = _taken(ports, source, judge(cloudevents.read(request.headers, _body(request)), ports.now()))
    refused = [{"index": index, "reason": reason} for index, reason in enumerate(reasons) if reason]
    return Reply(_OK, {"success": True} | ({"refused": refused} if refused else {}))


def _pinpoint(request: Request, ports: Ports) -> Reply:
    """Answer as the AWS SDKs read it."""
    request_id = ports.new_id()
    try:
        return _pinpoint_taken(request, ports, request_id)
    except RequestRefused as refused:
        reply = problem(400, "", str(refused))
    except _Refused as refused:
        reply = refused.reply
    body = {"Message": reply.body["message"], "RequestID": request_id}
    return Reply(reply.status, body, {**reply.headers, "x-amzn-errortype": _EXCEPTIONS[reply.status]})


def _pinpoint_taken(request: Request, ports: Ports, request_id: str) -> Reply:
    from aftershow.rules import pinpoint

    now = ports.now()
    # SDKs sign with keys that only AWS could check: the application id is what a write key is elsewhere.
    source = _source(request.parameters.get("app"), ports)
    if source is None:
        raise _Refused(problem(404, "", "this application id is none of the shop's write keys"))
    body = _body(request)
    if len(body) > MAX_BATCH_BYTES:
        raise _Refused(problem(413, "", f"a request holds at most {MAX_BATCH_BYTES // 1024} KB"))
    if request.kind == PUT_EVENTS:
        things = pinpoint.read_events(body, now)
    elif request.kind == UPDATE_ENDPOINT:
        things = [pinpoint.read_endpoint(request.parameters["endpoint"], body, now)]
    else:
        things = pinpoint.read_endpoints(body, now)
    reasons = _taken(ports, source, judge([thing.translated for thing in things], now))
    if request.kind == PUT_EVENTS:
        return Reply(_ACCEPTED, pinpoint.events_answer(things, reasons))
    return Reply(_ACCEPTED, pinpoint.endpoints_answer(reasons, request_id))


def _douyin(request: Request, ports: Ports) -> Reply:
    """A push of a live room. It is signed, so it needs no write key; and it has no rate of ours, since the platform has
    one and stops pushing where it is refused."""
    from aftershow.rules import douyin

    secret = ports.settings.douyin_secret
    if not secret:
        return problem(404, "not_configured", "pushes of Douyin are off: the parameter DouyinSecret is not set")
    now = ports.now()
    doubt = douyin.reason_to_doubt(request.headers, request.body, secret, now)
    if doubt:
        return problem(401, "unauthorized", doubt)
    _taken(ports, douyin.SOURCE, judge(douyin.read(request.headers, request.body), now), rated=False)
    return Reply(_OK, {"success": True})


def _taken(ports: Ports, source: str, judged: Judged, *, rated: bool = True) -> tuple[str, ...]:
    """Hand over what was judged; for each thing why it is refused, "" where it isn't. Raises _Refused."""
    if rated and not within_rate(ports, source, judged.intake.size):
        raise _Refused(busy("too many events a second for this write key"))
    if not take(ports, source, judged.intake):
        raise _Refused(busy("the queue did not take the events"))
    return judged.reasons


def _body(request: Request) -> bytes:
    return inflate(request.body, request.headers.get("content-encoding", ""))


def _source(key: str | None, ports: Ports) -> str | None:
    return knows_write_key(ports, write_key_hash(key)) if key else None


# By /v1/`kind`, or by the key of a route.
WIRES: Mapping[str, Callable[[Request, Ports], Reply]] = {
    "cloudevents": _cloudevents,
    PUT_EVENTS: _pinpoint,
    UPDATE_ENDPOINT: _pinpoint,
    UPDATE_ENDPOINTS: _pinpoint,
    "douyin": _douyin,
}
