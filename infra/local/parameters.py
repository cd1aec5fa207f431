"""Parameters of the template, as commands take them: --set NAME=VALUE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from infra.local import runs
from infra.local.command import refuse
from infra.local.template import read_template

SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the template; the state keeps it."),
]


def parameters(given: Sequence[str] | None) -> dict[str, str]:
    """NAME=VALUE of each, tried on the template before any state is touched. Raises TemplateError, typer.Exit."""
    pairs = [one.partition("=") for one in given or ()]
    for name, sign, _ in pairs:
        if not sign:
            refuse(f"--set takes NAME=VALUE, not {name}")
    named = {name: value for name, _, value in pairs}
    read_template(runs.TEMPLATE, named)
    return named
