"""What the archive promises, embedded, on moto's S3 and on ministack's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from botocore.httpsession import URLLib3Session
from moto import mock_aws

from aftershow.adapters.s3 import S3Archive, S3Objects
from aftershow.ports.archive import Archive, ArchiveReader, NoArchive, NotKept
from infra.local.embedded import EmbeddedArchive, EmbeddedState
from tests.contract.conftest import ACCOUNTS, ON_MINISTACK, SESSION, Clock, make_client
from tests.functional.moto_shop import MotoHttp

REGION, BUCKET = "eu-central-1", "shop-archive"
ODD_BYTES = bytes(range(256))


class Both(Archive, ArchiveReader, Protocol):
    """An archive with its reader."""


@dataclass(frozen=True)
class OnS3:
    """Two adapters over one bucket."""

    written: S3Archive
    objects: S3Objects

    def keep(self, name: str, data: bytes) -> None:
        self.written.keep(name, data)

    def names(self) -> Iterator[str]:
        return iter(self.objects.names())

    def read(self, name: str) -> bytes:
        return self.objects.read(name)


def on_s3(client: Any, url: str, http: Any) -> OnS3:
    """A bucket of its own for each test: ministack keeps them."""
    bucket = f"{BUCKET}-{next(ACCOUNTS)}"
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    archive = S3Archive(url.format(bucket=bucket), REGION, SESSION.get_credentials, http, lambda _: None)
    return OnS3(archive, S3Objects(client, bucket, "events/"))


@pytest.fixture(params=["embedded", "moto", ON_MINISTACK])
def archive(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Both]:
    if request.param == "embedded":
        state = EmbeddedState(":memory:", clock.now)
        yield EmbeddedArchive(state)
        state.close()
    elif request.param == "moto":
        with mock_aws():
            url = f"https://{{bucket}}.s3.{REGION}.amazonaws.com"
            yield on_s3(make_client("s3"), url, MotoHttp(lambda _: None))
    else:
        server = request.getfixturevalue("ministack")
        yield on_s3(server.client("s3"), f"{server.url}/{{bucket}}", URLLib3Session())


def test_what_is_kept_is_read_again(archive: Both) -> None:
    archive.keep("events/2026/03/06/2-b.ndjson.gz", ODD_BYTES)
    archive.keep("events/2026/03/06/1-a.ndjson.gz", b"one")
    archive.keep("events/2026/03/06/1-a.ndjson.gz", b"one again")
    assert list(archive.names()) == ["events/2026/03/06/1-a.ndjson.gz", "events/2026/03/06/2-b.ndjson.gz"]
    assert archive.read("events/2026/03/06/2-b.ndjson.gz") == ODD_BYTES
    assert archive.read("events/2026/03/06/1-a.ndjson.gz") == b"one again"


def test_what_is_not_there_is_a_key_error(archive: Both) -> None:
    assert list(archive.names()) == []
    with pytest.raises(KeyError):
        archive.read("events/none")


@dataclass
class Answer:
    status_code: int


@dataclass
class Line:
    """Gives answers in turn, or raises them."""

    answers: Sequence[int | Exception]
    asked: list[AWSPreparedRequest] = field(default_factory=list)

    def send(self, request: AWSPreparedRequest) -> Answer:
        self.asked.append(request)
        answer = self.answers[len(self.asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer)


def put(*answers: int | Exception) -> tuple[Line, list[float]]:
    line, slept = Line(answers), list[float]()
    S3Archive("https://b.s3.here.example", "here", SESSION.get_credentials, line, slept.append).keep("events/x", b"1")
    return line, slept


CLOSED = ConnectionClosedError(endpoint_url="https://b.s3.here.example")
UNREACHABLE = EndpointConnectionError(endpoint_url="https://b.s3.here.example")


@pytest.mark.parametrize("first", [503, 500, 429, CLOSED, UNREACHABLE])
def test_what_may_pass_is_tried_again(first: int | Exception) -> None:
    line, slept = put(first, 200)
    assert len(line.asked) == 2
    assert slept == [0.2]


@pytest.mark.parametrize("answers", [(403,), (404,), (503, 503, 503), (CLOSED, 503, UNREACHABLE)])
def test_what_does_not_pass_is_not_kept(answers: tuple[int | Exception, ...]) -> None:
    with pytest.raises(NotKept):
        put(*answers)


def test_a_request_is_signed_over_its_content() -> None:
    line, _ = put(200)
    [asked] = line.asked
    assert (asked.method, asked.url, asked.body) == ("PUT", "https://b.s3.here.example/events/x", b"1")
    assert "/here/s3/aws4_request" in str(asked.headers["Authorization"])
    # SHA-256 of "1".
    assert str(asked.headers["X-Amz-Content-SHA256"]).startswith("6b86b273ff34fce1")


def test_without_an_archive_nothing_is_kept() -> None:
    with pytest.raises(NotKept):
        NoArchive().keep("events/x", b"1")
