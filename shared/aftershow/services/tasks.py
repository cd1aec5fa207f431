"""Tasks for staff: opened by what viewers say, listed by when they are due, closed by whoever did them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from aftershow.model.events import AlarmRaised
from aftershow.model.ids import digest
from aftershow.model.reminders import Reminder, Step
from aftershow.model.tasks import COMPLAINT_DUE, DUE, FOLLOW_UP_AFTER, MAX_TEXT_CHARACTERS, Task
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Item, Put, Range, Store
from aftershow.rules.preferences import HELD_UNTIL, choose, preferences
from aftershow.services import people
from aftershow.services.messages import settle

# A page of the list; a minute's look at what is overdue ends there.
PAGE = 100


class NoSuchTask(Exception):
    """There is no task of this id, or it is closed: the message says which."""


def opened(ports: Ports, task: Task) -> list[Put]:
    """What to write for a new task; nothing where it was opened before."""
    return [] if ports.store.get(keys.task(task.id)) else [_put(task, None)]


def complaint_of(ports: Ports, row: Reminder, at: int) -> list[Put]:
    """A complaint about a message, as its provider reports it: somebody calls within half an hour."""
    return opened(ports, Task(
        id=digest("complaint", row.id), kind="complaint", viewer=row.viewer, channel=row.channel, about=row.id,
        opened_at=at, due_at=at + COMPLAINT_DUE[1],
    ))  # fmt: skip


def raised(ports: Ports, event: AlarmRaised) -> None:
    """Alarm words in a comment: somebody writes to the viewer one to one within half an hour; one task for each kind of
    words that a viewer said in a show."""
    now = ports.now()

    def attempt() -> None:
        puts = [
            put
            for name in event.alarms
            for put in opened(ports, Task(
                id=digest("alarm", event.viewer, event.about, name), kind="complaint", viewer=event.viewer,
                about=f"{event.about} ({name})", opened_at=now, due_at=now + COMPLAINT_DUE[1],
            ))
        ]  # fmt: skip
        if puts:
            ports.store.commit(puts)

    settle(ports, attempt)


def look_at_complaints(ports: Ports, viewer: str) -> None:
    """Make the tasks of a person's complaints equal to what the shop said of them."""
    leading = people.leading_head(ports, viewer)
    for name, said in leading[0].complaints.items() if leading else ():
        task_id = digest("complaint", leading[0].viewer if leading else "", name)
        if said.value == "resolved":
            _resolved(ports, task_id, said.at)
            continue
        level = int(said.value.partition(":")[2])
        puts = opened(ports, Task(
            id=task_id, kind="complaint", level=level, viewer=viewer, about=name, opened_at=said.at,
            due_at=said.at + COMPLAINT_DUE[level],
        ))  # fmt: skip
        if puts:
            ports.store.commit(puts)


def _resolved(ports: Ports, task_id: str, at: int) -> None:
    with suppress(NoSuchTask):
        close(ports, task_id, "the shop", "resolved", at)


def _put(task: Task, before: Item | None) -> Put:
    if task.closed_at is None:
        index = keys.open_tasks(task.due_at, task.id)
    else:
        index = keys.closed_tasks(task.closed_at, task.id)
    version = before.version if before else None
    return Put(keys.task(task.id), task.body(), version, index=index, expires_at=task.kept_until // 1000)


def listed(store: Store, *, is_open: bool, until: int | None = None) -> Iterator[Task]:
    """Open tasks by when they are due (up to `until`), or closed ones by when."""
    pk, last = (keys.open_tasks if is_open else keys.closed_tasks)(until or 0, "~")
    where = Range(pk, last=last if until is not None else None, limit=PAGE)
    while True:
        page = store.query_index("catalog", where)
        found = store.get_many(row.key for row in page.rows)
        tasks = (Task.read(found[row.key].body) for row in page.rows if row.key in found)
        yield from (task for task in tasks if (task.closed_at is None) == is_open)
        if page.after is None:
            return
        where = Range(pk, last=where.last, limit=PAGE, after=page.after)


def overdue(ports: Ports) -> tuple[int, int | None]:
    """How many open tasks are past their moment (of the first page), and when the next one will be."""
    pk, now = keys.open_tasks(0, "")[0], ports.now()
    rows = ports.store.query_index("catalog", Range(pk, limit=PAGE)).rows
    due = [int(row.sk.partition("#")[0]) for row in rows]
    return sum(at <= now for at in due), min((at for at in due if at > now), default=None)


def close(ports: Ports, task_id: str, by: str, note: str, now: int) -> Task:
    """Close a task: what the person wrote goes, their reminders go on, a complaint gets its follow-up. Raises
    NoSuchTask, Conflict."""
    item = ports.store.get(keys.task(task_id))
    task = Task.read(item.body) if item else None
    if item is None or task is None or task.closed_at is not None:
        raise NoSuchTask(f"task {task_id} is closed already" if task else f"there is no task {task_id}")
    done = task.closed(now, by, note)
    puts = [_put(done, item), *_let_go(ports, task, now)]
    if task.kind == "complaint":
        later = digest("follow up", task.id)
        puts += opened(ports, Task(
            id=later, kind="follow_up", level=task.level, viewer=task.viewer, channel=task.channel, about=task.id,
            opened_at=now + FOLLOW_UP_AFTER, due_at=now + FOLLOW_UP_AFTER + DUE["follow_up"],
        ))  # fmt: skip
    ports.store.commit(puts)
    return done


def _let_go(ports: Ports, task: Task, now: int) -> list[Put]:
    """The viewer's reminders go on, unless another doubt of theirs is open."""
    leading = people.leading_head(ports, task.viewer) if task.viewer else None
    if leading is None or task.kind != "doubt" or preferences(leading[0]).held_until <= now:
        return []
    others = (one for one in listed(ports.store, is_open=True) if one.kind == "doubt" and one.id != task.id)
    if any(one.viewer in leading[0].people for one in others):
        return []
    free = choose(leading[0], {HELD_UNTIL: "0"}, now, task.id)
    return [people.put(free, leading[1], "wishes")]


def noted(task: Task, at: int, note: str) -> Task:
    """The task with another line in its story."""
    return task.model_copy(update={"story": (*task.story, Step(at=at, code="note", detail=note[:MAX_TEXT_CHARACTERS]))})
