"""track_outcome: provider events, replies and orders from the queue; links, pages and callbacks over HTTP."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.clicking import click
from aftershow.services.hearing import callback
from aftershow.services.messages import received, work_off
from aftershow.services.opting_out import unsubscribe, unsubscribe_page
from aftershow.services.pages import Page, Visit, form_of
from aftershow.services.preferences import preference_page, save_preferences
from aftershow.services.surveying import answer_quiz, answer_survey, quiz_page, survey_page
from aftershow.services.tracking import track

ROUTES = {
    "GET /c/{token}": click,
    "GET /u/{token}": unsubscribe_page,
    "POST /u/{token}": unsubscribe,
    "GET /p/{token}": preference_page,
    "POST /p/{token}": save_preferences,
    "GET /s/{token}": survey_page,
    "POST /s/{token}": answer_survey,
    "GET /q/{token}": quiz_page,
    "POST /q/{token}": answer_quiz,
    "POST /receipts/{provider}/{token}": callback,
}


def handle(event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """Work off an SQS batch, or answer a request."""
    if "Records" in event:
        return work_off(ports, received(event), lambda message: track(message, ports))
    return _answer(ROUTES[event["routeKey"]](_visit(event), ports))


def _visit(event: dict[str, Any]) -> Visit:
    headers, said = event["headers"], event.get("body") or ""
    body = b64decode(said) if event.get("isBase64Encoded") else said.encode()
    return Visit(
        token=event["pathParameters"]["token"],
        method=event["requestContext"]["http"]["method"],
        user_agent=headers.get("user-agent", ""),
        languages=headers.get("accept-language", ""),
        body=body,
        provider=event["pathParameters"].get("provider", ""),
        form=form_of(body),
    )


def _answer(page: Page) -> dict[str, Any]:
    headers = {"content-type": page.content_type, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    if page.location is not None:
        headers["location"] = page.location
    return {"statusCode": page.status, "headers": headers, "body": page.body}


handler = on_lambda(handle)
