"""What SAM makes of a template, without AWS: template and parameters as JSON in, the expanded one as JSON out.

It runs in the environment of the linters (`infra.local.tools.LINT`), not in the project's own, and needs only
`aws-sam-translator`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


@dataclass(frozen=True)
class Session:
    """All that the translator wants of an SDK session; with a real one it would ask AWS."""

    region_name: str = "us-east-1"


# As after packaging: the translator takes no folders.
PACKAGED = "s3://bucket/packaged"
CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


def main() -> None:
    """Expand standard input to standard output."""
    asked = json.load(sys.stdin)
    template = asked["template"]
    for resource in template["Resources"].values():
        code = CODE.get(resource["Type"])
        if code is not None and not resource["Properties"][code].startswith("s3://"):
            resource["Properties"][code] = PACKAGED
    expanded = Translator({}, Parser(), boto_session=Session()).translate(template, asked["parameters"])
    json.dump(expanded, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
