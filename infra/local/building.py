"""What goes to Lambda: `sam build`, then bytecode that is valid there, then a look at how much it weighs.

SAM's builder drops bytecode, and its archives carry dates of 1980, so bytecode that is stamped with times would be
stale anyway: each cold start would compile everything anew, which costs 60 % of its time. Bytecode that is stamped
with nothing ("unchecked hash") is taken as it is. One command does both, so that nobody deploys without it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aftershow.model.settings import environment
from infra.local import tools

ROOT = tools.ROOT
BUILT = ROOT / ".aws-sam" / "build"
LAYER = "CommonLayer"
MIB = 1024 * 1024
# Lambda takes 250 MB unpacked, but the layer is read at each cold start of every function.
MAX_LAYER_BYTES = 12 * MIB
# A function is a translation of about 25 lines.
MAX_FUNCTION_BYTES = 100 * 1024
# python-liquid with Babel's data, for the one function that renders (unpacked, with bytecode).
MAX_RENDERING_BYTES = 60 * MIB
RENDERING = "SendMessage"
# Bytes 4 to 8 of a .pyc, little endian: bit 0 says hash-based, bit 1 says that the source is compared (PEP 552).
_FLAGS = slice(4, 8)
_UNCHECKED_HASH = 0b01


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


def build(template: Path = ROOT / "template.yaml", built: Path = BUILT) -> list[Package]:
    """Build layer and functions into `built`, with bytecode. Raises BuildError or tools.ToolError."""
    sam = tools.tool(*tools.SAM)
    _run(
        str(sam.bin / "sam"),
        "build",
        "--template-file",
        str(template),
        "--build-dir",
        str(built),
        "--cache-dir",
        str(built.parent / "cache"),
        "--cached",
        "--parallel",
    )
    compiling = ("-m", "compileall", "-q", "-j", "0", "-f", "--invalidation-mode", "unchecked-hash")
    _run(str(sam.python), *compiling, str(built))
    return packages(built)


def packages(built: Path = BUILT) -> list[Package]:
    """What was built, the layer first."""
    folders = sorted((each for each in built.iterdir() if each.is_dir()), key=lambda each: (each.name != LAYER, each))
    return [Package(each.name, _size(each), _limit(each.name)) for each in folders]


def sources_without_bytecode(built: Path = BUILT) -> list[Path]:
    """The `.py` files for which Lambda would find no bytecode that it takes without looking at the source."""
    return [source for source in sorted(built.rglob("*.py")) if not _has_bytecode(source)]


def sam_environment() -> dict[str, str]:
    """The environment for the SAM CLI: the runtime's Python first on the path, a region, nothing sent home."""
    here = environment()
    path = f"{tools.tool(*tools.SAM).bin}:{here.get('PATH', '')}"
    region = here.get("AWS_DEFAULT_REGION") or here.get("AWS_REGION") or "us-east-1"
    return {**here, "PATH": path, "AWS_DEFAULT_REGION": region, "SAM_CLI_TELEMETRY": "0"}


def _limit(name: str) -> int:
    return {LAYER: MAX_LAYER_BYTES, RENDERING: MAX_RENDERING_BYTES}.get(name, MAX_FUNCTION_BYTES)


def _size(folder: Path) -> int:
    return sum(each.stat().st_size for each in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if each.is_file())


def _has_bytecode(source: Path) -> bool:
    minor = tools.RUNTIME_PYTHON.replace(".", "")
    compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-{minor}.pyc"
    if not compiled.is_file():
        return False
    head = compiled.read_bytes()[:16]
    flags = int.from_bytes(head[_FLAGS], "little")
    return flags == _UNCHECKED_HASH and head[8:16] == importlib.util.source_hash(source.read_bytes())


def _run(*command: str) -> None:
    done = subprocess.run(  # noqa: S603 (every command is spelled out above)
        command, check=False, cwd=ROOT, env=sam_environment(), capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        raise BuildError(f"{Path(command[0]).name} {command[1]} failed, see above")
