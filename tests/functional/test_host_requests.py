"""HTTP requests reach functions, and answers come back, as with an HTTP API."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.functional.tiny import LOOK, START, seen, tiny_host


def test_a_request_becomes_the_event_of_an_http_api(tmp_path: Path) -> None:
    """Payload format 2.0: names in lower case, parameters decoded, duplicates joined."""
    host = tiny_host(tmp_path, {"web": LOOK})
    headers = {"Content-Type": "application/json", "User-Agent": "probe", "Cookie": "a=1; b=2"}
    host.request("POST", "/things/red%20tea", headers, '{"x": "茶"}'.encode(), "q=1&q=2&e=")
    [event] = seen(host)
    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /things/{name}"
    assert event["rawPath"] == "/things/red%20tea"
    assert event["pathParameters"] == {"name": "red tea"}
    assert event["rawQueryString"] == "q=1&q=2&e="
    assert event["queryStringParameters"] == {"q": "1,2", "e": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["content-type"] == "application/json"
    assert "cookie" not in event["headers"]
    assert event["body"] == '{"x": "茶"}'
    assert event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["timeEpoch"] == START
    assert context["http"]["method"] == "POST"
    assert context["http"]["userAgent"] == "probe"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, b"List-Unsubscribe=One-Click"),
        ({"content-type": "application/json"}, b"\xff\xfe"),
        ({"content-type": "application/json", "Content-Encoding": "gzip"}, b"{}"),
        ({}, b"plain"),
    ],
)
def test_what_is_not_declared_text_comes_as_base64(tmp_path: Path, headers: dict[str, str], body: bytes) -> None:
    """As API Gateway does it: by content type, and a form is no text to it."""
    host = tiny_host(tmp_path, {"web": LOOK})
    host.request("POST", "/things/a", headers, body)
    [event] = seen(host)
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


def test_answers_become_replies(tmp_path: Path) -> None:
    """Text, bytes, and an answer without a status, which is the body of a success."""
    answers = """
        def handle(event, context, ports):
            return {
                "text": {"statusCode": 201, "headers": {"X-Y": "z"}, "body": "茶"},
                "bytes": {"statusCode": 200, "body": "/w==", "isBase64Encoded": True},
                "bare": {"hello": 1},
            }[event["pathParameters"]["name"]]
    """
    host = tiny_host(tmp_path, {"web": answers})
    text = host.request("GET", "/things/text", {})
    assert (text.status, text.body.decode(), text.headers["x-y"]) == (201, "茶", "z")
    assert host.request("GET", "/things/bytes", {}).body == b"\xff"
    bare = host.request("GET", "/things/bare", {})
    assert (bare.status, json.loads(bare.body)) == (200, {"hello": 1})


def test_what_the_gateway_answers_by_itself(tmp_path: Path) -> None:
    """Unknown routes, a function that fails, a body that is too large, a browser's question."""
    host = tiny_host(tmp_path, {"web": "def handle(event, context, ports):\n    1 / 0\n"})
    assert host.request("GET", "/nothing", {}).status == 404
    assert host.request("DELETE", "/things/a", {}).status == 404
    assert host.request("GET", "/things/a/b", {}).status == 404
    failed = host.request("GET", "/things/a", {})
    assert (failed.status, failed.body) == (500, b'{"message": "Internal Server Error"}')
    assert [line.fields["error"] for line in host.errors] == ["ZeroDivisionError"]
    large = b"x" * (10 * 1024 * 1024 + 1)
    assert host.request("POST", "/things/a", {}, large).status == 413


ASKING = {"Origin": "https://shop.example", "Access-Control-Request-Method": "post"}


def test_a_page_that_may_call_is_told_so(tmp_path: Path) -> None:
    """The API Gateway developer guide, "Configure CORS for HTTP APIs": preflights are answered by the gateway."""
    host = tiny_host(tmp_path, {"web": LOOK})
    allowed = host.request("OPTIONS", "/things/a", ASKING)
    assert allowed.status == 204
    assert allowed.headers == {
        "access-control-allow-origin": "https://shop.example",
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "content-type",
        "access-control-expose-headers": "retry-after",
        "access-control-max-age": "600",
    }
    answered = host.request("POST", "/things/a", {"Origin": "https://shop.example"})
    assert answered.headers["access-control-allow-origin"] == "https://shop.example"
    assert answered.headers["access-control-expose-headers"] == "retry-after"


@pytest.mark.parametrize(
    "asking",
    [
        {**ASKING, "Origin": "https://other.example"},
        {**ASKING, "Access-Control-Request-Method": "DELETE"},
        {"Origin": "https://shop.example"},
        {},
    ],
)
def test_a_page_that_may_not_call_is_told_nothing(tmp_path: Path, asking: dict[str, str]) -> None:
    host = tiny_host(tmp_path, {"web": LOOK})
    told = host.request("OPTIONS", "/things/a", asking)
    assert (told.status, told.headers) == (204, {})
