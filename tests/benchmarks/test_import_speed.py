"""How fast files come in, and that a million rows need no more memory than a hundred thousand."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.benchmark

MEMBERS = ("会员编号", "手机号", "邮箱", "姓名", "营销授权", "授权渠道", "授权时间", "授权来源")
ORDERS = ("订单号", "会员编号", "下单时间", "实付金额", "商品编号", "商品名称", "数量", "单价")


def members(rows: int) -> Iterator[tuple[str, ...]]:
    """Members, each with evidence of consent."""
    for number in range(rows):
        phone, email, name = f"139{number:08d}", f"m{number}@example.com", f"会员{number}"
        yield f"M{number}", phone, email, name, "同意", "email", "2026-01-05 10:00:00", "注册页"


def orders(rows: int) -> Iterator[tuple[str, ...]]:
    """Orders of two rows each, whose rows stand far apart."""
    for number in range(rows):
        order, product = number % (rows // 2), f"P{number % 90}"
        yield f"A{order}", f"M{order % 5000}", "2026-03-01 20:10:00", "¥1,299.00", product, "茶壶", "1", "649.50"


def written(folder: Path, kind: str, rows: int) -> Path:
    """A generated file."""
    file = folder / f"{kind}-{rows}.csv"
    header, lines = (MEMBERS, members(rows)) if kind == "members" else (ORDERS, orders(rows))
    with file.open("w", encoding="gb18030", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(header)
        writer.writerows(lines)
    return file


def measured(kind: str, file: Path, how: str) -> dict[str, Any]:
    """The figures of an import in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.import_run", kind, str(file), how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 (our own words)
    told: dict[str, Any] = json.loads(done.stdout)
    rate = told["rows"] / told["seconds"]
    figures = f"{rate:,.0f} rows/s, {told['messages']:,} messages, peak {told['peak_mib']} MiB"
    sys.stdout.write(f"\n{kind}, {how}: {told['rows']:,} rows, {figures}\n")
    return told


@pytest.mark.parametrize("kind", ["members", "orders"])
def test_memory_stays_flat(tmp_path: Path, kind: str) -> None:
    some = measured(kind, written(tmp_path, kind, 100_000), "read")
    many = measured(kind, written(tmp_path, kind, 1_000_000), "read")
    assert many["rows"] == 1_000_000
    assert many["peak_mib"] < some["peak_mib"] + 24


@pytest.mark.parametrize("kind", ["members", "orders"])
def test_through_the_local_ingest(tmp_path: Path, kind: str) -> None:
    told = measured(kind, written(tmp_path, kind, 10_000), "local")
    assert told["rows"] == 10_000
