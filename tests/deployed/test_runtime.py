"""Every built function starts and answers a sample of each of its events under AWS's own runtime client."""

from __future__ import annotations

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from aftershow.ports import keys
from aftershow.ports.store import Put, Row
from aftershow.services.ingesting import write_key_hash
from infra.local import building
from infra.local.intrinsics import parse
from infra.local.template import read_template
from infra.local.tools import Tool
from infra.local.wiring import Function
from tests.deployed.aws_stub import AwsStub
from tests.deployed.lambda_runtime import HOST, VERSION, Artefact, answers, initialisation_cpu_seconds, serving

EVENTS = Path(__file__).parents[1] / "events"
# The runtime has its own SDK; this one is as old as what the tests are locked to.
RUNTIME = ("awslambdaric==4.2.2", "boto3==1.44.5")
TEMPLATE = read_template(building.TEMPLATE, {"DueShards": "2"})
FUNCTIONS = {function.name: function for function in TEMPLATE.functions}
RENDERING = "send_message"
# performance.md: initialisation CPU over an empty handler's, the first target and the next.
TARGET_RATIO, NEXT_RATIO = 9.5, 8.0
ROUNDS = 7


def samples() -> list[str]:
    """The samples' names: function-event."""
    return sorted(path.stem for path in EVENTS.glob("*.json"))


def sample(name: str) -> Any:
    """One event."""
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def aws() -> AwsStub:
    """An AWS that knows the write key of the samples."""
    stub = AwsStub()
    put = Put(keys.write_key(write_key_hash("local")), "local", None)
    stub.put("CatalogTable", Row.of(put, "1").attributes)
    return stub


@pytest.fixture
def endpoint(aws: AwsStub) -> Iterator[str]:
    """Where that AWS answers."""
    aws.calls.clear()
    with serving(aws.handler()) as port:
        yield f"http://{HOST}:{port}"


@pytest.fixture
def artefact(built: Path, tools: Callable[[str, Sequence[str]], Tool], endpoint: str) -> Callable[[Function], Artefact]:
    """A function as it was built, with the variables of the template, led to the stub."""
    python = tools("runtime", RUNTIME).python

    def of(function: Function) -> Artefact:
        variables = {name: _urls(value, endpoint) for name, value in function.environment.items()}
        layer = built / building.LAYER / "python"
        return Artefact(built / function.id, layer, python, {**variables, "AWS_ENDPOINT_URL": endpoint})

    return of


def _urls(value: str, endpoint: str) -> str:
    """Queues by URL, as AWS names them; a local run names them by logical id."""
    return re.sub(r"\b(\w+Queue)\b", rf"{endpoint}/000000000000/\1", value)


def test_every_event_of_the_template_has_a_sample() -> None:
    """Named function-event, after the template."""
    resources = parse(building.TEMPLATE.read_text(encoding="utf-8"))["Resources"]
    named = {
        f"{function.name}-{re.sub(r'(?<=[a-z])(?=[A-Z])', '_', event).lower()}"
        for function in TEMPLATE.functions
        for event in resources[function.id]["Properties"].get("Events", {})
    }
    assert set(samples()) == named


@pytest.mark.parametrize("name", samples())
def test_function_answers(artefact: Callable[[Function], Artefact], aws: AwsStub, name: str) -> None:
    """Twice, cold and warm, without a failed message or a warning."""
    function = FUNCTIONS[name.partition("-")[0]]
    event = sample(name)
    told, printed = answers(artefact(function), [event, event])
    assert [each.what for each in told] == ["response", "response"], (told, printed)
    for each in told:
        check_answer(name, each.body)
    assert "Traceback" not in printed
    assert complaints(printed) == []
    # That page only reads its token.
    assert aws.calls or name == "track_outcome-unsubscribe_page"


def complaints(printed: str) -> list[dict[str, Any]]:
    """The log lines above INFO."""
    lines = (json.loads(line) for line in printed.splitlines() if line.startswith("{"))
    return [line for line in lines if line["level"] != "INFO"]


def check_answer(name: str, answer: Any) -> None:
    """The shape that the event's source takes for success."""
    if name.startswith("ingest_event"):
        assert answer["statusCode"] in {200, 202}, answer
    elif "statusCode" in answer:
        # The samples' tokens are signed with a local run's secret; their reminders are not in the stub.
        assert answer["statusCode"] in {200, 202, 302, 303, 404}, answer
    elif name.startswith("publish_changes"):
        assert answer["published"] > 0
    elif name.startswith("release_due"):
        assert answer["admitted"] == 0
    elif name.startswith("daily_care"):
        assert answer["accounts"] == 0
    else:
        assert answer == {"batchItemFailures": []}


def test_ingest_hands_over_before_it_answers(artefact: Callable[[Function], Artefact], aws: AwsStub) -> None:
    """One queue call for each kind of events in the request."""
    told, _ = answers(artefact(FUNCTIONS["ingest_event"]), [sample("ingest_event-segment")])
    assert told[0].body["statusCode"] == 200
    assert aws.calls["SendMessage"] + aws.calls["SendMessageBatch"] in {1, 2}


def test_function_that_reaches_nothing_says_so(artefact: Callable[[Function], Artefact]) -> None:
    """A queue that doesn't answer: the message comes again, and the log names the error, not the content."""
    whole = artefact(FUNCTIONS["award_points"])
    nowhere = {**whole.variables, "AWS_ENDPOINT_URL": f"http://{HOST}:9", "AWS_MAX_ATTEMPTS": "1"}
    event = sample("award_points-orders")
    told, printed = answers(Artefact(whole.folder, whole.layer, whole.python, nowhere), [event])
    failed = [{"itemIdentifier": record["messageId"]} for record in event["Records"]]
    assert told[0].body == {"batchItemFailures": failed}
    lines = complaints(printed)
    assert {line["message"] for line in lines} == {"message failed"}
    assert {line["failed"] for line in lines} == {record["messageId"] for record in event["Records"]}
    # A rollout's alarm counts these lines by version.
    counted = parse((building.ROOT / "infra" / "canary.yaml").read_text(encoding="utf-8"))["Resources"][
        "FailedMessages"
    ]
    [transformed] = counted["Properties"]["MetricTransformations"]
    [dimension] = transformed["Dimensions"]
    assert counted["Properties"]["FilterPattern"] == '{ $.message = "message failed" }'
    assert dimension == {"Key": "Version", "Value": "$.function_version"}
    assert {line["function_version"] for line in lines} == {VERSION}


def test_initialisation_costs(
    artefact: Callable[[Function], Artefact], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CPU until the first event is asked for, over that of an empty handler; interleaved, medians."""
    empty = tmp_path / "Empty"
    empty.mkdir()
    (empty / "app.py").write_text("def handler(event, context):\n    return {}\n", encoding="utf-8")
    all_of_them = {name: artefact(function) for name, function in FUNCTIONS.items()}
    any_one = all_of_them["ingest_event"]
    all_of_them["empty"] = Artefact(empty, empty, any_one.python, {})
    measured: Mapping[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for name, each in all_of_them.items():
            measured[name].append(initialisation_cpu_seconds(each))
    medians = {name: statistics.median(seconds) for name, seconds in measured.items()}
    ratios = {name: median / medians["empty"] for name, median in medians.items()}
    with capsys.disabled():
        print(f"\ninitialisation CPU, medians of {ROUNDS} (target {TARGET_RATIO} x, then {NEXT_RATIO} x)")  # noqa: T201
        for name, ratio in sorted(ratios.items(), key=lambda pair: pair[1]):
            over = " (over the target)" if name != RENDERING and ratio > TARGET_RATIO else ""
            print(f"  {name:20} {medians[name] * 1000:6.0f} ms {ratio:5.1f} x empty{over}")  # noqa: T201
    # A time is a figure to print, not a condition: machines are noisy. That all of them start is one.
    assert set(ratios) == {*FUNCTIONS, "empty"}
    assert all(ratio > 1 for name, ratio in ratios.items() if name != "empty")
