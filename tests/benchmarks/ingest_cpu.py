"""CPU of the ingest handler and of a floor below it, against one stub that answers for Lambda, SQS and DynamoDB.

Run as a module by test_ingest_cpu: `server PORT_FILE`, or `handler PORT`, whose last line, after the handler's own
log, is JSON: batch size to microseconds of CPU per event, of ours and of the floor, and our AWS calls a request. The
floor decodes the batch, signs and sends one queue message over a connection of its own, without the SDK: less can't be
done. Both get their events and give their answers over HTTP, as with Lambda's runtime API.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import importlib
import json
import statistics
import sys
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from aftershow.model.settings import environment
from infra.local.catalog import LOCAL_SOURCE

SIZES = {1: 600, 10: 400, 100: 150}
ROUNDS = 7
REGION = "eu-central-1"
QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/BehaviourQueue"
HEADERS = {"content-type": "application/json", "authorization": f"Basic {b64encode(b'local:').decode()}"}

Handler = Callable[[dict[str, Any]], Any]
# What the handler reads of Lambda's context.
CONTEXT = SimpleNamespace(aws_request_id="request-1", function_version="1")


class Stub(asyncio.Protocol):
    """Answers every request at once: items are write keys, messages are taken."""

    # What the next invocation gets.
    event = b"{}"
    # Calls of AWS since somebody asked, by operation.
    calls: Counter[str] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self._buffer) < end + 4 + length:
                return
            body = self._buffer[end + 4 : end + 4 + length]
            self._buffer = self._buffer[end + 4 + length :]
            answer = self._answer(head, body)
            kind = b"application/x-amz-json-1.0"
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(answer), answer)
            )

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"put "):
            Stub.event = body
            return b"{}"
        if head.startswith(b"get /calls"):
            counted = json.dumps(Stub.calls).encode()
            Stub.calls.clear()
            return counted
        if head.startswith(b"get "):
            return Stub.event
        target = head.partition(b"x-amz-target:")[2].partition(b"\r\n")[0].strip()
        if target:
            Stub.calls[target.decode().rpartition(".")[2]] += 1
        if b"dynamodb" in head:
            attributes = {"n": {"N": "1"}, "c": {"S": "c1"}, "body": {"S": LOCAL_SOURCE}}
            return json.dumps({"Item": {**json.loads(body)["Key"], **attributes}}).encode()
        return b'{"MessageId":"m1","MD5OfMessageBody":"x"}'


async def serve(port_file: Path) -> None:
    """Serve on a free port of this machine, and write down which."""
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0)
    port_file.write_text(str(server.sockets[0].getsockname()[1]), encoding="ascii")
    await server.serve_forever()


class _Event(msgspec.Struct):
    type: str
    messageId: str  # noqa: N815 (Segment's names)
    timestamp: str
    anonymousId: str | None = None  # noqa: N815
    userId: str | None = None  # noqa: N815
    event: str | None = None
    properties: dict[str, Any] | None = None


class _Batch(msgspec.Struct):
    batch: list[_Event]
    context: dict[str, Any] | None = None


class Floor:
    """Decode, sign (Signature Version 4), send."""

    def __init__(self, port: int) -> None:
        self._decoder = msgspec.json.Decoder(_Batch)
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._host = f"127.0.0.1:{port}"
        self._day, self._key = "", b""

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        """One request."""
        packed = msgspec.json.encode(self._decoder.decode(event["body"])).decode()
        body = msgspec.json.encode({"QueueUrl": QUEUE, "MessageBody": packed})
        self._connection.request("POST", "/", body, self._signed(body))
        self._connection.getresponse().read()
        return {"statusCode": 200, "body": '{"success": true}'}

    def _signed(self, body: bytes) -> dict[str, str]:
        stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%SZ")
        day = stamp[:8]
        if day != self._day:
            key = b"AWS4testing"
            for part in (day, REGION, "sqs", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        scope = f"{day}/{REGION}/sqs/aws4_request"
        names = "content-type;host;x-amz-date;x-amz-target"
        kind, target = "application/x-amz-json-1.0", "AmazonSQS.SendMessage"
        canonical = (
            f"POST\n/\n\ncontent-type:{kind}\nhost:{self._host}\nx-amz-date:{stamp}\nx-amz-target:{target}\n\n"
            f"{names}\n{hashlib.sha256(body).hexdigest()}"
        )
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key, text.encode(), "sha256").hex()
        credential = f"AWS4-HMAC-SHA256 Credential=testing/{scope}"
        return {
            "Host": self._host,
            "Content-Type": kind,
            "X-Amz-Date": stamp,
            "X-Amz-Target": target,
            "Authorization": f"{credential}, SignedHeaders={names}, Signature={signature}",
        }


def request_of(size: int) -> dict[str, Any]:
    """A batch as an SDK sends it, about half a kilobyte an event."""
    moment = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    batch = [
        {
            "type": "track",
            "event": "Product Viewed",
            "anonymousId": f"device-{number % 20}",
            "userId": None,
            "messageId": f"{number:08d}-7c1e-4f0e-9a55-0123456789ab",
            "timestamp": moment,
            "integrations": {},
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "properties": {"show_id": "spring", "product_id": f"p{number}", "name": "西湖龙井 明前特级", "price": 288.0,
                           "currency": "CNY", "url": f"https://shop.example/products/p{number}?source=live"},
        }
        for number in range(size)
    ]  # fmt: skip
    context = {"timezone": "Asia/Shanghai", "locale": "zh-CN", "ip": "192.0.2.1"}
    body = json.dumps({"batch": batch, "context": context, "sentAt": moment}, ensure_ascii=False)
    return {
        "version": "2.0",
        "routeKey": "POST /v1/{kind}",
        "pathParameters": {"kind": "batch"},
        "headers": HEADERS,
        "body": body,
        "isBase64Encoded": False,
    }


class Runtime:
    """What Lambda's runtime client does around a handler: fetch the event, answer."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def _call(self, method: str, path: str, body: bytes = b"") -> bytes:
        self._connection.request(method, path, body)
        return self._connection.getresponse().read()

    def provide(self, event: dict[str, Any]) -> None:
        """From now on every invocation gets this event."""
        self._call("PUT", "/event", json.dumps(event).encode())

    def counted(self) -> dict[str, int]:
        """Calls of AWS since this was asked last."""
        told: dict[str, int] = json.loads(self._call("GET", "/calls"))
        return told

    def microseconds(self, handler: Handler, times: int) -> float:
        """CPU per invocation."""
        started = time.process_time()
        for _ in range(times):
            answer = handler(json.loads(self._call("GET", "/2018-06-01/runtime/invocation/next")))
            assert answer["statusCode"] == 200
            self._call("POST", "/2018-06-01/runtime/invocation/1/response", json.dumps(answer).encode())
        return (time.process_time() - started) / times * 1e6


def measure(port: int) -> dict[str, Any]:
    """Interleaved rounds; medians."""
    app = importlib.import_module("functions.ingest_event.app")
    floor, runtime, found = Floor(port), Runtime(port), {}
    handler = app.handler

    def ours(event: dict[str, Any]) -> Any:
        return handler(event, CONTEXT)

    for size, times in SIZES.items():
        runtime.provide(request_of(size))
        for one in (ours, floor):
            runtime.microseconds(one, 20)
        rounds, calls = [], Counter[str]()
        for _ in range(ROUNDS):
            runtime.counted()
            mine = runtime.microseconds(ours, times)
            calls.update(runtime.counted())
            rounds.append((mine, runtime.microseconds(floor, times)))
        pair = [statistics.median(column) / size for column in zip(*rounds, strict=True)]
        a_request = {name: number / times / ROUNDS for name, number in calls.items()}
        found[str(size)] = {"ours": pair[0], "floor": pair[1], "calls": a_request}
    return found


if __name__ == "__main__":
    if sys.argv[1] == "server":
        asyncio.run(serve(Path(sys.argv[2])))
    else:
        assert "AWS_ENDPOINT_URL" in environment()
        sys.stdout.write(json.dumps(measure(int(sys.argv[2]))) + "\n")
