"""What a translation costs at the door: CPU to judge an event of each wire, printed beside Segment's."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from aftershow.model.instants import parse_instant
from aftershow.rules import cloudevents, douyin, intake, pinpoint
from aftershow.rules.wires import judge

pytestmark = pytest.mark.benchmark

NOW = parse_instant("2026-03-06T12:00:30Z")
AT = "2026-03-06T12:00:00Z"
PROPERTIES = {"show_id": "s1", "product_id": "p1"}
SIZES = (1, 10, 100)
ROUNDS, REPEATS = 5, 50

Judge = Callable[[], intake.Intake]


def segment(number: int) -> Judge:
    one = {"type": "track", "event": "Live Liked", "userId": "u1", "timestamp": AT, "properties": PROPERTIES}
    body = json.dumps({"batch": [{**one, "messageId": f"m{each}"} for each in range(number)]}).encode()
    return lambda: intake.judge("batch", body, NOW)


def of_cloudevents(number: int) -> Judge:
    one = {"specversion": "1.0", "source": "/a", "type": "com.shop.live.liked", "subject": "u1", "time": AT}
    body = json.dumps([{**one, "id": str(each), "data": PROPERTIES} for each in range(number)]).encode()
    headers = {"content-type": f"{cloudevents.BATCHED}+json"}
    return lambda: judge(cloudevents.read(headers, body), NOW).intake


def of_pinpoint(number: int) -> Judge:
    endpoint = {"Address": "a@example.com", "ChannelType": "EMAIL", "User": {"UserId": "u1"}}
    one: dict[str, Any] = {"EventType": "Live Liked", "Timestamp": AT, "Attributes": PROPERTIES}
    events = {str(each): one for each in range(number)}
    body = json.dumps({"BatchItem": {"e1": {"Endpoint": endpoint, "Events": events}}}).encode()
    return lambda: judge([thing.translated for thing in pinpoint.read_events(body, NOW)], NOW).intake


def of_douyin(number: int) -> Judge:
    one = {"sec_openid": "o1", "content": "hi", "timestamp": NOW}
    body = json.dumps([{**one, "msg_id": str(each)} for each in range(number)]).encode()
    headers = {"x-msg-type": "live_comment", "x-roomid": "1", "x-timestamp": str(NOW)}
    return lambda: judge(douyin.read(headers, body), NOW).intake


def microseconds(run: Judge, number: int) -> float:
    """CPU per event, the best of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(REPEATS):
            run()
        rounds.append(time.process_time() - began)
    return min(rounds) / REPEATS / number * 1e6


def test_cost_of_a_translation(capsys: pytest.CaptureFixture[str]) -> None:
    makers = {"segment": segment, "cloudevents": of_cloudevents, "pinpoint": of_pinpoint, "douyin": of_douyin}
    with capsys.disabled():
        print(f"\njudging, CPU in microseconds an event, at {SIZES} events a request")  # noqa: T201
        for name, made in makers.items():
            runs = [made(number) for number in SIZES]
            for run, number in zip(runs, SIZES, strict=True):
                taken = run()
                # An endpoint is an event too.
                assert (taken.size, taken.rejected) == (number + (name == "pinpoint"), [])
            costs = [microseconds(run, number) for run, number in zip(runs, SIZES, strict=True)]
            print(f"  {name:12}", *(f"{cost:8.1f}" for cost in costs))  # noqa: T201
