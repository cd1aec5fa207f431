"""What the ingest handler costs beside the least that is possible: ratios to read, nothing timed is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]
# CPU per event over the floor's, by batch size.
TARGETS = {1: 4.5, 10: 3.5, 100: 2.5}
LOG_BYTES_TARGET = 50
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
    with capsys.disabled():
        sys.stdout.write("\ningest CPU per event, microseconds (floor: decode, sign, send, without the SDK):\n")
        for size, found in json.loads(last).items():
            ratio = found["ours"] / found["floor"]
            lines = [len(line) + 1 for line in log if json.loads(line)["behaviour"] == int(size)]
            logged = sum(lines) / len(lines) / int(size)
            sys.stdout.write(
                f"  batches of {size}: {found['ours']:.1f}, floor {found['floor']:.1f}, ratio {ratio:.2f}"
                f" (target: at most {TARGETS[int(size)]}); log bytes per event {logged:.1f}"
                f"{f' (target, all functions: {LOG_BYTES_TARGET})' if size == '10' else ''}\n"
            )
