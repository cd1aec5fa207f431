"""Real clients of other wires, unchanged, against `aftershow up` over real HTTP."""

from __future__ import annotations

import json
import re
import shlex
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3  # noqa: TID251 (as a shop's own code uses it)
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cloudevents.core.bindings.http import HTTPMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from typer.testing import CliRunner

from aftershow.model.engagements import Kind
from aftershow.model.ids import viewer_id
from aftershow.model.instants import iso
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.rules.douyin import signature
from infra.local import runs
from infra.local.cli import app
from infra.local.clock import real_now
from tests.functional.running import PATIENCE_SECONDS, ROOT, SHOW, Up, counts, eventually, up

pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "::1"])

SIGNS_WITH = "123abc"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("wires") / "shop.db", "--set", f"DouyinSecret={SIGNS_WITH}") as running:
        yield running


@pytest.fixture
def pinpoint(server: Up) -> Any:
    """boto3's client as a shop has it, but for endpoint_url (and no credentials of anybody)."""
    return boto3.client(
        "pinpoint",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="example",  # noqa: S106 (nobody's)
        config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_SECONDS),
    )


def moment() -> str:
    return iso(real_now())


def person(server: Up, user: str) -> Head | None:
    """Who is known by a user id, read beside the running server."""
    run = runs.opened(server.data)
    try:
        item = run.host.store.get(keys.head(viewer_id("user", user)))
        return Head.read(item.body) if item else None
    finally:
        run.state.close()


def traits(server: Up, user: str) -> dict[str, str]:
    known = person(server, user)
    return {name: stated.value for name, stated in known.traits.items()} if known else {}


def send(server: Up, message: HTTPMessage) -> tuple[int, Any]:
    """What the SDK made, sent as its users send it; the write key is the user name."""
    headers = {**message.headers, "authorization": "Bearer local"}
    request = urllib.request.Request(f"{server.url}/v1/cloudevents", message.body, headers)  # noqa: S310 (loopback)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as reply:  # noqa: S310 (loopback)
        return reply.status, json.loads(reply.read())


def test_put_events_of_boto3(server: Up, pinpoint: Any) -> None:
    """Whole objects as its documentation has them; sent again, they count once."""
    endpoint = {
        "Address": "wang@example.com",
        "ChannelType": "EMAIL",
        "Demographic": {"Locale": "zh_CN", "Timezone": "Asia/Shanghai", "Platform": "ios", "AppVersion": "1.0"},
        "Location": {"Country": "CN", "City": "Hangzhou", "Latitude": 30.3, "Longitude": 120.2},
        "EffectiveDate": moment(),
        "OptOut": "NONE",
        "User": {"UserId": "wang", "UserAttributes": {"name": ["王"]}},
        "Attributes": {"interests": ["tea", "walnuts"]},
        "Metrics": {"visits": 3},
    }
    session = {"Id": "s1", "StartTimestamp": moment(), "Duration": 5}
    liked = {"EventType": "live_liked", "Timestamp": moment(), "Attributes": {"show_id": SHOW}, "Session": session}
    started = {"EventType": "_session.start", "Timestamp": moment(), "Session": session, "SdkName": "x"}
    batch = {"BatchItem": {"device-9": {"Endpoint": endpoint, "Events": {"e1": liked, "e2": started}}}}
    for _ in range(3):
        answer = pinpoint.put_events(ApplicationId="local", EventsRequest=batch)
        accepted = {"StatusCode": 202, "Message": "Accepted"}
        results = {
            "device-9": {"EndpointItemResponse": accepted, "EventsItemResponse": {"e1": accepted, "e2": accepted}}
        }
        assert answer["EventsResponse"] == {"Results": results}
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    eventually(lambda: counts(server.data, "wang"), {Kind.LIKED: 1})
    circumstances = {"country": "CN", "context_zone": "Asia/Shanghai", "context_locale": "zh_CN"}
    expected = {"email": "wang@example.com", "name": "王", **circumstances}
    assert traits(server, "wang") == expected


def test_items_that_are_refused_are_named_to_boto3(server: Up, pinpoint: Any) -> None:
    good = {"EventType": "Live Liked", "Timestamp": moment(), "Attributes": {"show_id": SHOW}}
    events = {"good": good, "old": {**good, "Timestamp": "2001-01-01T00:00:00Z"}, "when": {**good, "Timestamp": "soon"}}
    batch = {"BatchItem": {"device-8": {"Endpoint": {"OptOut": "PERHAPS"}, "Events": events}}}
    answer = pinpoint.put_events(ApplicationId="local", EventsRequest=batch)
    item = answer["EventsResponse"]["Results"]["device-8"]
    assert item["EndpointItemResponse"] == {"StatusCode": 400, "Message": "Endpoint: OptOut must be ALL or NONE"}
    statuses = {name: one["StatusCode"] for name, one in item["EventsItemResponse"].items()}
    assert statuses == {"good": 202, "old": 400, "when": 400}
    eventually(lambda: counts(server.data, "device-8", "anonymous"), {Kind.LIKED: 1})


def test_endpoints_of_boto3(server: Up, pinpoint: Any) -> None:
    """One, with an id that a path must escape, and a batch; an opt-out withdraws consent."""
    one = {"Address": "+8613800138000", "ChannelType": "SMS", "User": {"UserId": "li"}, "EffectiveDate": moment()}
    answer = pinpoint.update_endpoint(ApplicationId="local", EndpointId="li/sms 1", EndpointRequest=one)
    assert answer["MessageBody"]["Message"] == "Accepted"
    assert answer["MessageBody"]["RequestID"]
    eventually(lambda: traits(server, "li"), {"phone": "+8613800138000"})
    known = person(server, "li")
    assert known is not None
    assert viewer_id("anonymous", "li/sms 1") in known.people
    items = [{"Id": "li-mail", **one, "Address": "li@example.com", "ChannelType": "EMAIL", "OptOut": "ALL"}]
    answer = pinpoint.update_endpoints_batch(ApplicationId="local", EndpointBatchRequest={"Item": items})
    assert answer["MessageBody"]["Message"] == "Accepted"
    eventually(lambda: sorted(person(server, "li").consent), ["marketing:email"])  # type: ignore[union-attr]


def test_errors_are_exceptions_of_boto3(pinpoint: Any) -> None:
    with pytest.raises(pinpoint.exceptions.NotFoundException, match="write keys"):
        pinpoint.put_events(ApplicationId="0123456789abcdef", EventsRequest={"BatchItem": {}})
    large = {"e1": {"Endpoint": {"Attributes": {"x": ["y" * 501 * 1024]}}, "Events": {}}}
    with pytest.raises(pinpoint.exceptions.PayloadTooLargeException, match="500 KB"):
        pinpoint.put_events(ApplicationId="local", EventsRequest={"BatchItem": large})
    many = {f"e{number}": {"EventType": "x", "Timestamp": "x"} for number in range(2_501)}
    with pytest.raises(pinpoint.exceptions.BadRequestException, match="2500 events") as raised:
        pinpoint.put_events(ApplicationId="local", EventsRequest={"BatchItem": {"e": {"Endpoint": {}, "Events": many}}})
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(ClientError, match="Not Found"):
        pinpoint.get_endpoint(ApplicationId="local", EndpointId="device-9")


def test_the_cloudevents_sdk_in_three_modes(server: Up) -> None:
    """One event in each mode and in a batch; its id is the SDK's own, so it counts once."""
    attributes = {"type": "com.shop.live.liked", "source": "/app/茶", "subject": "zhao", "specversion": "1.0"}
    event = CloudEvent(attributes=attributes, data={"show_id": SHOW, "note": "好茶"})
    batch = b"[" + JSONFormat().write(event) + b"," + JSONFormat().write(event) + b"]"
    batched = HTTPMessage({"content-type": "application/cloudevents-batch+json"}, batch)
    for message in (to_structured(event, JSONFormat()), to_binary(event, JSONFormat()), batched):
        assert send(server, message) == (200, {"success": True})
    eventually(lambda: counts(server.data, "zhao"), {Kind.LIKED: 1})


def test_the_cloudevents_sdk_says_who_somebody_is(server: Up) -> None:
    attributes = {"type": "com.shop.customer.updated", "source": "/crm", "subject": "customers/qian"}
    event = CloudEvent(attributes=attributes, data={"traits": {"email": "qian@example.com"}})
    assert send(server, to_binary(event, JSONFormat())) == (200, {"success": True})
    eventually(lambda: traits(server, "qian"), {"email": "qian@example.com"})


def test_a_push_of_douyin(server: Up) -> None:
    """With the headers that HTTP clients add, which are not signed."""
    comment = {"msg_id": "m1", "sec_openid": "o1", "content": "多少钱？", "nickname": "兰", "timestamp": real_now()}
    body = json.dumps([comment], ensure_ascii=False).encode()
    named = {"x-msg-type": "live_comment", "x-nonce-str": "n", "x-roomid": "268", "x-timestamp": str(real_now())}
    headers = {**named, "x-signature": signature(named, body, SIGNS_WITH), "Content-Type": "application/json"}
    capital = {name.title(): value for name, value in headers.items()}
    for _ in range(2):
        assert server.request("POST", "/v1/douyin", capital, body)[0] == 200
    assert server.request("POST", "/v1/douyin", capital, body + b" ")[0] == 401
    expected = {Kind.COMMENTED: 1, Kind.ASKED_PRICE: 1, Kind.QUESTION_PRODUCT: 1}
    eventually(lambda: counts(server.data, "douyin:o1", "anonymous", "douyin-268"), expected)


def test_the_lines_of_the_readme_work(server: Up, pinpoint: Any) -> None:
    """curl's arguments and the Python lines, as they stand there, but for the port and somebody's credentials."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    line = re.search(r"^curl (http://\S+/v1/cloudevents .*?'\n)```", text, flags=re.DOTALL | re.MULTILINE)
    assert line is not None
    words = shlex.split(line[1].replace("\\\n", " "))
    named = [one for flag, one in pairwise(words) if flag == "-H"]
    headers = dict(one.split(": ", 1) for one in named)
    status, _, _ = server.request("POST", "/v1/cloudevents", headers, words[words.index("-d") + 1].encode())
    assert status == 200
    eventually(lambda: counts(server.data, "me", show="first"), {Kind.ENTERED: 1})
    lines = re.search(r"^pinpoint = (boto3\.client\(.*?\))\n(.*?)```", text, flags=re.DOTALL | re.MULTILINE)
    assert lines is not None
    exec(lines[2], {"pinpoint": pinpoint})  # noqa: S102 (our own words)
    eventually(lambda: traits(server, "me"), {"email": "me@example.com"})


@pytest.mark.parametrize("given", ["DouyinSecret", "Nothing=1", "EventsPerSecond=many"])
def test_a_parameter_that_there_is_not_is_asked_wrongly_and_touches_no_state(tmp_path: Path, given: str) -> None:
    run = CliRunner().invoke(app, ["up", "--data", str(tmp_path / "shop.db"), "--set", given])
    assert run.exit_code == 2
    assert not list(tmp_path.iterdir())
