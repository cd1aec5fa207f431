"""The composition root: the only place that makes SDK clients, reads the clock and knows that it runs in Lambda."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any
from uuid import uuid4

# What is made while a function starts stays for good. Looking through it again and again for garbage is a sixth of
# the time that it takes, so the collector waits until `on_lambda` has made the handler.
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()

from aftershow.adapters.dynamodb import DynamoDbBackend
from aftershow.adapters.eventbridge import EventBridgeBus
from aftershow.adapters.sqs import SqsQueues
from aftershow.model.settings import Settings, environment
from aftershow.ports.archive import Archive, NoArchive
from aftershow.ports.channels import Channel
from aftershow.ports.ports import Ports, Work, one_by_one
from aftershow.ports.store import Store

Handle = Callable[[dict[str, Any], Any, Ports], Any]

# A call that takes longer is a silence: the store reads again, a send is ambiguous.
READ_TIMEOUT_SECONDS = 10
CONNECT_TIMEOUT_SECONDS = 3
# The SDK puts its own together anew for every call, which is a quarter of the call's CPU.
USER_AGENT = "aftershow"
# A client keeps ten connections; two stay free for what else the function calls.
COMMITS_AT_ONCE = 8

__all__ = ["Ports", "on_lambda"]


class _JsonLog:
    """One JSON line a message, through Powertools' Logger."""

    def __init__(self) -> None:
        from aws_lambda_powertools import Logger

        self._logger = Logger(service="aftershow")

    def begin(self, request_id: str, version: str) -> None:
        """From here on lines belong to this invocation. By the version a rollout's alarms tell the new from the old."""
        self._logger.append_keys(function_request_id=request_id, function_version=version)

    def info(self, message: str, **fields: object) -> None:
        """What happened."""
        self._logger.info(message, extra=fields)

    def warning(self, message: str, **fields: object) -> None:
        """What a person should look at."""
        self._logger.warning(message, extra=fields)


def on_lambda(handle: Handle) -> Callable[[dict[str, Any], Any], Any]:
    """The Lambda handler for `handle`. In Lambda the ports are made while the function initialises."""
    if "AWS_LAMBDA_FUNCTION_NAME" in environment():
        aws_ports()
        gc.freeze()
        gc.enable()

    def handler(event: dict[str, Any], context: Any) -> Any:
        ports = aws_ports()
        if isinstance(ports.log, _JsonLog):
            ports.log.begin(context.aws_request_id, context.function_version)
        return handle(event, context, ports)

    return handler


@lru_cache(maxsize=1)
def aws_ports() -> Ports:
    """The ports over AWS, from the environment: one session, one client a service that this function uses.

    Straight from botocore: boto3 would only add resources and transfers, and their imports.
    """
    from botocore.config import Config

    settings = Settings.of(environment())
    session = _session()
    config = Config(read_timeout=READ_TIMEOUT_SECONDS, connect_timeout=CONNECT_TIMEOUT_SECONDS, user_agent=USER_AGENT)
    backend = DynamoDbBackend(session.create_client("dynamodb", config=config), settings.tables, time.sleep)
    return Ports(
        store=Store(backend, lambda: uuid4().hex),
        queues=SqsQueues(session.create_client("sqs", config=config)),
        bus=EventBridgeBus(_Lazy(lambda: session.create_client("events", config=config)), settings.bus_name),
        channels=_channels(session, config, settings),
        settings=settings,
        log=_JsonLog(),
        now=lambda: time.time_ns() // 1_000_000,
        sleep=time.sleep,
        random=random.random,
        new_id=lambda: uuid4().hex,
        together=_in_threads,
        archive=_archive(session, settings),
    )


def _session() -> Any:
    """A session that doesn't look through the SDK's 400 folders for each client that it makes."""
    from botocore.loaders import Loader
    from botocore.session import get_session

    class OurServices(Loader):  # type: ignore[misc]
        def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 (the SDK's signature)
            return ["dynamodb", "events", "pinpoint-sms-voice-v2", "sesv2", "sns", "sqs"]

    session = get_session()
    session.register_component("data_loader", OurServices())
    return session


def _in_threads(jobs: Sequence[Work]) -> None:
    """Jobs on a few threads; the first error is raised when all have ended."""
    if len(jobs) <= 1:
        one_by_one(jobs)
        return
    with ThreadPoolExecutor(max_workers=COMMITS_AT_ONCE) as threads:
        futures = [threads.submit(job) for job in jobs]
    for future in futures:
        future.result()


class _Lazy:
    """A client that is made when it is first used: most functions publish nothing."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = lru_cache(maxsize=1)(make)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)


def _archive(session: Any, settings: Settings) -> Archive:
    """The archive, in the one function that keeps what came in."""
    if not settings.archive_url:
        return NoArchive()
    from botocore.httpsession import URLLib3Session

    from aftershow.adapters.s3 import S3Archive

    here = environment()
    # Clients of the SDK look at these two by themselves.
    elsewhere = here.get("AWS_ENDPOINT_URL_S3") or here.get("AWS_ENDPOINT_URL")
    bucket = settings.archive_url.partition("://")[2].partition(".")[0]
    url = f"{elsewhere.rstrip('/')}/{bucket}" if elsewhere else settings.archive_url
    region = session.get_config_variable("region")
    http = URLLib3Session(timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS))
    return S3Archive(url, region, lambda: session.get_credentials().get_frozen_credentials(), http, time.sleep)


def _channels(session: Any, config: Any, settings: Settings) -> Mapping[str, Channel]:
    """The channels in use. Only send_message knows both send queues and how links are signed: only it pays for their
    clients."""
    if not (settings.send_queues and settings.link_secret):
        return {}
    from botocore.config import Config

    from aftershow.adapters.providers import Channels, Outside

    once = config.merge(Config(retries={"total_max_attempts": 1}))

    def outside(options: Mapping[str, str]) -> Outside:
        return Outside(
            settings=settings,
            options=options,
            client=lambda service: session.create_client(service, config=once),
            now=lambda: time.time_ns() // 1_000_000,
            new_id=lambda: uuid4().hex,
        )

    channels = Channels(settings, outside)
    if settings.channels:
        # The preferred one while the function initialises, the others when somebody is written to there.
        channels.get(settings.channels[0])
    return channels
