"""JSON Schemas and the OpenAPI document of what crosses a border, generated from the models: python -m
infra.local.schemas writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from aftershow.model.events import DomainEvent
from aftershow.model.lint_lexicon import LintLexicon, OwnWords
from aftershow.model.playbooks import Playbook
from aftershow.model.reminders import Reminder
from aftershow.model.rule_packs import RulePack
from aftershow.model.templates import Template
from aftershow.rules.segment import AddressSuppressed
from infra.local.openapi import document

FOLDER = Path(__file__).resolve().parent.parent / "schemas"


def schemas() -> dict[str, str]:
    """File name to text."""
    models: dict[str, Any] = {
        "domain_event": DomainEvent,
        "rule_pack": RulePack,
        "lexicon": LintLexicon,
        "own_words": OwnWords,
        "playbook": Playbook,
        "template": Template,
        "reminder": Reminder,
        # The properties of Track "Message Address Suppressed".
        "message_address_suppressed": AddressSuppressed,
    }
    found = {f"{name}.schema.json": TypeAdapter(model).json_schema() for name, model in models.items()}
    found["rewards.openapi.json"] = document()
    return {name: json.dumps(schema, indent=1, ensure_ascii=False) + "\n" for name, schema in found.items()}


def main() -> None:
    """Write all of them."""
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
