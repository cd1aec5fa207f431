"""The template is read whole: what it means for a local run, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aftershow.model.settings import Settings
from infra.local.template import TemplateError, read_template
from infra.local.wiring import Template
from tests.functional.tiny import TEMPLATE as TINY

ROOT = Path(__file__).parents[2]
REAL = ROOT / "template.yaml"
MARKETING_QUEUES = {"email#marketing", "email#service"}


@pytest.fixture(scope="module")
def real() -> Template:
    """The real template with its defaults."""
    return read_template(REAL)


def read(folder: Path, old: str = "", new: str = "", **parameters: str) -> Template:
    """The tiny template with one piece of text replaced."""
    assert old in TINY
    path = folder / "template.yaml"
    path.write_text(TINY.replace(old, new, 1), encoding="utf-8")
    return read_template(path, parameters)


def test_every_function_stands_in_a_folder_of_its_name(real: Template) -> None:
    """The folder's name is the function's; its logical id is the same in other letters."""
    for function in real.functions:
        assert function.folder == ROOT / "functions" / function.name
        assert function.name.replace("_", "") == function.id.lower()


def test_every_source_hides_messages_six_times_as_long_as_its_function_may_run(
    real: Template,
) -> None:
    """And gives up no earlier than after five tries, into a queue that keeps them longer."""
    queues = {queue.id: queue for queue in real.queues}
    assert real.queue_sources
    for source in real.queue_sources:
        queue = queues[source.queue]
        assert queue.visibility_seconds == 6 * real.function(source.function).timeout_seconds
        assert source.partial_failures
        assert queue.max_receive_count is not None
        assert queue.max_receive_count >= 5
        assert queue.dead_letter_queue is not None
        dead = queues[queue.dead_letter_queue]
        assert dead.retention_seconds > queue.retention_seconds


def test_every_stream_is_read_by_the_relay_for_rows_with_an_outbox(real: Template) -> None:
    """With halving, an end of retries, an age, and a place for what failed."""
    streamed = {table.id for table in real.tables if table.streamed}
    assert {source.table for source in real.stream_sources} == streamed
    for source in real.stream_sources:
        assert source.function == "publish_changes"
        assert source.filters == ({"dynamodb": {"NewImage": {"has_events": {"N": ["1"]}}}},)
        assert source.bisect
        assert source.max_retries > 0
        assert source.max_age_seconds > 0
        assert source.on_failure == "RelayFailuresBucket"


def test_tables_have_the_names_that_the_store_uses(real: Template) -> None:
    """Which of them have an index or a stream is part of the design."""
    assert {table.name for table in real.tables if table.indexed} == {
        "engagements",
        "reminders",
        "orders",
        "ledger",
        "catalog",
        "dead_letters",
    }
    assert {table.name for table in real.tables if not table.indexed} == {"viewers", "addresses"}


def test_every_function_can_read_its_settings(real: Template) -> None:
    """Each value is one that Settings takes."""
    for function in real.functions:
        settings = Settings.of(function.environment)
        assert settings.shop_zone == "Asia/Shanghai"
        assert settings.due_shards == 64
        assert settings.tables["viewers"] == "ViewersTable"


def test_every_setting_is_given_to_some_function(real: Template) -> None:
    """A setting without a place in the template could never be set."""
    given = {name.lower() for function in real.functions for name in function.environment}
    assert given >= set(Settings.model_fields)


def test_the_file_channel_has_a_queue_only_when_it_is_on(real: Template) -> None:
    """A condition decides on the queue, its worker, and what the functions are told."""
    on = read_template(REAL, {"FileChannel": "on", "Channels": "email,file"})
    for template, names in ((real, MARKETING_QUEUES), (on, MARKETING_QUEUES | {"file#marketing"})):
        told = json.loads(template.function("release_due").environment["SEND_QUEUES"])
        assert set(told) == names
        worked_off = {each.queue for each in template.queue_sources}
        assert set(told.values()) <= worked_off
        assert ("FileMarketingQueue" in worked_off) is ("file#marketing" in names)
        assert set(told.values()) <= {queue.id for queue in template.queues}


@pytest.mark.parametrize(
    ("channel", "parameter", "provider", "queue"),
    [("sms", "SmsProvider", "aliyun", "SmsQueue"), ("push", "PushProvider", "sns", "PushQueue"),
     ("wechat", "WechatProvider", "wechat", "WechatQueue"), ("wecom", "WecomProvider", "wecom", "WecomQueue"),
     ("webhook", "WebhookProvider", "webhook", "WebhookQueue")],
)  # fmt: skip
def test_a_channel_with_a_provider_has_a_queue_and_a_worker(
    real: Template, channel: str, parameter: str, provider: str, queue: str
) -> None:
    """Both classes share it; without a provider there is none."""
    on = read_template(REAL, {parameter: provider, "Channels": f"email,{channel}"})
    for function in ("release_due", "send_message"):
        told = json.loads(on.function(function).environment["SEND_QUEUES"])
        assert set(told) == MARKETING_QUEUES | {f"{channel}#marketing", f"{channel}#service"}
        assert {told[f"{channel}#marketing"], told[f"{channel}#service"]} == {queue}
    assert queue in {each.queue for each in on.queue_sources}
    assert queue not in {each.queue for each in real.queue_sources}
    assert queue not in {each.id for each in real.queues}


def test_links_lead_to_the_api_unless_told_otherwise(real: Template) -> None:
    """The first deployment works without knowing its own address."""
    assert real.function("send_message").environment["BASE_URL"].startswith("https://Api.")
    own = read_template(REAL, {"BaseUrl": "https://live.example"})
    assert own.function("send_message").environment["BASE_URL"] == "https://live.example"


def test_secrets_are_fixed_and_differ(real: Template) -> None:
    """Locally they follow from their names; in AWS they are made by the stack."""
    told = real.function("send_message").environment
    assert {name: told[name] for name in told if name.endswith("_SECRET")} == {
        "LINK_SECRET": "local-secret-LinkSecret",
        "ADDRESS_SECRET": "local-secret-AddressSecret",
    }


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"Nonsense": "1"}, "Parameters: the template has no parameter Nonsense"),
        ({"FileChannel": "maybe"}, "Parameters.FileChannel: 'maybe' is none of on, off"),
        ({"SendWorkers": "1"}, "Parameters.SendWorkers: 1 is out of range"),
        ({"SendWorkers": "many"}, "Parameters.SendWorkers: 'many' is not a number"),
        ({"ShopCurrency": "yuan"}, "Parameters.ShopCurrency: 'yuan' doesn't match"),
        ({"ShopName": ""}, "Parameters.ShopName: needs at least 1 characters"),
        ({"ShopName": "x" * 41}, "Parameters.ShopName: takes at most 40 characters"),
        ({"BaseUrl": "https://a/b"}, "Parameters.BaseUrl: 'https://a/b' doesn't match"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, str], named: str) -> None:
    """As CloudFormation would, before anything runs."""
    with pytest.raises(TemplateError, match=named):
        read_template(REAL, parameters)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("Timeout: 10", "Timeouts: 10", "Web: a local run doesn't know the property Timeouts"),
        ("Bus: {Type: AWS::Events::EventBus", "Bus: {Type: AWS::Events::Pipe", "AWS::Events::Pipe"),
        ("VisibilityTimeout: 60", "FifoQueue: true", "WorkQueue: .* property FifoQueue"),
        ("BatchSize: 4", "ParallelizationFactor: 4", "Relay.Things: .* ParallelizationFactor"),
        ("BatchSize: 4", "FunctionResponseTypes: []", "Relay.Things: .* FunctionResponseTypes"),
        ("TRIM_HORIZON", "LATEST", "Relay.Things.StartingPosition: .* not 'LATEST'"),
        ("rate(1 minute)", "'cron(0 9 * * ? *)'", "Ticker.Tick: .* rate"),
        ("MaximumRetryAttempts: 0", "MaximumRetryAttempts: 2", "Ticker.MaximumRetryAttempts"),
        ("Type: Schedule", "Type: ScheduleV2", "Ticker.Tick: .* ScheduleV2"),
        ("app.handler", "main.handler", "Web.Handler: .* 'main.handler'"),
        ("AttributeName: ipk", "AttributeName: other", "ThingsTable.GlobalSecondaryIndexes"),
        ('"notes": "${NotesTable}"', '"n": "x"', "NotesTable: no function's TABLES"),
        ("!GetAtt CopyQueue.Arn", "!GetAtt Bus.Arn", "CopyRule.Targets: .* only queues"),
        ("!GetAtt CopyQueue.Arn", "!GetAtt CopyQueue.Url", "no attribute Url"),
        ("!GetAtt CopyQueue.Arn", "!GetAtt Nothing.Arn", "refers to Nothing"),
        ("!Ref WorkQueue", "!ImportValue x", "can't answer Fn::ImportValue"),
        ("!Ref WorkQueue", "!Ref Nothing", "refers to Nothing"),
        ("!Ref WorkQueue", "!Ref Web.Alias", "refers to Web.Alias"),
        ("!Ref WorkQueue", "!FindInMap [A, b, c]", "can't answer Fn::FindInMap"),
        ("Transform:", "Rules:", "template: .* property Rules"),
        ("NotesTable:\n    Type", "NotesTable:\n    CreationPolicy: x\n    Type", "CreationPolicy"),
        ("{Type: AWS::SQS::Queue}", "{Type: AWS::SQS::Queue, Condition: Absent}", "no condition Absent"),
        ("Transform:", "Transform: [", "template: is not YAML"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, old: str, new: str, named: str) -> None:
    """By the name of the resource and of the property, so that it can be found."""
    with pytest.raises(TemplateError, match=named):
        read(tmp_path, old, new)


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("AWS::CloudWatch::Alarm", False),
        ("AWS::CloudWatch::Dashboard", False),
        ("AWS::Logs::MetricFilter", False),
        ("AWS::SQS::Queue", True),
    ],
)
def test_a_nested_stack_may_only_watch(tmp_path: Path, kind: str, refused: bool) -> None:  # noqa: FBT001
    """What it holds can't change a run; state in it would be missing here."""
    (tmp_path / "nested.yaml").write_text(f"Resources:\n  One: {{Type: '{kind}'}}\n", encoding="utf-8")
    stack = "Resources:\n  Watch:\n    Type: AWS::CloudFormation::Stack\n    Properties: {TemplateURL: nested.yaml}\n"
    if refused:
        with pytest.raises(TemplateError, match=r"Watch\.One: a nested stack may only watch"):
            read(tmp_path, "Resources:\n", stack)
    else:
        assert read(tmp_path, "Resources:\n", stack) == read(tmp_path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("!Sub 'a-${Workers}-${!Workers}-${AWS::Region}'", "a-2-${Workers}-local"),
        ("!Sub '${WorkQueue.Arn}'", "arn:aws:sqs:local:000000000000:WorkQueue"),
        ("!Join ['+', [a, !Ref Workers]]", "a+2"),
        ("!If [Few, few, many]", "few"),
        ("!If [Many, few, many]", "many"),
        ("!Sub '{{resolve:secretsmanager:${DeadQueue}:SecretString}}'", "local-secret-DeadQueue"),
    ],
)
def test_functions_of_the_template(tmp_path: Path, written: str, meant: str) -> None:
    """The ones that are known give what CloudFormation gives."""
    conditions = 'Conditions:\n  Few: !Equals [!Ref Workers, "2"]\n  Many: !Not [!Condition Few]\n'
    text = TINY.replace("!Ref WorkQueue", written, 1)
    text = text.replace("Globals:", conditions + "Globals:", 1)
    path = tmp_path / "template.yaml"
    path.write_text(text, encoding="utf-8")
    assert read_template(path).function("web").environment["QUEUE_FACTS"] == meant


def test_no_value_removes_what_it_stands_for(tmp_path: Path) -> None:
    """A property as well as an element of a list."""
    old = "QUEUE_FACTS: !Ref WorkQueue"
    function = read(tmp_path, old, "QUEUE_FACTS: !Ref AWS::NoValue").function("web")
    assert "QUEUE_FACTS" not in function.environment


ALIASED = """
  Late:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Worker.Alias, EventSourceArn: !GetAtt CopyQueue.Arn}
"""


def test_a_function_can_be_called_through_its_alias(tmp_path: Path) -> None:
    """A local run has one version, so it's the function; where SAM publishes no alias there is none to name."""
    path = tmp_path / "template.yaml"
    path.write_text(TINY.replace("Timeout: 10", "Timeout: 10\n    AutoPublishAlias: live") + ALIASED, encoding="utf-8")
    assert ("worker", "CopyQueue") in {(each.function, each.queue) for each in read_template(path).queue_sources}
    path.write_text(TINY + ALIASED, encoding="utf-8")
    with pytest.raises(TemplateError, match=r"Late.*refers to Worker\.Alias"):
        read_template(path)
