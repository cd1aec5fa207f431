"""The README's walk through a deployment says what the SAM CLI asks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from infra.local.building import TEMPLATE
from infra.local.intrinsics import parse
from infra.local.tools import SAM

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEPLOYING = README.partition("## Deploying")[2].partition("## Licence")[0]


def test_every_parameter_is_answered_with_its_default_and_in_order() -> None:
    """`sam deploy --guided` asks for them as they stand in the template."""
    questions = " ".join(re.findall(r"^\| (.+?) \| .+ \|$", DEPLOYING, flags=re.MULTILINE))
    asked = re.findall(r"\b([A-Z][A-Za-z]+)(?: `\[(.*?)\]`)?", questions.partition("AWS Region")[2])
    parameters = parse(TEMPLATE.read_text(encoding="utf-8"))["Parameters"]
    named = [(name, default) for name, default in asked if name in parameters]
    assert [name for name, _ in named] == list(parameters)
    for name, default in named:
        assert default in {"", str(parameters[name]["Default"])}, name


def test_files_and_versions_in_the_text_are_there() -> None:
    """The version of the SAM CLI, the samples, the configuration."""
    assert f"({SAM[1][0].partition('==')[2].rpartition('.')[0]} was tried)" in DEPLOYING
    for path in re.findall(r"\b(?:tests|infra)/[\w./-]*\w\.\w+", DEPLOYING):
        assert (ROOT / path).exists(), path


def test_configuration_of_the_sam_cli_keeps_nothing_private() -> None:
    """Sane defaults only: no account, no region, no parameters of one shop."""
    text = (ROOT / "infra" / "samconfig.toml").read_text(encoding="utf-8")
    deploy = tomllib.loads(text)["default"]["deploy"]["parameters"]
    assert deploy["capabilities"] == "CAPABILITY_IAM"
    assert deploy["confirm_changeset"] is True
    assert not {"region", "profile", "parameter_overrides", "s3_bucket"} & deploy.keys()
