"""Sessions for learning intent: UCI Online Shoppers Purchasing Intention, behaviour only.

PageValues is left out: it is computed from the purchases themselves. So are month, traffic type, region, browser and
system, which say where a visit came from and not what was done in it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from infra.local.learning.samples import BadData, Sample, Samples, text_lines

COUNTED = (
    "Administrative", "Administrative_Duration", "Informational", "Informational_Duration",
    "ProductRelated", "ProductRelated_Duration", "BounceRates", "ExitRates",
)  # fmt: skip
FEATURES = (
    "administrative_pages", "administrative_seconds", "informational_pages", "informational_seconds",
    "product_pages", "product_seconds", "bounce_rate", "exit_rate",
    "returning", "weekend", "seconds_per_product_page", "seconds_per_administrative_page",
)  # fmt: skip
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NEEDED = (*COUNTED, "VisitorType", "Weekend", "Month", "Revenue")


def read_sessions(path: Path) -> Samples:
    """Sessions as samples; `when` is the number of the month, 1 to 12. Raises BadData, OSError."""
    samples = Samples(FEATURES, list(_rows(path)))
    samples.check(path)
    return samples


def by_product_seconds(samples: Samples) -> dict[str, list[float]]:
    """The one thing that alone ranks sessions best."""
    place = FEATURES.index("product_seconds")
    return {"product_seconds": [one.values[place] for one in samples.samples]}


def month(name: str) -> int:
    """The number of a month of these files (June is written out, others have three letters). Raises BadData."""
    for number, known in enumerate(MONTHS, 1):
        if name[:3].lower() == known[:3].lower():
            return number
    raise BadData(f"{name} is no month: Jan to Dec")


def _rows(path: Path) -> Iterator[Sample]:
    lines = text_lines(path)
    first = next(lines, "")
    delimiter = ";" if first.count(";") > first.count(",") else ","
    names = [name.strip().strip('"') for name in first.split(delimiter)]
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise BadData(f"{path.name}: not Online Shoppers, without the columns {', '.join(missing)}")
    rows = csv.DictReader(lines, fieldnames=names, delimiter=delimiter)
    for row in rows:
        try:
            yield _sample(row)
        except (TypeError, ValueError) as error:
            raise BadData(f"{path.name}, line {rows.line_num + 1}: {error}") from error


def _sample(row: dict[str, str]) -> Sample:
    counted = [float(row[name]) for name in COUNTED]
    returning, weekend = row["VisitorType"] == "Returning_Visitor", row["Weekend"].upper() == "TRUE"
    values = (
        *counted,
        float(returning),
        float(weekend),
        counted[5] / max(counted[4], 1.0),
        counted[1] / max(counted[0], 1.0),
    )
    return Sample(values, row["Revenue"].upper() == "TRUE", float(month(row["Month"])))
