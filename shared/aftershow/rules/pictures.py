"""Pictures that travel with an e-mail: those of its template that its page shows."""

from __future__ import annotations

import base64
import dataclasses

from aftershow.model.messages import Content, Email, Picture
from aftershow.model.templates import Template


def attached(message: Content, template: Template) -> Content:
    """An e-mail with the pictures that its page shows; other messages as they are."""
    if not isinstance(message, Email) or not template.pictures:
        return message
    files = [(name, template.pictures[name]) for name in template.shown(message.html) if name in template.pictures]
    pictures = tuple(Picture(name, file.media_type, base64.b64decode(file.base64)) for name, file in files)
    return dataclasses.replace(message, pictures=pictures)
