"""One import in a process of its own: prints seconds, rows and peak memory as JSON. Arguments: kind, file, and
"read" (nothing is sent) or "local" (into a new local state)."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from aftershow.model.instants import parse_instant
from infra.local.importing import running
from infra.local.importing.report import Report
from infra.local.importing.sending import LocalShop

NOW = parse_instant("2026-03-06T11:00:00+00:00")


def quiet(*_: object) -> None:
    """No progress."""


def peak_kib() -> int:
    """The most memory that this process had. Linux's own count: `ru_maxrss` begins with that of whoever started it."""
    status = Path("/proc/self/status")
    if status.exists():
        [peak] = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")]
        return int(peak.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(kind: str, file: str, how: str) -> None:
    """Import, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        began = time.perf_counter()
        plan = running.plan(kind, Path(file), None, None, path, "Asia/Shanghai")  # type: ignore[arg-type]
        report = Report(path / "refused.csv")
        if how == "read":
            outcome = running.run(plan, None, NOW, report, quiet)
        else:
            with closing(LocalShop(path / "shop.db", quiet, lambda: NOW)) as shop:
                outcome = running.run(plan, shop, NOW, report, quiet)
        report.close()
        seconds = time.perf_counter() - began
    told = {
        "rows": outcome.rows,
        "messages": sum(outcome.messages.values()),
        "seconds": seconds,
        "peak_mib": peak_kib() // 1024,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
