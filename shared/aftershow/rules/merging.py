"""Who is one person: which viewer ids and identifiers belong together, from what was said of them.

What events say is kept as bonds. Which of them count follows from all of them alone, never from their order:

    device   a browser belongs to the user who came with it first, by event time, then by the smaller id
    stated   an alias of two users joins them
    told     an identifier (phone, e-mail, union id ...) joins everybody who has it, until it comes with more than
             MAX_CLAIMANTS: then it is a desk's or a filler, and joins nobody, also those whom it had joined
    state    a scanned QR code joins the contact and the viewer whom it names, unless either was met twice: a code that
             was passed on, a member of staff who tries codes

A person is what hangs together by the bonds that count. Facts are kept by the viewer id that they were told as, so a
bond that falls takes nothing with it that is not its own. Beyond the bounds of a person (MAX_MEMBERS, MAX_IDENTIFIERS,
MAX_BONDS) the bonds that came first stay: only there does the order of arrival matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from aftershow.model.ids import is_viewer, kind_of
from aftershow.model.viewers import (
    MAX_BONDS,
    MAX_CHAIN,
    MAX_CLAIMANTS,
    MAX_IDENTIFIERS,
    MAX_MEMBERS,
    MAX_REFUSALS,
    Bond,
    Facts,
    Head,
    Identity,
    Refusal,
    Refused,
)
from aftershow.rules.people import parts_of, ring, with_parts
from aftershow.rules.subscriptions import united_used

# Of scans, this many at an end are enough to know that a code or a contact was met more than once.
SEVERAL = 2


def lead(heads: Mapping[str, Head], viewer: str) -> str:
    """The viewer id of the surviving head behind `viewer`, as far as the heads given lead."""
    for _ in range(MAX_CHAIN):
        head = heads.get(viewer)
        if head is None or head.merged_into is None:
            return viewer
        viewer = head.merged_into
    return viewer


@dataclass(slots=True)
class People:
    """The heads that concern some events, while these are folded; what changed about each person; and heads that must
    be read before the result can be written."""

    heads: dict[str, Head]
    identities: Mapping[str, Identity] = field(default_factory=dict)
    changed: dict[str, set[str]] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)

    def leading(self, viewer: str) -> Head:
        """The head of the person behind a viewer id or identifier; a fresh one where nothing is known."""
        return self._own(lead(self.heads, viewer))

    def _own(self, name: str) -> Head:
        return self.heads.get(name) or Head(viewer=name, identity=self.identities.get(name))

    def put(self, head: Head, *what: str) -> None:
        """Replace a head; `what` changed about its person."""
        self.heads[head.viewer] = head
        self.changed.setdefault(head.viewer, set()).update(what)

    def refuse(self, viewer: str, name: str, reason: Refused) -> None:
        """Note on the person of `viewer` that a merge by `name` was refused."""
        head = self.leading(viewer)
        noted = _noted((*head.refused_merges, Refusal(name=name, reason=reason)))
        if noted != head.refused_merges:
            self.put(head.model_copy(update={"refused_merges": noted}))

    def bind(self, bond: Bond) -> None:
        """Take a bond into account: people who belong together become one, who do not any more come apart."""
        persons = _distinct(self.leading(bond.one), self.leading(bond.other))
        shared = {head.viewer for head in persons if head.shared}
        if bond.kind == "told" and bond.other in shared:
            self.refuse(bond.one, bond.other, "shared")
            return
        known = {one.key: one for person in persons for one in person.bonds}
        before = known.get(bond.key)
        if before is not None and before.at <= bond.at:
            return
        every = {**known, bond.key: bond}.values()
        shared |= _outnumbered(every)
        kept, counted = _weighed(every, shared)
        if set(kept) != set(known.values()):
            nodes = {node for person in persons for node in _nodes(person)}
            groups = _groups(nodes, counted)
            if any(_too_large(group, kept) for group in groups):
                self._note(bond, "full", persons)
                return
            self._regroup(persons, groups, kept, shared)
            persons = [self._own(min(group, key=_rank)) for group in groups]
        for one in every:
            if one not in counted:
                self._note(one, _why_not(one), persons)

    def _regroup(
        self, persons: Collection[Head], groups: list[set[str]], kept: Collection[Bond], shared: Collection[str]
    ) -> None:
        parts = {viewer: facts for person in persons for viewer, facts in parts_of(person).items()}
        splits = any(not any(_nodes(person) <= group for group in groups) for person in persons)
        for group in groups:
            former = [person for person in persons if _nodes(person) & group]
            name = min(group, key=_rank)
            head = self._headed(name, group, former, kept, shared)
            head = with_parts(head, {viewer: parts.get(viewer, Facts()) for viewer in group})
            grown = {person.viewer for person in former} != {name} or _nodes(former[0]) != group
            self.put(head, *(["merged"] if grown and is_viewer(name) and (len(group) > 1 or splits) else []))
            # Of a merge only the one that led becomes a pointer; where people come apart, everybody's is set anew.
            self._point(group - {name} if splits else {one.viewer for one in former} - {name}, name)
        if splits:
            self.wanted |= {node for group in groups for node in group}

    def _headed(
        self, name: str, group: set[str], former: list[Head], kept: Collection[Bond], shared: Collection[str]
    ) -> Head:
        others = sorted(group - {name})
        classes = sorted({name for person in former for name in person.sends})
        return self._own(name).model_copy(
            update={
                "merged_into": None,
                "shared": name in shared,
                "members": tuple(filter(is_viewer, others)),
                "identifiers": tuple(one for one in others if not is_viewer(one)),
                "bonds": _remembered(kept, group),
                "refused_merges": _noted(note for person in former for note in person.refused_merges),
                "erased_at": min(filter(None, (person.erased_at for person in former)), default=None),
                "sends": {each: ring(*(person.sends.get(each, ()) for person in former)) for each in classes},
                "accepts_used": united_used(*(person.accepts_used for person in former)),
            }
        )

    def _point(self, names: Iterable[str], name: str) -> None:
        for one in names:
            own = self._own(one)
            self.put(Head(viewer=one, identity=own.identity, merged_into=name))

    def _note(self, bond: Bond, reason: Refused, persons: Iterable[Head]) -> None:
        """Note a bond that does not count on those who would have been joined, as far as they are looked at."""
        leaders = {node: person.viewer for person in persons for node in _nodes(person)}
        one, other = leaders.get(bond.one), leaders.get(bond.other)
        if one == other:
            return
        if bond.kind != "device" and one is not None:
            self.refuse(one, bond.other, reason)
        if bond.kind != "told" and other is not None:
            self.refuse(other, bond.one, reason)


def _why_not(bond: Bond) -> Refused:
    if bond.kind == "device":
        return "another_users_device"
    return "several_scanned" if bond.kind == "state" else "shared"


def _distinct(*heads: Head) -> list[Head]:
    return list({head.viewer: head for head in heads}.values())


def _noted(refusals: Iterable[Refusal]) -> tuple[Refusal, ...]:
    return tuple(sorted(set(refusals), key=lambda one: (one.name, one.reason)))[:MAX_REFUSALS]


def _nodes(head: Head) -> set[str]:
    return {head.viewer, *head.members, *head.identifiers}


def _rank(name: str) -> tuple[int, str]:
    """Who leads a person: a known user before a browser, an identifier only where there is nobody; then the smaller
    id. So the order of merges never matters."""
    kind = kind_of(name)
    return (0 if kind == "user" else 1 if kind == "anonymous" else 2, name)


def _outnumbered(bonds: Iterable[Bond]) -> set[str]:
    claimants = Counter(bond.other for bond in bonds if bond.kind == "told")
    return {name for name, number in claimants.items() if number > MAX_CLAIMANTS}


def _weighed(bonds: Iterable[Bond], shared: Collection[str]) -> tuple[list[Bond], list[Bond]]:
    """(bonds to keep in mind, those of them that count)."""
    listed = list(bonds)
    owners: dict[str, Bond] = {}
    for bond in listed:
        if bond.kind == "device":
            owner = owners.get(bond.one)
            owners[bond.one] = bond if owner is None else min(bond, owner, key=_claim)
    states = [one for one in listed if one.kind == "state"]
    firm = [one for one in listed if one.kind == "stated" or (one.kind == "told" and one.other not in shared)]
    contacts, viewers = Counter(one.one for one in states), Counter(one.other for one in states)
    sure = [
        one for one in states if contacts[one.one] == 1 and viewers[one.other] == 1 and one.one not in shared
    ]  # fmt: skip
    return [*owners.values(), *firm, *states], [*owners.values(), *firm, *sure]


def _claim(bond: Bond) -> tuple[bool, int, str]:
    """The claim that wins a browser: a user's before another browser's, then the earliest, then the smaller id."""
    return (kind_of(bond.other) != "user", bond.at, bond.other)


def _remembered(kept: Iterable[Bond], group: Collection[str]) -> tuple[Bond, ...]:
    """The bonds of a group; of scans the first at each end."""
    listed: set[Bond] = set()
    scans: Counter[str] = Counter()
    for bond in sorted(kept, key=lambda one: (one.at, one.key)):
        ends = {bond.one, bond.other} & set(group)
        if ends and (bond.kind != "state" or any(scans[end] < SEVERAL for end in ends)):
            listed.add(bond)
            scans.update(ends if bond.kind == "state" else ())
    return tuple(sorted(listed, key=lambda one: one.key))


def _groups(nodes: Iterable[str], counted: Iterable[Bond]) -> list[set[str]]:
    groups = {node: {node} for node in nodes}
    for bond in counted:
        one, other = groups.get(bond.one), groups.get(bond.other)
        if one is None or other is None or one is other:
            continue
        one |= other
        groups.update(dict.fromkeys(other, one))
    distinct = {id(group): group for group in groups.values()}
    return sorted(distinct.values(), key=lambda group: _rank(min(group, key=_rank)))


def _too_large(group: set[str], kept: Iterable[Bond]) -> bool:
    viewers = sum(map(is_viewer, group))
    return (
        viewers > MAX_MEMBERS + 1
        or len(group) - viewers > MAX_IDENTIFIERS
        or sum(bool({one.one, one.other} & group) for one in kept) > MAX_BONDS
    )
