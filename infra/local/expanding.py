"""The template as CloudFormation gets it: SAM's short forms written out, by SAM's own translator, without AWS."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local import tools
from infra.local.intrinsics import TemplateError, parse

_SCRIPT = Path(__file__).with_name("sam_expansion.py")


def expanded(template: Path, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The expanded template as plain data, with these parameters over its defaults. Raises TemplateError,
    tools.ToolError."""
    lint = tools.tool(*tools.LINT)
    asked = {"template": parse(template.read_text(encoding="utf-8")), "parameters": dict(parameters or {})}
    done = subprocess.run(  # noqa: S603 (our own script in an environment of our own)
        (str(lint.python), "-I", str(_SCRIPT)),
        input=json.dumps(asked),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise TemplateError(f"{template}: SAM can't expand it:\n{done.stderr}")
    plain: dict[str, Any] = json.loads(done.stdout)
    return plain
