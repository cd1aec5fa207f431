"""The template's linters: `python -m infra.local.linting`. They see it as written, nested, and as SAM expands it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from infra.local import building, tools
from infra.local.expanding import expanded
from infra.local.intrinsics import TemplateError

# SAM has put in what only it reads, a parameter (W2001) or a mapping (W7001); nested templates are still files (W3002).
NOT_OF_THE_EXPANDED = ("W2001", "W3002", "W7001")


def main() -> int:
    """Run them all; 0 if none complains."""
    try:
        lint, sam = tools.tool(*tools.LINT), tools.tool(*tools.SAM)
        whole = _written(building.BUILT.parent / "expanded.json")
    except (tools.ToolError, TemplateError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    cfn_lint = lint.bin / "cfn-lint"
    failed = [
        _says(cfn_lint, building.TEMPLATE, *building.NESTED),
        _says(cfn_lint, "--ignore-checks", *NOT_OF_THE_EXPANDED, "--", whole),
        _says(sam.bin / "sam", "validate", "--lint", "--template", building.TEMPLATE),
    ]
    return int(any(failed))


def _written(place: Path) -> Path:
    """The expanded template as a file, in which the nested one can be found."""
    plain = expanded(building.TEMPLATE)
    for resource in plain["Resources"].values():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            resource["Properties"]["TemplateURL"] = str(building.ROOT / resource["Properties"]["TemplateURL"])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    return place


def _says(*command: str | Path) -> bool:
    """Whether a linter complains; what it says goes to standard output."""
    done = subprocess.run(command, check=False, cwd=building.ROOT, env=building.sam_environment())  # noqa: S603
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
