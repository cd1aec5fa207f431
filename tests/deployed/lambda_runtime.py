"""A built function in a process of its own, under AWS's own runtime client, over a stub of the Runtime API."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

HOST = "127.0.0.1"
# The version that Lambda tells a function; aliases call numbered ones.
VERSION = "7"
ANSWERS_WITHIN_SECONDS = 60
FAR_DEADLINE_MS = 4_102_444_800_000
_NEXT = "/2018-06-01/runtime/invocation/next"
_INVOCATION = "/2018-06-01/runtime/invocation/"


@dataclass(frozen=True, slots=True)
class Told:
    """What the runtime client reported: `ready` for an event, a `response`, or an `error` (also of `init`)."""

    what: str
    body: Any = None


@dataclass
class RuntimeApi:
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, for one process at a time."""

    port: int = 0
    events: SimpleQueue[Any] = field(default_factory=SimpleQueue)
    told: SimpleQueue[Told] = field(default_factory=SimpleQueue)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The server's side of it."""
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                assert self.path == _NEXT
                api.told.put(Told("ready"))
                event = api.events.get()
                headers = {"Lambda-Runtime-Aws-Request-Id": "1", "Lambda-Runtime-Deadline-Ms": str(FAR_DEADLINE_MS)}
                arn = "arn:aws:lambda:eu-central-1:000000000000:function:sample"
                reply(self, 200, event, {**headers, "Lambda-Runtime-Invoked-Function-Arn": arn})

            def do_POST(self) -> None:
                what = "response" if self.path.endswith("/response") else "error"
                api.told.put(Told(what, json.loads(body_of(self) or b"null")))
                reply(self, 202, {"status": "OK"})

            def log_message(self, *_: object) -> None:
                """Nothing: stderr belongs to the function."""

        return Handler

    def next_told(self) -> Told:
        """What the process reports next; fails if it stays silent."""
        return self.told.get(timeout=ANSWERS_WITHIN_SECONDS)


def reply(to: BaseHTTPRequestHandler, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
    """Answer a request with JSON."""
    body = json.dumps(value).encode()
    to.send_response(status)
    for name, text in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}.items():
        to.send_header(name, text)
    to.end_headers()
    to.wfile.write(body)


def body_of(request: BaseHTTPRequestHandler) -> bytes:
    """The body of a request, which may come in chunks."""
    if request.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    body = b""
    while size := int(request.rfile.readline(), 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server on a free loopback port, for as long as the block runs."""
    server = ThreadingHTTPServer((HOST, 0), handler)
    server.daemon_threads = True
    # A request for the next event waits for ever.
    server.block_on_close = False
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Artefact:
    """A built function: its folder, the layer, the interpreter with the runtime client, its variables."""

    folder: Path
    layer: Path
    python: Path
    variables: Mapping[str, str]

    @contextmanager
    def running(self, api: RuntimeApi) -> Iterator[subprocess.Popen[str]]:
        """The process, as Lambda starts it; killed at the end."""
        environment = {
            "AWS_LAMBDA_RUNTIME_API": f"{HOST}:{api.port}",
            "AWS_LAMBDA_FUNCTION_NAME": self.folder.name,
            "AWS_LAMBDA_FUNCTION_VERSION": VERSION,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
            "LAMBDA_TASK_ROOT": str(self.folder),
            "PYTHONPATH": f"{self.folder}:{self.layer}",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "sample",
            "AWS_SECRET_ACCESS_KEY": "sample",
            **self.variables,
        }
        command = (str(self.python), "-m", "awslambdaric", "app.handler")
        pipe = subprocess.PIPE
        with subprocess.Popen(  # noqa: S603 (our own function)
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def answers(artefact: Artefact, events: Sequence[Mapping[str, Any]]) -> tuple[list[Told], str]:
    """What the function answers to events, one after the other in one process; and what it printed."""
    api = RuntimeApi()
    with serving(api.handler()) as api.port, artefact.running(api) as process:
        told = []
        first = api.next_told()
        if first.what == "ready":
            for event in events:
                api.events.put(event)
                told.append(api.next_told())
                assert api.next_told().what == "ready"
        else:
            told.append(first)
        process.kill()
        return told, "".join(process.communicate())


def initialisation_cpu_seconds(artefact: Artefact) -> float:
    """User and system time from the start of the process until it asks for its first event."""
    api = RuntimeApi()
    with serving(api.handler()) as api.port, artefact.running(api) as process:
        told = api.next_told()
        assert told.what == "ready", told
        process.kill()
        _, _, used = os.wait4(process.pid, 0)
        # The process is gone: Popen must not wait for it again.
        process.returncode = 0
        return used.ru_utime + used.ru_stime
