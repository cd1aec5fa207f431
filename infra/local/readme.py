"""The README's demos: python -m infra.local.readme writes anew what the demo prints now."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
LOCALES = ("en", "zh-CN")


def block(locale: str) -> re.Pattern[str]:
    """Where the README shows the demo in a language."""
    return re.compile(rf"(?<=<!-- demo {locale} -->\n```text\n).*?(?=\n```)", re.DOTALL)


def printed(locale: str) -> str:
    """What the demo prints, without the spaces at the ends of lines."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "demo.db"
        command = [sys.executable, "-P", "-m", "infra.local.cli", "demo", "--locale", locale, "--data", str(data)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 (our own words)
    return "\n".join(line.rstrip() for line in run.stdout.rstrip("\n").split("\n"))


def main() -> None:
    """Write the README's demos anew."""
    text = README.read_text(encoding="utf-8")
    for locale in LOCALES:
        output = printed(locale)
        text = block(locale).sub(lambda _, new=output: new, text)  # type: ignore[misc]
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
