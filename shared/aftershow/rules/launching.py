"""Launching: a playbook does nothing until somebody other than its author approved it, for a share of the people, and
nothing more once it is stopped."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import blake2b

from aftershow.model.ids import body_hash
from aftershow.model.launches import WHOLE, Approval, Launch, Stop
from aftershow.model.playbooks import Playbook
from aftershow.model.viewers import Head

STOPPED, NOT_APPROVED, OUTSIDE_SHARE = "playbook_stopped", "not_approved", "outside_share"
_SHARE = re.compile(r"\s*(\d{1,3}(?:[.,]\d{1,2})?)\s*[%％]?\s*")
_PER_CENT = WHOLE // 100


class NotApproved(Exception):
    """An approval that is refused: why, in words for the person who asked."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A playbook, and whether it may do anything now: `off` is the reason why not; `share` of WHOLE is who gets it."""

    playbook: Playbook
    off: str | None = None
    share: int = WHOLE

    def takes(self, head: Head) -> bool:
        """Whether the person is in the share."""
        return in_share(self.playbook.id, head, self.share)


def launched(playbook: Playbook, launch: Launch | None) -> Launched:
    """How a playbook stands."""
    if launch is None or launch.approval is None:
        return Launched(playbook, STOPPED if launch is not None and launch.stop is not None else NOT_APPROVED)
    approval = launch.approval
    if launch.stop is not None:
        return Launched(playbook, STOPPED, approval.share)
    known = approval.content == content_hash(playbook)
    return Launched(playbook, None if known else NOT_APPROVED, approval.share)


def content_hash(playbook: Playbook) -> str:
    """What an approval is for: everything that the playbook says, the hash of its templates' texts included."""
    return body_hash("playbook", playbook.body())


def in_share(playbook: str, head: Head, share: int) -> bool:
    """Whether a person belongs to the first `share` of WHOLE of a playbook's people.

    Everybody has a fixed place from 0 to WHOLE for each playbook, so a larger share only adds people, and another
    playbook's share is other people. The place follows from the identities of the surviving head's kind, the lowest of
    them: whoever is in stays in when two users turn out to be one, and an anonymous device, of which a person may have
    many, is no further ticket.
    """
    kind = head.viewer[:1]
    return share >= WHOLE or any(_place(playbook, viewer) < share for viewer in head.people if viewer[:1] == kind)


def _place(playbook: str, viewer: str) -> int:
    number = int.from_bytes(blake2b(f"{playbook}\0{viewer}".encode(), digest_size=8, person=b"share").digest(), "big")
    return number * WHOLE >> 64


def approved(playbook: Playbook, by: str, share: int, now: int) -> Launch:
    """The launch after an approval of a playbook as it is now; a stop is lifted by it. Raises NotApproved."""
    if not _name(by):
        raise NotApproved("an approval needs a name: --by NAME")
    if not _name(playbook.author):
        raise NotApproved(f"{playbook.id} names no author: write author: NAME into its file and push it")
    if _name(by) == _name(playbook.author):
        raise NotApproved(f"{by} wrote {playbook.id}: somebody else must approve it (four eyes)")
    approval = Approval(by=by.strip(), at=now, version=playbook.version, content=content_hash(playbook), share=share)
    return Launch(playbook=playbook.id, approval=approval)


def stopped(playbook: str, launch: Launch | None, by: str, now: int) -> Launch:
    """The launch after the stop button. The first stop counts."""
    before = launch or Launch(playbook=playbook)
    return before if before.stop is not None else before.model_copy(update={"stop": Stop(by=by.strip(), at=now)})


def read_share(text: str) -> int:
    """A share as people write it, "5%", "0.5 %", "100", in hundredths of a per cent. Raises ValueError."""
    match = _SHARE.fullmatch(text)
    try:
        share = int(Decimal(match[1].replace(",", ".")) * _PER_CENT) if match else 0
    except InvalidOperation:
        share = 0
    if not 1 <= share <= WHOLE:
        raise ValueError(f'a share is from 0.01% to 100%, like "5%": {text!r} is none')
    return share


def share_text(share: int) -> str:
    """The share as people read it: "5 %", "0.5 %"."""
    return f"{(Decimal(share) / _PER_CENT).normalize():f} %"


def _name(text: str) -> str:
    """A name for comparing: "LI  Na" and "li na" are one person."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
