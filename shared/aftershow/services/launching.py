"""Approving and stopping playbooks: decided on the launch as it is now, written together with a line of the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aftershow.model.launches import Launch, LaunchDecision, Stop
from aftershow.model.playbooks import Playbook
from aftershow.ports import keys
from aftershow.ports.store import Conflict, Put, Range, Store
from aftershow.rules import launching

# Two people at one button: each race lost is decided anew.
MAX_TRIES = 5
# Playbooks, launches and decisions are listed whole up to here.
MAX_LISTED = 1_000


class NoSuchPlaybook(Exception):
    """A playbook that is not in the catalog: which ones are."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who decides: the name that they give, when (epoch ms), and what proved who it was."""

    by: str
    at: int
    via: str


@dataclass(frozen=True, slots=True)
class WorstCase:
    """What was shown before an approval: people of the last show, and messages to them at most."""

    people: int
    messages: int


def approve(
    store: Store, playbook_id: str, share: int, signed: Signature, worst: WorstCase | None = None
) -> LaunchDecision:
    """Approve a playbook as it stands in the catalog; functions know it within 5 s. It lifts the stop that stands, but
    none that comes at the same moment. Raises launching.NotApproved, NoSuchPlaybook, Conflict."""
    playbook = _playbook(store, playbook_id)
    launch = launching.approved(playbook, signed.by, share, signed.at)
    approval = launch.approval
    decision = LaunchDecision(
        what="approved", playbook=playbook_id, by=signed.by.strip(), at=signed.at, via=signed.via,
        version=playbook.version, content=approval.content if approval else None, share=share,
        people=worst.people if worst else None, messages=worst.messages if worst else None,
    )  # fmt: skip
    seen: list[Stop | None] = []

    def decide(before: Launch | None) -> Launch:
        stands = before.stop if before is not None else None
        seen.append(stands)
        if stands is not None and stands != seen[0]:
            raise launching.NotApproved(f"{playbook_id} was stopped by {stands.by} at this moment: ask them first")
        return launch

    return _decided(store, decide, decision)


def stop(store: Store, playbook_id: str, signed: Signature) -> LaunchDecision:
    """Push the stop button of a playbook, approved or not; functions know it within 5 s. Raises NoSuchPlaybook,
    Conflict."""
    _playbook(store, playbook_id)
    decision = LaunchDecision(what="stopped", playbook=playbook_id, by=signed.by.strip(), at=signed.at, via=signed.via)
    return _decided(store, lambda before: launching.stopped(playbook_id, before, signed.by, signed.at), decision)


def stop_each(store: Store, playbook_ids: Iterable[str], signed: Signature) -> list[str]:
    """Push the stop button of several; one that others decide on at this moment holds up none. Returns those that are
    not stopped. Raises NoSuchPlaybook."""
    left = []
    for each in playbook_ids:
        try:
            stop(store, each, signed)
        except Conflict:
            left.append(each)
    return left


def playbooks(store: Store) -> list[launching.Launched]:
    """All playbooks of a catalog by id, and how they stand."""
    known = launches(store)
    return [launching.launched(one, known.get(one.id)) for one in _all_playbooks(store)]


def launches(store: Store) -> dict[str, Launch]:
    """All launches by playbook."""
    page = store.query("catalog", Range(keys.launch("-").pk, limit=MAX_LISTED))
    return {one.playbook: one for one in (Launch.read(item.body) for item in page.items)}


def decisions(store: Store) -> list[LaunchDecision]:
    """The audit, oldest line first."""
    found: list[LaunchDecision] = []
    after: str | None = None
    while True:
        page = store.query("catalog", Range(keys.launch_decision(0, "-").pk, limit=MAX_LISTED, after=after))
        found += [LaunchDecision.read(item.body) for item in page.items]
        if page.after is None:
            return found
        after = page.after


def _all_playbooks(store: Store) -> list[Playbook]:
    page = store.query("catalog", Range(keys.playbook("-").pk, limit=MAX_LISTED))
    return [Playbook.read(item.body) for item in page.items]


def _playbook(store: Store, playbook_id: str) -> Playbook:
    item = store.get(keys.playbook(playbook_id))
    if item is None:
        known = ", ".join(one.id for one in _all_playbooks(store)) or "none: push some first"
        raise NoSuchPlaybook(f"there is no playbook {playbook_id}; there are {known}")
    return Playbook.read(item.body)


def _decided(store: Store, decide: Callable[[Launch | None], Launch], decision: LaunchDecision) -> LaunchDecision:
    """Write the launch and its line of the audit together; a line's moment moves by a millisecond where another
    decision has it."""
    key = keys.launch(decision.playbook)
    for _ in range(MAX_TRIES):
        item = store.get(key)
        line = keys.launch_decision(decision.at, decision.playbook)
        launch = decide(Launch.read(item.body) if item else None)
        try:
            store.commit([Put(key, launch.body(), item.version if item else None), Put(line, decision.body(), None)])
        except Conflict:
            if store.get(line) is not None:
                decision = decision.model_copy(update={"at": decision.at + 1})
            continue
        return decision
    raise Conflict(f"{decision.playbook}: others approve or stop it at this moment, look again")
