"""What goes to Lambda: `sam build`, then bytecode that is valid there, then a look at how much it weighs.

SAM's builder drops bytecode, and its archives carry dates of 1980, so bytecode that is stamped with times would be
stale anyway: each cold start would compile everything anew, which is most of its time. Bytecode that is stamped with
nothing ("unchecked hash") is taken as it is. One command does both, so that nobody deploys without it.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aftershow.model.settings import environment
from infra.local import tools

ROOT = tools.ROOT
TEMPLATE = ROOT / "template.yaml"
# What watches, and moves aliases, is nested: it holds no state.
NESTED = (ROOT / "infra" / "observability.yaml", ROOT / "infra" / "canary.yaml")
BUILT = ROOT / ".aws-sam" / "build"
# What the template says. Compiled packages of the layer belong to it.
ARCHITECTURE = "arm64"
LAYER, RENDERING, SCORING = "CommonLayer", "SendMessage", "ScoreUser"
KIB, MIB = 1024, 1024 * 1024
# Lambda takes 250 MB unpacked, but every cold start of every function unpacks the layer. A fifth of it is our own
# package, of which a function reads only what it imports; what a start costs is measured in tests/deployed.
MAX_LAYER_BYTES = 13_824 * KIB
# A function is a translation of about 25 lines.
MAX_FUNCTION_BYTES = 100 * KIB
# python-liquid with Babel's data, for the one function that renders.
MAX_RENDERING_BYTES = 40 * MIB
# phonenumberslite with what it knows of every country and pyahocorasick (0.3 MB), for the one function that reads
# telephone numbers and comments.
MAX_SCORING_BYTES = 3 * MIB
# Parts of the layer's packages that nothing of ours imports. That everything still starts, the deployed tests show.
UNUSED = (
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/auth_alpha",
    "aws_lambda_powertools/utilities/batch",
    "aws_lambda_powertools/utilities/circuit_breaker",
    "aws_lambda_powertools/utilities/data_classes",
    "aws_lambda_powertools/utilities/data_masking",
    "aws_lambda_powertools/utilities/feature_flags",
    "aws_lambda_powertools/utilities/idempotency",
    "aws_lambda_powertools/utilities/kafka",
    "aws_lambda_powertools/utilities/parameters",
    "aws_lambda_powertools/utilities/parser",
    "aws_lambda_powertools/utilities/streaming",
    "aws_lambda_powertools/utilities/validation",
    "pydantic/v1",
)
_BYTECODE_SCRIPT = Path(__file__).with_name("bytecode.py")


class BuildError(Exception):
    """There is nothing to deploy. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """One thing that Lambda unpacks: the layer, or a function."""

    name: str
    size_bytes: int
    limit_bytes: int

    @property
    def too_heavy(self) -> bool:
        """Whether it's over its limit."""
        return self.size_bytes > self.limit_bytes


def build(architecture: str = ARCHITECTURE) -> Path:
    """Build layer and functions, with bytecode; returns the folder. Raises BuildError or tools.ToolError.

    What is built for another architecture than the template's runs on this machine and is not for deploying.
    """
    sam = tools.tool(*tools.SAM)
    built, template = places(architecture)
    if template != TEMPLATE:
        _write_for(architecture, template)
    folders = ("--base-dir", ROOT, "--build-dir", built, "--cache-dir", built.parent / "cache")
    run(sam.bin / "sam", "build", "--template-file", template, *folders, "--cached", "--parallel")
    _drop_unused(built / LAYER / "python")
    hash_based = ("-q", "-j", "0", "-f", "--invalidation-mode", "unchecked-hash")
    run(sam.python, "-m", "compileall", *hash_based, built)
    without = sources_without_bytecode(built)
    if without:
        raise BuildError(f"{len(without)} sources have no bytecode, the first: {without[0]}")
    return built


def places(architecture: str) -> tuple[Path, Path]:
    """Where the built artefact for a processor is, and the template that it's built from."""
    if architecture == ARCHITECTURE:
        return BUILT, TEMPLATE
    folder = BUILT.parent / architecture
    return folder / BUILT.name, folder / TEMPLATE.name


def sources() -> list[Path]:
    """Everything that a build depends on."""
    folders = (ROOT / "shared", ROOT / "functions")
    files = (each for folder in folders for each in _files(folder) if "__pycache__" not in each.parts)
    return sorted((TEMPLATE, *NESTED, Path(__file__), *files))


def packages(built: Path = BUILT) -> list[Package]:
    """What was built, the layer first."""
    folders = sorted((each for each in built.iterdir() if each.is_dir()), key=lambda each: (each.name != LAYER, each))
    return [Package(each.name, _size(each), _limit(each.name)) for each in folders if any(each.rglob("*.py"))]


def sources_without_bytecode(built: Path = BUILT) -> list[str]:
    """The `.py` files that Lambda would compile at each cold start."""
    return run(tools.tool(*tools.SAM).python, "-I", _BYTECODE_SCRIPT, built).splitlines()


def this_architecture() -> str:
    """Lambda's name for the processor of this machine."""
    return {"aarch64": "arm64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine())


def sam_environment() -> dict[str, str]:
    """The environment for the SAM CLI: the runtime's Python first on the path, a region, nothing sent home."""
    here = environment()
    path = f"{tools.tool(*tools.SAM).bin}:{here.get('PATH', '')}"
    region = here.get("AWS_DEFAULT_REGION") or here.get("AWS_REGION") or "us-east-1"
    return {**here, "PATH": path, "AWS_DEFAULT_REGION": region, "SAM_CLI_TELEMETRY": "0"}


def _write_for(architecture: str, template: Path) -> None:
    """The template for another processor, which can't be a parameter: the builder reads none of those."""
    template.parent.mkdir(parents=True, exist_ok=True)
    text = TEMPLATE.read_text(encoding="utf-8")
    # Paths of functions and layer are told by --base-dir; a nested template's is not.
    nested = text.replace("TemplateURL: infra/", f"TemplateURL: {ROOT / 'infra'}/")
    template.write_text(nested.replace(ARCHITECTURE, architecture), encoding="utf-8")


def _drop_unused(layer: Path) -> None:
    for part in UNUSED:
        if not (layer / part).is_dir():
            raise BuildError(f"the layer has no {part} any more: look at building.UNUSED again")
        shutil.rmtree(layer / part)
    # What an uninstaller would need. Licences and metadata stay.
    for record in layer.glob("*.dist-info/RECORD"):
        record.unlink()


def _limit(name: str) -> int:
    limits = {LAYER: MAX_LAYER_BYTES, RENDERING: MAX_RENDERING_BYTES, SCORING: MAX_SCORING_BYTES}
    return limits.get(name, MAX_FUNCTION_BYTES)


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if each.is_file())


def run(*command: str | Path) -> str:
    """Run a program to its end; returns what it printed. Raises BuildError, after its own words."""
    done = subprocess.run(  # noqa: S603 (every command is spelled out above)
        command, check=False, cwd=ROOT, env=sam_environment(), capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise BuildError(f"{Path(command[0]).name} {command[1]} failed, see above")
    return done.stdout
