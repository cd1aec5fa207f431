"""Tasks for staff: a doubt or complaint that a person must answer, with the moment by which."""

from __future__ import annotations

from typing import Literal

from aftershow.model.base import Record
from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.reminders import Step

TaskKind = Literal["doubt", "reply", "complaint", "follow_up"]

# By when: a complaint by its level (a call; quality and operations together; a report on many alike), a doubt while the
# viewer still thinks about it.
COMPLAINT_DUE = {1: 30 * MINUTE, 2: DAY, 3: 48 * HOUR}
DUE: dict[TaskKind, int] = {"doubt": 4 * HOUR, "reply": DAY, "complaint": COMPLAINT_DUE[1], "follow_up": DAY}
# After a complaint was closed somebody asks whether all is well.
FOLLOW_UP_AFTER = 72 * HOUR
# Of tasks that were closed so many in a hundred should have been in time.
ON_TIME_PERCENT = 95
# What a person wrote is kept for as long as it takes to answer: it goes when the task is closed, at the latest then.
TEXT_KEPT = 90 * DAY
# A closed task, without the text, for the figures of a year.
CLOSED_KEPT = 400 * DAY
MAX_TEXT_CHARACTERS = 500


class Task(Record):
    """One thing that a member of staff must do for a viewer. `about` is the reminder, order or complaint that it comes
    from; `text` what the person wrote, until it is closed."""

    id: str
    kind: TaskKind
    level: int = 1
    viewer: str | None = None
    channel: str | None = None
    obstacle: str | None = None
    about: str | None = None
    text: str = ""
    opened_at: int
    due_at: int
    closed_at: int | None = None
    closed_by: str | None = None
    story: tuple[Step, ...] = ()

    @property
    def on_time(self) -> bool:
        """Whether it was closed by the moment at which it was due."""
        return self.closed_at is not None and self.closed_at <= self.due_at

    def closed(self, at: int, by: str, note: str) -> Task:
        """The task at its end, without what the person wrote."""
        step = Step(at=at, code="closed", detail=note[:MAX_TEXT_CHARACTERS])
        return self.model_copy(
            update={"closed_at": at, "closed_by": by, "text": "", "story": (*self.story, step)},
        )

    @property
    def kept_until(self) -> int:
        """Until when it is kept, epoch milliseconds."""
        return self.opened_at + TEXT_KEPT if self.closed_at is None else self.closed_at + CLOSED_KEPT
