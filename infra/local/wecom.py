"""WeCom on this machine: keeps the drafts that staff would find in their app, and takes their word for them.

`LocalWecom.ask` takes what the real adapter asks of qyapi.weixin.qq.com, and answers like it. A draft is confirmed by
`aftershow staff confirm`, in the place of the button in the app; from then on its customer has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from aftershow.adapters.calling import Reply

if TYPE_CHECKING:
    from infra.local.embedded import EmbeddedState

# Who gets the drafts that name nobody, as long as the shop has no sender set.
ANYBODY = "staff"
# errcodes of WeCom.
_UNKNOWN_DRAFT, _UNKNOWN_PATH = 40058, 48002
# `status` of get_groupmsg_send_result.
_STATUS = {"open": 0, "sent": 1, "taken_back": 0}


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft for one customer, in the hands of one member of staff."""

    id: str
    customer: str
    staff: str
    text: str
    link: str
    state: Literal["open", "sent", "taken_back"] = "open"


class LocalWecom:
    """The part of WeCom that keeps drafts. They stand in the state, so they outlive a run."""

    def __init__(self, state: EmbeddedState) -> None:
        self._state = state

    def ask(self, path: str, said: Mapping[str, Any]) -> Reply:
        """A call of the API. A field that isn't WeCom's is a KeyError."""
        name = path.rpartition("/")[2]
        if name == "add_msg_template":
            return _ok(fail_list=[], msgid=self._kept(said))
        draft = self.draft(str(said.get("msgid", "")))
        if draft is None:
            return _refused(_UNKNOWN_DRAFT)
        if name == "get_groupmsg_task":
            return _ok(task_list=[{"userid": draft.staff, "status": 2 * (draft.state == "sent")}])
        if name == "get_groupmsg_send_result":
            one = {"external_userid": draft.customer, "userid": draft.staff, "status": _STATUS[draft.state]}
            return _ok(send_list=[one] if said["userid"] == draft.staff else [])
        if name != "cancel_groupmsg_send":
            return _refused(_UNKNOWN_PATH)
        if draft.state == "open":
            self._keep(replace(draft, state="taken_back"))
        return _ok()

    def confirm(self, draft_id: str) -> bool:
        """The button in the app: send it. False where the draft was taken back."""
        draft = self.draft(draft_id)
        if draft is None or draft.state == "taken_back":
            return False
        self._keep(replace(draft, state="sent"))
        return True

    def draft(self, draft_id: str) -> Draft | None:
        """A draft."""
        text = self._state.note(f"wecom {draft_id}")
        return msgspec.json.decode(text, type=Draft) if text else None

    def drafts(self) -> list[Draft]:
        """All drafts there were, in order."""
        number = int(self._state.note("number of wecom") or 0)
        return [draft for each in range(1, number + 1) if (draft := self.draft(f"draft-{each:06d}"))]

    def _kept(self, said: Mapping[str, Any]) -> str:
        [customer] = said["external_userid"]
        links = [one["link"]["url"] for one in said["attachments"]]
        draft_id = f"draft-{self._state.next_number('wecom'):06d}"
        self._keep(
            Draft(draft_id, customer, said.get("sender", ANYBODY), said["text"]["content"], links[0] if links else "")
        )
        return draft_id

    def _keep(self, draft: Draft) -> None:
        self._state.keep_note(f"wecom {draft.id}", msgspec.json.encode(draft).decode())


def _ok(**said: object) -> Reply:
    return Reply(200, {"errcode": 0, "errmsg": "ok", **said})


def _refused(errcode: int) -> Reply:
    return Reply(200, {"errcode": errcode, "errmsg": "refused"})
