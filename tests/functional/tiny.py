"""A deployment of a few functions, written by each test: the host's own behaviour without ours."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from aftershow.ports.queues import Message
from aftershow.ports.store import Key, OutboxEvent, Put
from infra.local.embedded import EmbeddedState
from infra.local.host import LocalHost

if TYPE_CHECKING:
    from aftershow.ports.store import Store
    from infra.local.faults import Faults

# 2026-03-06 11:00 UTC.
START = 1_772_794_800_000
MINUTE = 60_000
HOUR = 60 * MINUTE

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Workers: {Type: Number, Default: 2}
Globals:
  Function:
    Handler: app.handler
    Timeout: 10
    Environment:
      Variables:
        TABLES: !Sub '{"things": "${ThingsTable}", "notes": "${NotesTable}"}'
        QUEUE_FACTS: !Ref WorkQueue
        QUEUE_BEHAVIOUR: !Ref CopyQueue
        BUS_NAME: !Ref Bus
        ARCHIVE_URL: !Sub https://${FailuresBucket.RegionalDomainName}
Resources:
  ThingsTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: []
      KeySchema: [{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]
      GlobalSecondaryIndexes:
        - IndexName: index
          KeySchema: [{AttributeName: ipk, KeyType: HASH}, {AttributeName: isk, KeyType: RANGE}]
          Projection: {ProjectionType: KEYS_ONLY}
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  NotesTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: []
      KeySchema: [{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]
  WorkQueue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadQueue.Arn, maxReceiveCount: 3}
  DeadQueue: {Type: AWS::SQS::Queue}
  CopyQueue: {Type: AWS::SQS::Queue}
  FailuresBucket: {Type: AWS::S3::Bucket}
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: tiny}}
  CopyRule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [aftershow], detail-type: [Made], detail: {size: [large]}}
      Targets: [{Id: copy, Arn: !GetAtt CopyQueue.Arn}]
  EmailRule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.ses]
        detail: {mail: {tags: {"ses:configuration-set": [!Ref Emails]}}}
      Targets: [{Id: copy, Arn: !GetAtt CopyQueue.Arn}]
  Emails: {Type: AWS::SES::ConfigurationSet}
  EmailEvents:
    Type: AWS::SES::ConfigurationSetEventDestination
    Properties:
      ConfigurationSetName: !Ref Emails
      EventDestination: {Enabled: true, MatchingEventTypes: [send, bounce, complaint, delivery]}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: ["https://shop.example"]
        AllowMethods: [POST]
        AllowHeaders: [Content-Type]
        ExposeHeaders: [retry-after]
        MaxAge: 600
  Web:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/web/
      Events:
        Get: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/things/{name}"}}
        Post: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: POST, Path: "/things/{name}"}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/worker/
      Environment: {Variables: {CONFIGURATION_SET: !Ref Emails}}
      Events:
        Work:
          Type: SQS
          Properties:
            Queue: !GetAtt WorkQueue.Arn
            BatchSize: 10
            ScalingConfig: {MaximumConcurrency: !Ref Workers}
            FunctionResponseTypes: [ReportBatchItemFailures]
  Relay:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/relay/
      Events:
        Things:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt ThingsTable.StreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 4
            BisectBatchOnFunctionError: true
            MaximumRetryAttempts: 2
            MaximumRecordAgeInSeconds: 3600
            DestinationConfig: {OnFailure: {Destination: !GetAtt FailuresBucket.Arn}}
            FilterCriteria:
              Filters: [{Pattern: '{"dynamodb": {"NewImage": {"has_events": {"N": ["1"]}}}}'}]
  Ticker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/ticker/
      EventInvokeConfig: {MaximumRetryAttempts: 0}
      Events:
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
"""

# What a function does where a test doesn't say.
QUIET = {
    "web": """
        def handle(event, context, ports):
            return {"statusCode": 204}
    """,
    "worker": """
        def handle(event, context, ports):
            ports.log.info("worked", messages=len(event["Records"]))
            return {"batchItemFailures": []}
    """,
    "relay": """
        def handle(event, context, ports):
            ports.log.info("relayed", records=len(event["Records"]))
    """,
    "ticker": """
        def handle(event, context, ports):
            return {"next_due": None}
    """,
}

# Logs every event that it gets, as JSON.
LOOK = """
    import json

    def handle(event, context, ports):
        ports.log.info("got", event=json.dumps(event))
        return {"batchItemFailures": []}
"""


def tiny_host(
    folder: Path,
    functions: dict[str, str] | None = None,
    *,
    state: EmbeddedState | None = None,
    start_at: int | None = START,
    seed: int = 7,
    faults: Faults | None = None,
) -> LocalHost:
    """A host of the tiny deployment, with these bodies of app.py."""
    for name, source in (QUIET | (functions or {})).items():
        (folder / "functions" / name).mkdir(parents=True, exist_ok=True)
        (folder / "functions" / name / "app.py").write_text(dedent(source), encoding="utf-8")
    template = folder / "template.yaml"
    template.write_text(TEMPLATE, encoding="utf-8")
    return LocalHost(
        template,
        state or fresh_state(),
        start_at=start_at,
        seed=seed,
        faults=faults,
        folder=folder / "messages",
    )


def fresh_state(path: Path | str = ":memory:") -> EmbeddedState:
    """A state for a host, which brings the clock."""
    return EmbeddedState(path, lambda: 0)


def logged(host: LocalHost, message: str) -> list[dict[str, Any]]:
    """The fields of every line with this message."""
    return [dict(line.fields) for line in host.log_lines if line.message == message]


def value(store: Store, key: Any) -> Any:
    """An item's body, read."""
    item = store.get(key)
    return None if item is None else json.loads(item.body)


def send(host: LocalHost, *bodies: str, queue: str = "WorkQueue", delay_seconds: int = 0) -> None:
    """Messages from outside."""
    host.ports("worker").queues.send(queue, [Message(body, delay_seconds) for body in bodies])


def put(host: LocalHost, name: str, *events: OutboxEvent, index: str | None = None) -> None:
    """A row from outside."""
    key = Key("things", name)
    item = host.store.get(key)
    place = (index, name) if index else None
    host.store.commit([Put(key, "{}", item.version if item else None, events, place)])


def made(size: str) -> OutboxEvent:
    """An event for the tiny deployment's rule."""
    return OutboxEvent("Made", json.dumps({"size": size}))


def seen(host: LocalHost) -> list[dict[str, Any]]:
    """The events that LOOK got."""
    return [json.loads(fields["event"]) for fields in logged(host, "got")]
