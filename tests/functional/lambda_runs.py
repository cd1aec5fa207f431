"""Each function as Lambda runs it: `handler` of its app.py, ports from the environment, on moto's AWS.

Run as a module by test_on_moto, in a process of its own: what it changes of the environment is nobody else's.
The last line that it prints is JSON, by function: the answer, the channels, the connections made while initialising.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from typing import Any

from moto import mock_aws

from aftershow.ports.store import Key, OutboxEvent, Put, Row
from aftershow.runtime import aws_ports
from infra.local import catalog
from infra.local.template import read_template
from infra.local.wiring import Function
from tests.contract.conftest import make_client
from tests.deployed.aws_stub import AwsStub
from tests.deployed.lambda_runtime import HOST, serving
from tests.functional.moto_shop import SERVICES, TEMPLATE, Context, environment_of, make_resources

ARN = "arn:aws:sqs:eu-central-1:123456789012:"
PROFILE = {"type": "identify", "userId": "lan", "traits": {"email": "lan@example.com"}, "writeKey": "local"}
_NETWORK_EVENTS = ("socket.connect", "socket.getaddrinfo")
_network: list[object] = []
CHANGED = json.dumps({"kind": "OrderChanged", "viewer": "v", "key": "order#none"})


def of_queue(queue: str, body: object) -> dict[str, Any]:
    record = {"messageId": "m1", "receiptHandle": "r1", "eventSource": "aws:sqs", "eventSourceARN": ARN + queue}
    return {"Records": [{**record, "body": json.dumps(body)}]}


def event_for(function: str, facts_body: str) -> dict[str, Any]:
    """Something that the function has to do."""
    from_bus = {"source": "aftershow", "detail-type": "OrderChanged", "detail": json.loads(CHANGED)}
    put = Put(Key("orders", "order#o1"), "{}", None, (OutboxEvent("OrderChanged", CHANGED),))
    image = Row.of(put, "c1").attributes
    request = {"routeKey": "POST /v1/{kind}", "headers": {}, "isBase64Encoded": False}
    return {
        "ingest_event": {**request, "pathParameters": {"kind": "identify"}, "body": json.dumps(PROFILE)},
        "score_user": of_queue("FactsQueue", json.loads(facts_body)),
        "publish_changes": {"Records": [{"eventName": "INSERT", "dynamodb": {"NewImage": image}}]},
        "schedule_reminder": of_queue("RemindersQueue", from_bus),
        "release_due": {"source": "aws.events"},
        "send_message": of_queue("EmailMarketingQueue", {"viewer": "v", "reminder": "r", "due": 0}),
        "track_outcome": {
            **request,
            "routeKey": "GET /c/{token}",
            "pathParameters": {"token": "forged"},
            "requestContext": {"http": {"method": "GET"}},
        },
        "award_points": of_queue("AwardsQueue", from_bus),
        "daily_care": {"source": "aws.events"},
        "rewards_api": {
            **request,
            "routeKey": "GET /rewards/viewers/{viewer}/balance",
            "pathParameters": {"viewer": "nobody"},
        },
    }[function]


def loaded(function: Function) -> Any:
    """The function's module, as Lambda imports it."""
    spec = importlib.util.spec_from_file_location(f"lambda_{function.name}", function.folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def initialised(function: Function, variables: dict[str, str]) -> tuple[Any, int]:
    """The function's module as Lambda loads it with these variables, and how often that went to the network."""
    os.environ.clear()  # noqa: TID251 (this process stands for all: each function has its own variables)
    os.environ.update({**variables, "AWS_LAMBDA_FUNCTION_NAME": function.id})  # noqa: TID251
    aws_ports.cache_clear()
    before = len(_network)
    return loaded(function), len(_network) - before


def main() -> None:
    """All functions, in the template's order."""
    archive = AwsStub()
    # What goes to S3 is sent without the SDK's client, so moto doesn't see it.
    with serving(archive.handler()) as port:
        found = run_all({"AWS_ENDPOINT_URL_S3": f"http://{HOST}:{port}"})
    found["score_user"]["kept"] = sorted(archive.objects)
    sys.stdout.write(json.dumps(found) + "\n")


def run_all(more: dict[str, str]) -> dict[str, Any]:
    """What became of each function, with these variables beside its own."""
    sys.addaudithook(lambda name, what: _network.append(what) if name in _NETWORK_EVENTS else None)
    own = dict(os.environ) | more  # noqa: TID251
    template = read_template(TEMPLATE, {"DueShards": "2"})
    with mock_aws():
        urls = make_resources({service: make_client(service) for service in SERVICES}, template)
    facts = "{}"
    found: dict[str, Any] = {}
    for function in template.functions:
        # Outside of moto, so that a call would show.
        module, calls = initialised(function, own | environment_of(function.environment, urls))
        with mock_aws():
            aws = {service: make_client(service) for service in SERVICES}
            make_resources(aws, template)
            catalog.load(aws_ports().store, approved_at=0)
            answer = module.handler(event_for(function.name, facts), Context())
            for message in aws["sqs"].receive_message(QueueUrl=urls["FactsQueue"]).get("Messages", []):
                facts = message["Body"] if function.name == "ingest_event" else facts
        found[function.name] = {"answer": answer, "channels": list(aws_ports().channels), "calls_at_init": calls}
    return found


if __name__ == "__main__":
    main()
