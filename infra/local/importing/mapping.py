"""Which column of a file is which of our fields: guessed from the headers, shown, saved as YAML, corrected by a person.

A guess that could be two things is no guess: it is refused with both names. The mapping also says what no cell can:
the zone of moments without an offset, which mark is the decimal one, where the consents come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from aftershow.model.instants import is_zone
from aftershow.model.money import UnknownCurrency, exponent
from infra.local.importing.amounts import DecimalMark, decimal_mark
from infra.local.importing.fields import CATALOGUE, CONSENT_GROUPS, ONE_OF, Kind, names_of, plain
from infra.local.importing.moments import DateOrder, date_order
from infra.local.importing.values import Unusable, cleaned, consent_channel

_MOMENTS = ("ordered_at", "updated_at", "consent_at", "status_at", "refunded_at", "starts_at", "ends_at")
_AMOUNTS = ("total", "price", "refunded")


# In a draft: our field to the columns that could be it.
_CHOOSE = "choose"


class BadMapping(Exception):
    """The mapping can't be used: what is wrong with it, and what to write."""


class Undecided(BadMapping):
    """The headers leave a choice that only a person can make. `draft` is what is sure, `choices` what isn't."""

    def __init__(self, draft: Columns, choices: Mapping[str, Sequence[str]]) -> None:
        listed = "; ".join(f"{field} could be {' or '.join(headers)}" for field, headers in choices.items())
        super().__init__(f"the columns leave a choice: {listed}")
        self.draft, self.choices = draft, choices


def _zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("is no time zone of the tz database, such as Asia/Shanghai")
    return name


def _currency(code: str) -> str:
    try:
        exponent(code)
    except UnknownCurrency:
        raise ValueError("is no currency of ISO 4217, such as CNY") from None
    return code


def _channel(name: str) -> str:
    try:
        return consent_channel(name)
    except Unusable as unusable:
        raise ValueError(str(unusable)) from None


Meaning = Literal["completed", "cancelled", "refunded", "unpaid"]


class Columns(BaseModel):
    """A mapping. `columns` is our field to the file's header."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    columns: dict[str, str]
    # Of moments without an offset.
    zone: Annotated[str, AfterValidator(_zone)]
    # What 03/04/2026 means, and 1.299.
    dates: DateOrder | None = None
    decimal: DecimalMark | None = None
    # Where no cell says it; without any, the shop's.
    currency: Annotated[str, AfterValidator(_currency)] | None = None
    # What a word in the column of statuses means.
    statuses: dict[str, Meaning] = Field(default_factory=dict)
    # Whether a total stands for the whole order or for the row.
    total_of: Literal["order", "line"] | None = None
    # What the owner of the file states for all its consents.
    consent_channel: Annotated[str, AfterValidator(_channel)] | None = None
    consent_source: str | None = None
    consent_wording: str | None = None

    def digest(self) -> str:
        """A name of what the mapping says."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:16]


def guess(kind: Kind, headers: Sequence[str], sample: Iterable[Sequence[str]], zone: str) -> Columns:
    """A mapping from the headers, with what a sample of rows shows of dates and decimals. Raises Undecided,
    BadMapping."""
    columns: dict[str, str] = {}
    choices: dict[str, list[str]] = {}
    for field in CATALOGUE[kind]:
        found = _candidates(headers, field.name, names_of(field))
        for header in found:
            _check_once(header, field.name, headers)
        if len(found) > 1:
            choices[field.name] = found
        elif found:
            columns[field.name] = found[0]
    dates, decimal = _shown(columns, headers, sample)
    mapping = Columns(kind=kind, columns=columns, zone=zone, dates=dates, decimal=decimal)
    if choices:
        raise Undecided(mapping, choices)
    return mapping


def _candidates(headers: Sequence[str], name: str, names: frozenset[str]) -> list[str]:
    exact = [header for header in headers if header == name]
    return exact if len(exact) == 1 else [header for header in headers if plain(header) in names]


def _shown(
    columns: Mapping[str, str], headers: Sequence[str], sample: Iterable[Sequence[str]]
) -> tuple[DateOrder | None, DecimalMark | None]:
    places = {field: headers.index(header) for field, header in columns.items()}
    moments, marks = [], set()
    for cells in sample:
        moments += [cleaned(cells[places[field]]) for field in _MOMENTS if field in places]
        marks |= {decimal_mark(cells[places[field]]) for field in _AMOUNTS if field in places}
    known: set[DecimalMark] = {mark for mark in marks if mark}
    return date_order(moments), known.pop() if len(known) == 1 else None


def check(mapping: Columns, headers: Sequence[str]) -> None:
    """Whether a mapping fits a file. Raises BadMapping."""
    known = {field.name: field for field in CATALOGUE[mapping.kind]}
    for field, header in mapping.columns.items():
        if field not in known:
            raise BadMapping(f"there is no field {field} of {mapping.kind}: {', '.join(known)}")
        if header not in headers:
            raise BadMapping(f"the file has no column {header!r} (for {field}); it has: {_listed(headers)}")
        _check_once(header, field, headers)
    missing = [field.name for field in known.values() if field.required and field.name not in mapping.columns]
    missing += [" or ".join(group) for group in ONE_OF[mapping.kind] if not set(group) & set(mapping.columns)]
    if missing:
        raise BadMapping(f"no column is known to be {', '.join(missing)}; the file has: {_listed(headers)}")


def _check_once(header: str, field: str, headers: Sequence[str]) -> None:
    """Raise BadMapping where several columns have this header: none of them can be named."""
    places = [str(place) for place, each in enumerate(headers, 1) if each == header]
    if len(places) > 1:
        often = "twice" if len(places) == 2 else f"{len(places)} times"  # noqa: PLR2004 (its own word)
        raise BadMapping(
            f"the header {header!r} (for {field}) occurs {often}, as columns {' and '.join(places)}: rename all but "
            "the one that is meant in the file, and import again"
        )


def unsaid(mapping: Columns) -> list[str]:
    """What of the consents no column says though others tell of their evidence: "consent", "consent_channel"."""
    groups = [f"{group}_consent" for group in CONSENT_GROUPS]
    evidence = [f"{name}_{what}" for name in ("consent", *groups) for what in ("at", "source", "wording")]
    if any(group in mapping.columns for group in groups):
        return []
    if "consent" in mapping.columns:
        is_said = mapping.consent_channel or "consent_channel" in mapping.columns
        return [] if is_said else ["consent_channel"]
    return ["consent"] if any(name in mapping.columns for name in (*evidence, "consent_channel")) else []


def _listed(headers: Sequence[str]) -> str:
    return ", ".join(header if header.isprintable() else repr(header) for header in headers[:40]) or "none"


def place(folder: Path, kind: Kind, headers: Sequence[str]) -> Path:
    """Where the mapping of files with these headers is kept."""
    named = sha256("\0".join(headers).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return folder / f"{kind}-{named}.yaml"


def save(
    mapping: Columns, file: Path, headers: Sequence[str], about: str, choices: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Write a mapping for a person to look at; one that leaves a choice is refused until it is made. Raises
    OSError."""
    unused = [header for header in headers if header not in mapping.columns.values()]
    lines = [
        f"# How the columns of {about} are read: our field, then the column. Correct it and import again.",
        f"# Columns that are not read: {_listed(unused)}",
        "# You may also say: currency, dates (day_first, month_first), decimal, statuses, total_of (order, line),",
        "# consent_channel, consent_source, consent_wording.",
    ]
    said = mapping.model_dump(exclude_defaults=True)
    if choices:
        lines.append(f"# Put one column of each choice under columns, and remove {_CHOOSE}.")
        said[_CHOOSE] = {field: list(columns) for field, columns in choices.items()}
    text = yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=1000)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n" + text, encoding="utf-8")


def load(file: Path, kind: Kind, zone: str) -> Columns:
    """A saved mapping. Raises BadMapping, OSError."""
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadMapping(f"{file} is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(said, dict):
        raise BadMapping(f"{file} is not a mapping: it needs kind and columns")
    if _CHOOSE in said:
        raise BadMapping(f"{file} still leaves a choice: put one column of each under columns, and remove {_CHOOSE}")
    try:
        mapping = Columns.model_validate({"zone": zone, "kind": kind, **said})
    except ValidationError as error:
        first = error.errors()[0]
        raise BadMapping(f"{file}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
    if mapping.kind != kind:
        raise BadMapping(f"{file} is a mapping of {mapping.kind}, not of {kind}")
    return mapping
