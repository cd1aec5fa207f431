"""What makes a new version of a function, in SAM's eyes. That a parameter does so is a house rule."""

from __future__ import annotations

import json
from pathlib import Path

from infra.local.building import TEMPLATE
from infra.local.expanding import expanded as expand
from tests.deployed.expansion import Template, of_type


def versions(template: Template) -> dict[str, str]:
    """What CloudFormation knows the functions' versions by: with anything else it publishes another one."""
    return {
        version["FunctionName"]["Ref"]: f"{name} {json.dumps(version, sort_keys=True)}"
        for name, version in of_type(template, "AWS::Lambda::Version")
    }


def rewritten(folder: Path, old: str, new: str) -> Template:
    """The expansion of the template with one piece of text replaced."""
    text = TEMPLATE.read_text(encoding="utf-8")
    assert old in text
    path = folder / "template.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return expand(path)


def test_another_layer_makes_another_version_of_every_function(expanded: Template, tmp_path: Path) -> None:
    """Nearly all of the code is in the layer."""
    before, after = versions(expanded), versions(rewritten(tmp_path, "ContentUri: shared/", "ContentUri: s3://a/b"))
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


def test_a_property_makes_another_version_of_its_function(expanded: Template, tmp_path: Path) -> None:
    """Not only the code."""
    before, after = versions(expanded), versions(rewritten(tmp_path, "Timeout: 20", "Timeout: 21"))
    assert [name for name in before if before[name] != after[name]] == ["IngestEvent"]


def test_what_all_functions_are_told_makes_another_version_of_all(expanded: Template) -> None:
    """Of what only one is told, CloudFormation takes notice, not SAM."""
    before, after = versions(expanded), versions(expand(TEMPLATE, {"MarketingCapPerDay": "3"}))
    assert not set(before.values()) & set(after.values())


def test_what_did_not_change_stays_the_same_version(expanded: Template) -> None:
    """Otherwise every deployment would be a rollout of everything."""
    assert versions(expand(TEMPLATE)) == versions(expanded)


def test_all_at_once_leaves_the_aliases_and_no_deployment(expanded: Template) -> None:
    """The same versions, which nobody moves by and by."""
    at_once = expand(TEMPLATE, {"Rollout": "AllAtOnce"})
    assert versions(at_once) == versions(expanded)
    assert dict(of_type(at_once, "AWS::Lambda::Alias")) == dict(of_type(expanded, "AWS::Lambda::Alias"))
    assert not list(of_type(at_once, "AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"))
    assert not any("UpdatePolicy" in resource for resource in at_once["Resources"].values())
