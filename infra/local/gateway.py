"""The HTTP API on this machine: a request becomes Lambda's event, its answer becomes a reply.

Source of the shapes: the API Gateway developer guide, "Create AWS Lambda proxy integrations for
HTTP APIs", payload format version 2.0.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from infra.local.intrinsics import ACCOUNT

if TYPE_CHECKING:
    from infra.local.wiring import Cors, Route

# API Gateway takes no larger request.
MAX_BODY_BYTES = 10 * 1024 * 1024
_DOMAIN = "localhost"


@dataclass(frozen=True, slots=True)
class HttpReply:
    """What the caller gets. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What the caller sent. `query` is the raw query string, without the question mark."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True)
class _Pattern:
    route: Route
    path: re.Pattern[str]


class Gateway:
    """Finds the route of a request, and translates both ways."""

    def __init__(self, routes: Iterable[Route], cors: Cors) -> None:
        # A literal segment wins over a variable one.
        ordered = sorted(routes, key=lambda route: route.path.replace("{", "\uffff"))
        self._patterns = [_Pattern(route, _compiled(route.path)) for route in ordered]
        self._cors = cors

    def route(self, request: HttpRequest) -> tuple[Route, Mapping[str, str]] | None:
        """The route and its path parameters, or None."""
        for pattern in self._patterns:
            if pattern.route.method in (request.method, "ANY"):
                found = pattern.path.fullmatch(request.path)
                if found:
                    return pattern.route, {k: unquote(v) for k, v in found.groupdict().items()}
        return None

    def event(
        self,
        request: HttpRequest,
        route: Route,
        parameters: Mapping[str, str],
        request_id: str,
        now: int,
    ) -> dict[str, Any]:
        """The event for the function; `now` in epoch ms."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        headers.setdefault("host", _DOMAIN)
        headers.setdefault("content-length", str(len(request.body)))
        cookies = headers.pop("cookie", "")
        key = f"{route.method} {route.path}"
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": key,
            "rawPath": request.path,
            "rawQueryString": request.query,
            "headers": headers,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": "local",
                "domainName": _DOMAIN,
                "domainPrefix": "local",
                "http": {
                    "method": request.method,
                    "path": request.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": headers.get("user-agent", ""),
                },
                "requestId": request_id,
                "routeKey": key,
                "stage": "$default",
                "time": _access_log_time(now),
                "timeEpoch": now,
            },
        }
        if cookies:
            event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
        if request.query:
            event["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
        if parameters:
            event["pathParameters"] = dict(parameters)
        return event | _body(request.body, headers)

    def reply(self, answer: object, origin: str | None) -> HttpReply:
        """The function's answer, as the caller gets it."""
        given: dict[str, Any] = {"statusCode": 200}
        if isinstance(answer, dict) and "statusCode" in answer:
            given = answer
        else:
            # API Gateway takes any other answer for the body of a success.
            given["body"] = json.dumps(answer)
        headers = {name.lower(): str(text) for name, text in given.get("headers", {}).items()}
        headers.setdefault("content-type", "application/json")
        if given.get("cookies"):
            headers["set-cookie"] = ", ".join(given["cookies"])
        body = given.get("body") or ""
        encoded = bool(given.get("isBase64Encoded"))
        content = base64.b64decode(body) if encoded else str(body).encode()
        return HttpReply(int(given["statusCode"]), headers | self._allowed(origin), content)

    def problem(self, status: int, message: str, origin: str | None = None) -> HttpReply:
        """What API Gateway answers by itself."""
        body = json.dumps({"message": message}).encode()
        return HttpReply(status, {"content-type": "application/json"} | self._allowed(origin), body)

    def preflight(self, headers: Mapping[str, str]) -> HttpReply:
        """The answer to a browser's question whether a page may call; without a word of permission it may not."""
        allowed = self._allowed(origin_of(headers))
        asked = {name.lower(): text for name, text in headers.items()}.get("access-control-request-method")
        if not allowed or asked is None or not {"*", asked.upper()} & set(self._cors.methods):
            return HttpReply(204, {}, b"")
        cors = self._cors
        allowed["access-control-allow-methods"] = ",".join(cors.methods)
        if cors.headers:
            allowed["access-control-allow-headers"] = ",".join(cors.headers)
        if cors.max_age_seconds >= 0:
            allowed["access-control-max-age"] = str(cors.max_age_seconds)
        return HttpReply(204, allowed, b"")

    def _allowed(self, origin: str | None) -> dict[str, str]:
        cors = self._cors
        if origin is None or not {"*", origin} & set(cors.origins):
            return {}
        allowed = {"access-control-allow-origin": "*" if "*" in cors.origins else origin}
        if cors.exposed:
            allowed["access-control-expose-headers"] = ",".join(cors.exposed)
        return allowed


def origin_of(headers: Mapping[str, str]) -> str | None:
    """The page's origin, where a browser says it."""
    return next((text for name, text in headers.items() if name.lower() == "origin"), None)


def _compiled(path: str) -> re.Pattern[str]:
    """`/a/{b}` as an expression; `{b+}` takes the rest of the path."""
    parts = re.split(r"\{(\w+\+?)\}", path)
    for place in range(1, len(parts), 2):
        name, greedy = parts[place].rstrip("+"), parts[place].endswith("+")
        parts[place] = f"(?P<{name}>{'.+' if greedy else '[^/]+'})"
    for place in range(0, len(parts), 2):
        parts[place] = re.escape(parts[place])
    return re.compile("".join(parts))


def _body(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """The body as text only where its content type says that it is text, and its bytes agree.

    A form (an unsubscribe of RFC 8058) comes as base64 too.
    """
    if not body:
        return {"isBase64Encoded": False}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    textual = kind.startswith("text/") or kind == "application/json" or kind.endswith("+json")
    if textual and "content-encoding" not in headers:
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _access_log_time(now: int) -> str:
    return datetime.fromtimestamp(now // 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
