"""Starts ministack so that a test can rely on it; runs in ministack's own environment, not in the project's.

    python -P launcher.py CALLS

Every call that ministack checks against a role is written to the file CALLS, one JSON object a line. Where ministack
asks for another right than AWS does, the question is put right (`right_of`, `mail_resources`). SAM gets the parameters
of a deployment (`tell_sam_the_parameters`). Schedules are looked at every second. The process ends with the one that
started it: its standard input is closed then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import Any

# Of the SendEmail request in hand: the resources that AWS checks, and the condition keys.
mail_in_hand: ContextVar[tuple[tuple[str, ...], dict[str, str]]] = ContextVar("mail_in_hand")


def part(name: str) -> Any:
    """A module of ministack."""
    return import_module(f"ministack.{name}")


def right_of(action: str) -> str:
    """SQS has no rights for batches: SendMessageBatch needs sqs:SendMessage (AWS's service authorization reference)."""
    return action.removesuffix("Batch") if action.startswith("sqs:") else action


def record_calls(path: Path) -> None:
    """Write down who called what on which resource, and whether the role allowed it."""
    evaluator, sessions = part("core.iam_evaluator"), part("services.sts")
    enforce, calls, lock = evaluator.enforce, path.open("a", encoding="utf-8", buffering=1), threading.Lock()

    def checked(access_key: str, action: str, service: str, region: str, resource: str, context: Any) -> Any:
        denied = enforce(access_key, action, service, region, resource_arn=resource, service_context=context)
        session = sessions._sessions.get(access_key)  # noqa: SLF001 (the emulator has no other way to ask)
        if session is not None:
            line = {"who": session["Arn"], "action": action, "resource": resource, "denied": denied is not None}
            with lock:
                calls.write(json.dumps(line) + "\n")
        return denied

    def recorded(
        access_key: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        action = right_of(iam_action)
        if action != "ses:SendEmail":
            return checked(access_key, action, service, region, resource_arn, service_context)
        resources, keys = mail_in_hand.get()
        answers = [checked(access_key, action, service, region, one, keys) for one in resources]
        return next((denied for denied in answers if denied is not None), None)

    evaluator.enforce = recorded


def mail_resources() -> None:
    """ministack checks SendEmail on `*`; AWS checks it on the sender's identity and on the configuration set."""
    actions = part("core.iam_actions")
    extract = actions.extract_resource_arn

    def extracted(service: str, method: str, path: str, headers: Any, body: bytes, *others: Any) -> Any:
        if service == "ses" and method == "POST" and path == "/v2/email/outbound-emails":
            _, region, account = others
            request = json.loads(body)
            place, sender = f"arn:aws:ses:{region}:{account}:", request["FromEmailAddress"]
            sets = [f"configuration-set/{name}" for name in (request.get("ConfigurationSetName"),) if name]
            resources = tuple(place + name for name in (f"identity/{sender}", *sets))
            mail_in_hand.set((resources, {"ses:FromAddress": sender}))
        return extract(service, method, path, headers, body, *others)

    actions.extract_resource_arn = extracted


def look_at_schedules_every_second() -> None:
    """Instead of every ten."""
    part("services.scheduler")._SCHEDULE_TICK_INTERVAL = 1  # noqa: SLF001 (ministack has no setting for it)
    part("services.eventbridge")._SCHEDULER_TICK_INTERVAL = 1  # noqa: SLF001


def tell_sam_the_parameters() -> None:
    """ministack lets SAM expand every template with its defaults; AWS with what the deployment gives."""
    changes, engine = part("services.cloudformation.changesets"), part("services.cloudformation.engine")
    apply = changes._apply_transforms  # noqa: SLF001

    def applied(template: dict[str, Any], provided: Any = None, previous: Any = None) -> Any:
        values = engine._transform_parameters(template, provided, previous)  # noqa: SLF001
        declared = {name: {**one, "Default": values[name]} for name, one in template.get("Parameters", {}).items()}
        return apply({**template, "Parameters": declared}, provided, previous)

    changes._apply_transforms = applied  # noqa: SLF001


def end_with_the_parent() -> None:
    """Functions run as processes of this group: they end too."""

    def wait() -> None:
        sys.stdin.buffer.read()
        os.killpg(os.getpgid(0), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    calls_file = Path(sys.argv.pop(1))
    end_with_the_parent()
    look_at_schedules_every_second()
    record_calls(calls_file)
    mail_resources()
    tell_sam_the_parameters()
    part("app").main()
