"""The dead letters of a shop, local or deployed: found, read, sent again.

Sending again is judging again: what the door would still refuse stays where it is. What it takes goes into the queues
as if it had come at the moment when it came. It counts once whatever happens, since events fold by their own ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from aftershow.model.json_text import BrokenJson, read_json
from aftershow.ports import keys
from aftershow.ports.queues import Message, Queues
from aftershow.ports.store import Conflict, Item, Key, Put, Range, Store
from aftershow.rules.intake import Intake, admit, pack
from aftershow.services.dead_letters import DeadLetter
from aftershow.services.wires import judged_again

_AT_ONCE = 100
_TIMES = ("timestamp", "originalTimestamp", "sentAt")

OPEN, REDRIVEN, REFUSED_AGAIN = "open", "redriven", "refused again"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it stands in the store; `id` names it, `item` is its first part."""

    id: str
    item: Item
    record: DeadLetter

    @property
    def state(self) -> str:
        """Open, redriven, or refused again after that."""
        if self.record.redriven_at is None:
            return OPEN
        return REDRIVEN if self.record.refused_at is None else REFUSED_AGAIN


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant: part of the reason, source, since when (epoch ms); `done`: also what was redriven."""

    reason: str = ""
    source: str = ""
    since: int = 0
    done: bool = False

    def holds(self, letter: Letter) -> bool:
        """Whether a letter is one of them."""
        record = letter.record
        return (
            self.reason.lower() in record.reason.lower()
            and self.source in ("", record.source)
            and record.at >= self.since
            and (self.done or letter.state != REDRIVEN)
        )


def listed(store: Store, wanted: Wanted) -> Iterator[Letter]:
    """The letters, the oldest first."""
    where = Range("all", first=f"{wanted.since:015d}", limit=_AT_ONCE)
    while True:
        page = store.query_index("dead_letters", where)
        found = store.get_many(row.key for row in page.rows)
        letters = (_letter(found[row.key]) for row in page.rows if row.key in found)
        yield from (letter for letter in letters if wanted.holds(letter))
        if page.after is None:
            return
        where = Range(where.pk, first=where.first, limit=_AT_ONCE, after=page.after)


def named(store: Store, start: str) -> list[Letter]:
    """The letters whose id begins so."""
    exact = store.get(keys.dead_letter(start, 0)) if start else None
    if exact is not None:
        return [_letter(exact)]
    return [letter for letter in listed(store, Wanted(done=True)) if letter.id.startswith(start)]


def original(store: Store, letter: Letter) -> bytes:
    """The bytes as they came."""
    rest = [keys.dead_letter(letter.id, number) for number in range(1, letter.record.parts)]
    found = store.get_many(rest)
    return DeadLetter.original([letter.record, *(DeadLetter.read(found[key].body) for key in rest)])


@dataclass(frozen=True, slots=True)
class Post:
    """Where letters go when they are sent again; `now` is epoch ms."""

    store: Store
    queues: Queues
    queue_facts: str
    queue_behaviour: str
    now: int

    def send(self, letter: Letter, *, at_receipt: bool = False, only_try: bool = False) -> str:
        """Judge a letter again and hand it over; returns why it is still refused, "" where it is taken.

        `at_receipt`: with the moment of its receipt instead of its own times; `only_try`: judge alone. Raises
        NotHandedOver.
        """
        if letter.state == REDRIVEN:
            return "it was redriven already"
        raw = original(self.store, letter)
        try:
            intake, reason = self._judged(letter.record, raw, undated=at_receipt)
        except BrokenJson as broken:
            return str(broken)
        if reason or only_try:
            return reason
        self._hand_over(letter, intake)
        return self._mark(letter)

    def _judged(self, record: DeadLetter, raw: bytes, *, undated: bool) -> tuple[Intake, str]:
        judged = judged_again(raw, self.now, undated=undated)
        if judged is not None:
            return judged.intake, next(filter(None, judged.reasons), "")
        intake = Intake(write_key=None, context=b"{}")
        return intake, admit(intake, record.kind or None, _without_times(raw) if undated else raw, self.now) or ""

    def _hand_over(self, letter: Letter, intake: Intake) -> None:
        record = letter.record
        context = record.context.encode() or b"{}"
        for queue, events in ((self.queue_facts, intake.facts), (self.queue_behaviour, intake.behaviour)):
            messages = [Message(text) for text in pack(record.source, record.at, context, events, ())]
            if messages:
                self.queues.send(queue, messages)

    def _mark(self, letter: Letter) -> str:
        marked = letter.record.model_copy(update={"redriven_at": self.now, "refused_at": None})
        try:
            self.store.commit([Put(letter.item.key, marked.body(), letter.item.version, index=letter.item.index)])
        except Conflict:
            return "somebody else redrives it at this moment"
        return ""


def states(store: Store, letters: Iterable[Letter]) -> dict[str, str]:
    """What became of letters: id to state, as it is now."""
    found = store.get_many(keys.dead_letter(letter.id, 0) for letter in letters)
    return {key.pk: _letter(item).state for key, item in found.items()}


def _letter(item: Item) -> Letter:
    key: Key = item.key
    return Letter(key.pk, item, DeadLetter.read(item.body))


def _without_times(raw: bytes) -> bytes:
    fields = read_json(raw)
    if not isinstance(fields, dict):
        return raw
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in _TIMES})
