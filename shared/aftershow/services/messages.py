"""How every function works off a queue: one message's trouble is its own, its neighbours go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict

T = TypeVar("T")

ATTEMPTS = 5
# A lost race is settled by other writers within milliseconds.
FIRST_PAUSE_SECONDS = 0.02
# After that the work waits in its queue, spread out, so that the crowd thins.
LEAST_WAIT_SECONDS = 5
MOST_WAIT_SECONDS = 60


class Busy(Exception):
    """Too many others write the same items right now: the work goes back to its queue for 5 to 60 s."""


@dataclass(frozen=True, slots=True)
class Received:
    """A queue message as Lambda hands it over."""

    id: str
    receipt: str
    body: str
    queue_arn: str


def received(event: dict[str, Any]) -> list[Received]:
    """The messages of an SQS event."""
    return [
        Received(record["messageId"], record["receiptHandle"], record["body"], record["eventSourceARN"])
        for record in event["Records"]
    ]


def settle(ports: Ports, attempt: Callable[[], T]) -> T:
    """Read, decide, commit, and again where the race was lost. Raises Busy after ATTEMPTS."""
    for tried in range(ATTEMPTS):
        try:
            return attempt()
        except Conflict:
            ports.sleep(FIRST_PAUSE_SECONDS * 2**tried * ports.random())
    raise Busy


def work_off(ports: Ports, messages: Sequence[Received], handle: Callable[[Received], None]) -> dict[str, Any]:
    """Handle each message; the answer names those that must come again (Lambda's partial batch response)."""
    failed: list[str] = []
    for message in messages:
        try:
            if not _handled(ports, message, handle):
                failed.append(message.id)
        except Exception as error:  # noqa: BLE001 (the boundary: a poison message must not take its neighbours along)
            ports.log.warning("message failed", failed=message.id, error=type(error).__name__, where=_where(error))
            failed.append(message.id)
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _handled(ports: Ports, message: Received, handle: Callable[[Received], None]) -> bool:
    try:
        handle(message)
    except Busy:
        give_back(ports, message)
        return False
    return True


def give_back(ports: Ports, message: Received) -> None:
    """Let a message come again in 5 to 60 s instead of after its queue's whole time-out."""
    queue = ports.settings.queue_named(message.queue_arn)
    if queue is not None:
        spread = MOST_WAIT_SECONDS - LEAST_WAIT_SECONDS
        ports.queues.defer(queue, message.receipt, LEAST_WAIT_SECONDS + int(spread * ports.random()))


def _where(error: Exception) -> str:
    """File and line of an error: its text may hold personal data, its place doesn't."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
