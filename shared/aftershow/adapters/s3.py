"""The archive on S3: one signed PUT an object.

Not with the SDK's client, whose making takes as long as that of all the others of a function together (44 ms of 90 at
a cold start, measured, and 6 MB). The SDK's signer and connections are loaded anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.exceptions import ConnectionError as NoConnection
from botocore.exceptions import HTTPClientError

from aftershow.ports.archive import NotKept

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.1
OK = 200
TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


class Http(Protocol):
    """What sends a request: botocore.httpsession.URLLib3Session."""

    def send(self, request: AWSPreparedRequest) -> Any:
        """The answer, with its `status_code`. Raises HTTPClientError, botocore's ConnectionError."""


class S3Archive:
    """Objects of one bucket.

    url           the bucket's own, or a path of another endpoint, without a final slash
    credentials   gives credentials that are valid now
    sleep         seconds
    """

    def __init__(
        self, url: str, region: str, credentials: Callable[[], Any], http: Http, sleep: Callable[[float], None]
    ) -> None:
        self._url = url
        self._region = region
        self._credentials = credentials
        self._http = http
        self._sleep = sleep

    def keep(self, name: str, data: bytes) -> None:
        """See Archive. What may pass is tried three times."""
        said = ""
        for tried in range(ATTEMPTS):
            if tried:
                self._sleep(FIRST_PAUSE_SECONDS * 2**tried)
            try:
                status = self._http.send(self._signed(name, data)).status_code
            except (HTTPClientError, NoConnection) as error:
                said = type(error).__name__
                continue
            if status == OK:
                return
            said = str(status)
            if status not in TRY_AGAIN:
                break
        raise NotKept(f"the archive answered {said}")

    def _signed(self, name: str, data: bytes) -> AWSPreparedRequest:
        headers = {"content-type": "application/gzip"}
        request = AWSRequest(method="PUT", url=f"{self._url}/{name}", data=data, headers=headers)
        S3SigV4Auth(self._credentials(), "s3", self._region).add_auth(request)
        return request.prepare()


class S3Objects:
    """A bucket's objects for reading, over the SDK's client: for commands, not for functions."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def names(self) -> Any:
        """See ArchiveReader: S3 lists in the order of names."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            yield from (listed["Key"] for listed in page.get("Contents", ()))

    def read(self, name: str) -> bytes:
        """See ArchiveReader."""
        try:
            return bytes(self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read())
        except self._client.exceptions.NoSuchKey:
            raise KeyError(name) from None
