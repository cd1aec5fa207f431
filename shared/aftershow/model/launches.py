"""Launches: who approved which content of a playbook for how many people, and who stopped it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aftershow.model.base import Record

# Shares are counted in hundredths of a per cent.
WHOLE = 10_000


class Approval(Record):
    """An approval names what it is for: a playbook whose content is another one since is not approved."""

    by: str
    at: int
    version: int
    # Of the playbook with the texts of its templates: rules.launching.content_hash.
    content: str
    share: int = Field(default=WHOLE, ge=1, le=WHOLE)


class Stop(Record):
    """The stop button was pushed. Only a new approval lifts it."""

    by: str
    at: int


class Launch(Record):
    """How a playbook stands. It is an item of its own: a push writes playbooks, never this."""

    playbook: str
    approval: Approval | None = None
    stop: Stop | None = None


class LaunchDecision(Record):
    """A line of the audit, written with what it decided and never changed. `via` is what proved who it was: the AWS
    identity, or the local state. `people` and `messages` are the worst case that was shown before."""

    what: Literal["approved", "stopped"]
    playbook: str
    by: str
    at: int
    via: str
    version: int | None = None
    content: str | None = None
    share: int | None = None
    people: int | None = None
    messages: int | None = None
