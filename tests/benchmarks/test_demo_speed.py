"""How long the large demo takes, and how much memory: figures to read, nothing that fails on a slow machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).resolve().parents[2]
VIEWERS = 2_000
# performance aims of the project, for two cores.
AIM_SECONDS, AIM_MB = 60, 500

# A process of its own: its peak of memory is nobody else's.
DEMO = """
import json, resource, sys, time
from pathlib import Path
from infra.local import runs

started = time.perf_counter()
run = runs.demo(int(sys.argv[1]), 7, 7, Path(sys.argv[2]) / "demo.db", lambda *_, **__: None)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({
    "seconds": seconds, "peak_mb": peak, "errors": len(run.host.errors), "events": run.tally["scored.events"],
    "sent": run.tally["sent.sent"], "posted": run.tally["posted.entries"], "messages": len(run.host.mailbox),
}))
run.close()
"""


def test_demo_speed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`demo --viewers 2000`, without the writing of the report."""
    ran = subprocess.run(  # noqa: S603 (the script above)
        [sys.executable, "-c", DEMO, str(VIEWERS), str(tmp_path)],
        cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["errors"] == 0
    assert found["sent"] == found["messages"] > 0
    with capsys.disabled():
        sys.stdout.write(
            f"\ndemo of {VIEWERS} viewers:\n"
            f"  wall seconds: {found['seconds']:.1f} (aim: under {AIM_SECONDS})\n"
            f"  peak memory, MB: {found['peak_mb']:.0f} (aim: under {AIM_MB})\n"
            f"  events: {found['events']} ({found['events'] / found['seconds']:.0f} per second, all functions)\n"
            f"  messages: {found['messages']}, ledger entries: {found['posted']}\n"
        )
