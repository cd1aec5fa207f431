"""The OpenAPI document of the rewards API, generated from the models that read and write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from aftershow.model import rewards as wire
from aftershow.model.ledger import MAX_NAME, MAX_POINTS
from aftershow.services.ledger import CURSOR, MAX_CURSOR_CHARACTERS
from aftershow.services.rewards import DEFAULT_PAGE, MAX_KEY_CHARACTERS, OPERATIONS

_REFERENCE = "#/components/schemas/{model}"
_PROBLEMS = {
    400: "A header is missing, or API Gateway could not read the request.",
    403: "The signature of AWS is missing or not allowed.",
    404: "Nobody, or nothing, is known by this identifier.",
    409: "The ledger says no, or the Idempotency-Key is another request's: `type` says which. Nothing was changed.",
    413: "The body is too large.",
    422: "A value can't be right.",
    503: "Too many write at once. `Retry-After` says when to come again with the same key.",
}
_WRITES = (400, 403, 404, 409, 413, 422, 503)
_READS = (403, 404, 409, 422, 503)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Names this request for a day: again with the same key, the answer is the same to the byte.",
    # Printable ASCII: what a header carries unharmed.
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS, "pattern": "^[!-~]+$"},
}
_PATH = {
    "viewer": "Any identifier of the person: viewer id, user id, e-mail address, telephone number (E.164) ...",
    "reservation": "The id under which points were reserved.",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the document says of an operation."""

    name: str
    summary: str
    status: int
    gives: type[BaseModel]
    takes: type[BaseModel] | None = None
    query: tuple[Mapping[str, Any], ...] = ()


_LIMIT = {
    "name": "limit", "in": "query", "description": "Entries on a page.",
    "schema": {"type": "integer", "minimum": 1, "maximum": wire.MAX_PAGE, "default": DEFAULT_PAGE},
}  # fmt: skip
_CURSOR = {
    "name": "cursor", "in": "query", "description": "`next` of the page before.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CURSOR_CHARACTERS, "pattern": f"^{CURSOR}$"},
}  # fmt: skip
_ASKED = {
    "name": "points", "in": "query", "required": True, "description": "How many points.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_POINTS},
}  # fmt: skip
_VIEWER = "/rewards/viewers/{viewer}"
_ONE = f"{_VIEWER}/reservations/{{reservation}}"
TOLD: Mapping[str, Told] = {
    f"GET {_VIEWER}/balance": Told("balance", "What a person's points are now", 200, wire.Balance),
    f"GET {_VIEWER}/statement": Told(
        "statement", "Every entry with its reason", 200, wire.StatementPage, query=(_LIMIT, _CURSOR)
    ),
    f"GET {_VIEWER}/quote": Told("quote", "Could so many points be reserved?", 200, wire.QuoteGiven, query=(_ASKED,)),
    f"POST {_VIEWER}/reservations": Told(
        "reserve", "Set points aside while something is paid", 201, wire.ReservationGiven, wire.ReservationWanted
    ),
    f"GET {_ONE}": Told("reservation", "A reservation as it stands", 200, wire.ReservationGiven),
    f"POST {_ONE}/confirm": Told("confirm", "Spend what was reserved", 200, wire.ReservationGiven),
    f"POST {_ONE}/release": Told("release", "Give back what was reserved", 200, wire.ReservationGiven),
    f"POST {_VIEWER}/codes": Told("redeem", "Redeem a code", 200, wire.CodeGiven, wire.CodeWanted),
}


def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    models: list[type[BaseModel]] = [wire.Problem]
    for told in TOLD.values():
        models += [told.gives, *([told.takes] if told.takes else [])]
    unique = {model.__name__: model for model in models}
    _, found = models_json_schema([(model, "validation") for model in unique.values()], ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        method, path = operation.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(path, TOLD[operation], writes=method == "POST")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Aftershow rewards",
            "version": "1",
            "description": (
                "Points for the shop's own server. Requests carry a signature of AWS (SigV4, service execute-api). "
                "Amounts are integers with their unit. Errors follow RFC 9457."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": found["$defs"],
            "securitySchemes": {
                "sigv4": {"type": "apiKey", "name": "Authorization", "in": "header", "description": "AWS SigV4"}
            },
        },
        "security": [{"sigv4": []}],
    }


def _operation(path: str, told: Told, *, writes: bool) -> dict[str, Any]:
    names = [name for name in _PATH if f"{{{name}}}" in path]
    parameters: list[Mapping[str, Any]] = [
        {
            "name": name, "in": "path", "required": True, "description": _PATH[name],
            "schema": {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": wire.SAFE},
        }
        for name in names
    ]  # fmt: skip
    done: dict[str, Any] = {"description": "Done.", "content": _content("application/json", told.gives)}
    if told.name == "reserve":
        done["links"] = {name: _about_it(name) for name in ("reservation", "confirm", "release")}
    operation: dict[str, Any] = {
        "operationId": told.name,
        "summary": told.summary,
        "parameters": [*parameters, *told.query, *([_KEY] if writes else [])],
        "responses": {
            str(told.status): done,
            **{
                str(status): {
                    "description": _PROBLEMS[status], "content": _content("application/problem+json", wire.Problem)
                }
                for status in (_WRITES if writes else _READS)
            },
        },
    }  # fmt: skip
    if told.takes:
        operation["requestBody"] = {"required": True, "content": _content("application/json", told.takes)}
    return operation


def _about_it(operation: str) -> dict[str, Any]:
    """What may be asked about a reservation that was made."""
    return {
        "operationId": operation,
        "parameters": {"viewer": "$request.path.viewer", "reservation": "$response.body#/id"},
    }


def _content(kind: str, model: type[BaseModel]) -> dict[str, Any]:
    return {kind: {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}
