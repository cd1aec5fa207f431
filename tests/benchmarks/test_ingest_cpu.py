"""What the ingest handler costs beside the least that is possible: ratios to read, nothing timed is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]
# CPU per event over the floor's, by batch size.
TARGETS = {1: 4.5, 10: 3.5, 100: 2.5}
MODULE = "tests.benchmarks.ingest_cpu"
ENVIRONMENT = {
    "PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "TABLES": '{"catalog": "CatalogTable"}',
    "QUEUE_FACTS": "https://sqs.eu-central-1.amazonaws.com/123456789012/FactsQueue",
    "QUEUE_BEHAVIOUR": "https://sqs.eu-central-1.amazonaws.com/123456789012/BehaviourQueue",
    "EVENTS_PER_SECOND": "1000000000",
}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Where the stub answers, in a process of its own."""
    file = tmp_path / "port"
    with subprocess.Popen(  # noqa: S603 (our own module)
        [sys.executable, "-m", MODULE, "server", str(file)], cwd=ROOT, env=ENVIRONMENT
    ) as server:
        for _ in range(100):
            if file.is_file() and file.read_text():
                break
            time.sleep(0.1)
        yield int(file.read_text())
        server.terminate()


def test_ingest_cpu(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Both against the same stub, interleaved, medians of process time."""
    ran = subprocess.run(  # noqa: S603 (our own module)
        [sys.executable, "-m", MODULE, "handler", str(port)],
        cwd=ROOT, env={**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    *log, last = ran.stdout.splitlines()
    rows = [_row(int(size), found, log) for size, found in json.loads(last).items()]
    columns = (
        "batch",
        "CPU us an event",
        "floor",
        "times the floor",
        "target",
        "AWS calls a request",
        "log bytes an event",
    )
    with capsys.disabled():
        sys.stdout.write("\ningest; the floor decodes, signs and sends without the SDK\n")
        for row in (columns, *rows):
            sys.stdout.write(
                "  ".join(cell.rjust(max(len(column), 8)) for cell, column in zip(row, columns, strict=True))
            )
            sys.stdout.write("\n")
    for row in json.loads(last).values():
        assert round(row["calls"]["sendmessage"], 2) == 1, "one call hands a request over"


def _row(size: int, found: dict[str, Any], log: list[str]) -> tuple[str, ...]:
    lines = [len(line) + 1 for line in log if json.loads(line)["behaviour"] == size]
    return (
        f"{size}",
        f"{found['ours']:.1f}",
        f"{found['floor']:.1f}",
        f"{found['ours'] / found['floor']:.2f}",
        f"<= {TARGETS[size]}",
        f"{sum(found['calls'].values()):.2f}",
        f"{sum(lines) / len(lines) / size:.1f}",
    )
