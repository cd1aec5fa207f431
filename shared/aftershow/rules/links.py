"""Signed links: what a viewer's mail client sends back to us. Opaque, without personal data, useless when changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LinkKind = Literal["click", "unsubscribe"]


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Which message a link came from, and which of its links it is."""

    viewer: str
    reminder: str
    number: int


def sign(secret: str, kind: LinkKind, target: LinkTarget) -> str:
    """The token of a link."""
    from itsdangerous import URLSafeSerializer  # paid where a link is signed or opened, not by every cold start

    token = URLSafeSerializer(secret, salt=kind).dumps([target.viewer, target.reminder, target.number])
    return token if isinstance(token, str) else token.decode()


def read(secret: str, kind: LinkKind, token: str) -> LinkTarget | None:
    """What a token says; None where it was not signed here, for this kind of link."""
    from itsdangerous import BadSignature, URLSafeSerializer

    try:
        viewer, reminder, number = URLSafeSerializer(secret, salt=kind).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    return LinkTarget(viewer, reminder, number)
