"""Working off queues as Lambda's event source mappings do.

A message is hidden while it's worked on. What the function didn't name as failed is deleted; what
failed comes back when its time-out is over, until the queue has had enough and moves it to the
dead-letter queue.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aftershow.ports.queues import Message
from infra.local import lambda_events
from infra.local.embedded import QueueShape
from infra.local.wiring import DEFAULT_BUS

if TYPE_CHECKING:
    from infra.local.buses import LocalBuses
    from infra.local.clock import VirtualClock
    from infra.local.embedded import EmbeddedQueues, Received
    from infra.local.invoking import Outcome
    from infra.local.lines import Traffic
    from infra.local.wiring import Queue, QueueSource

# Where reports of AWS to the default bus wait for their moment: no queue of the template's.
REPORTS = "(reports to the default bus)"
_REPORTS_AT_ONCE = 10

Invoke = Callable[[str, dict[str, Any]], "Outcome"]


class QueueWatch:
    """When each queue has a message to work off, without asking it again and again.

    A queue that nobody touched has nothing new. What another process writes into the same state is
    noticed after `LocalHost.look_again`.
    """

    def __init__(self, queues: EmbeddedQueues, traffic: Traffic) -> None:
        self._queues = queues
        self._traffic = traffic
        self._visible_at: dict[str, int | None] = {}

    def visible_at(self, queue: str) -> int | None:
        """When the next message can be received, epoch ms; None where there is none."""
        if queue in self._traffic.queues or queue not in self._visible_at:
            self._traffic.queues.discard(queue)
            self._visible_at[queue] = self._queues.next_visible_at(queue)
        return self._visible_at[queue]

    def touched(self, queue: str) -> None:
        """Look at the queue again."""
        self._traffic.queues.add(queue)


class QueueWorker:
    """One function working off one queue."""

    def __init__(
        self,
        source: QueueSource,
        queues: EmbeddedQueues,
        watch: QueueWatch,
        clock: VirtualClock,
        invoke: Invoke,
    ) -> None:
        self._source = source
        self._queues = queues
        self._watch = watch
        self._clock = clock
        self._invoke = invoke

    def next_at(self) -> int | None:
        """When there is work, epoch ms."""
        return self._watch.visible_at(self._source.queue)

    def work(self) -> bool:
        """One batch, if there is one now."""
        visible_at = self.next_at()
        if visible_at is None or visible_at > self._clock.now:
            return False
        queue = self._source.queue
        batch = self._queues.receive(queue, self._source.batch_size)
        self._watch.touched(queue)
        if batch:
            outcome = self._invoke(self._source.function, lambda_events.of_queue(queue, batch))
            self._settle(batch, outcome)
        # Even an empty batch was work: what was visible went to the dead-letter queue.
        return True

    def _settle(self, batch: Sequence[Received], outcome: Outcome) -> None:
        queue = self._source.queue
        self._watch.touched(queue)
        if not outcome.ok:
            return
        receipts = {lambda_events.message_id(each.id): each.receipt for each in batch}
        failed: set[str] | None = set()
        if self._source.partial_failures:
            failed = lambda_events.failed_messages(outcome.answer, receipts)
        if failed is None:
            return
        for name, receipt in receipts.items():
            if name in failed:
                continue
            if outcome.again:
                # As if the deletion had been lost.
                self._queues.defer(queue, receipt, 0)
            else:
                self._queues.delete(queue, receipt)


class ReportWorker:
    """Passes on what AWS reports to the default bus, when its moment has come."""

    def __init__(self, queues: EmbeddedQueues, watch: QueueWatch, clock: VirtualClock, buses: LocalBuses) -> None:
        self._queues = queues
        self._watch = watch
        self._clock = clock
        self._buses = buses
        queues.create(REPORTS, QueueShape())

    def report(self, source: str, kind: str, detail: Any, after_seconds: int) -> None:
        """Let an event be on the default bus in `after_seconds`."""
        body = json.dumps({"source": source, "kind": kind, "detail": detail})
        self._queues.send(REPORTS, [Message(body, after_seconds)])
        self._watch.touched(REPORTS)

    def next_at(self) -> int | None:
        """When the next report is due, epoch ms."""
        return self._watch.visible_at(REPORTS)

    def work(self) -> bool:
        """Some reports, if some are due now."""
        due = self.next_at()
        if due is None or due > self._clock.now:
            return False
        for received in self._queues.receive(REPORTS, _REPORTS_AT_ONCE):
            report = json.loads(received.body)
            event = self._buses.event(report["kind"], report["source"], report["detail"])
            self._buses.route(DEFAULT_BUS, [event])
            self._queues.delete(REPORTS, received.receipt)
        self._watch.touched(REPORTS)
        return True


def shape_of(queue: Queue) -> QueueShape:
    """The queue as the embedded queues take it."""
    return QueueShape(
        visibility_seconds=queue.visibility_seconds,
        max_receive_count=queue.max_receive_count,
        dead_letter_queue=queue.dead_letter_queue,
        delay_seconds=queue.delay_seconds,
        retention_seconds=queue.retention_seconds,
    )
