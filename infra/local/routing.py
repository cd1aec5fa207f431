"""Event patterns: which events a rule or a stream's filter lets through.

The part of EventBridge's language that the template uses: exact values, nesting, `prefix`,
`exists`, `anything-but`. A pattern with anything else is refused when it's read, not passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

Test = Callable[[object], bool]

# What a pattern sees where an event has no such field.
_ABSENT = object()


class PatternError(ValueError):
    """A pattern holds something that a local run can't match; says what and where."""


def _refuse(where: str, what: str) -> NoReturn:
    message = f"{where}: {what}"
    raise PatternError(message)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled event pattern."""

    _fields: tuple[tuple[str, Test], ...]

    @staticmethod
    def of(pattern: Mapping[str, Any]) -> Pattern:
        """Raises PatternError."""
        return Pattern(_compiled(pattern, "pattern"))

    def matches(self, event: Mapping[str, object]) -> bool:
        """Whether every field that the pattern names has one of the values that it lists."""
        return _all_match(self._fields, event)


def _all_match(fields: tuple[tuple[str, Test], ...], event: Mapping[str, object]) -> bool:
    # A loop, because this runs for every change of every streamed table.
    for name, test in fields:  # noqa: SIM110
        if not test(event.get(name, _ABSENT)):
            return False
    return True


def _compiled(pattern: Mapping[str, Any], where: str) -> tuple[tuple[str, Test], ...]:
    fields = []
    for name, wanted in pattern.items():
        place = f"{where}.{name}"
        if name.startswith("$"):
            _refuse(place, "is not known to a local run")
        if isinstance(wanted, Mapping):
            fields.append((name, _nested(_compiled(wanted, place))))
        elif isinstance(wanted, list) and wanted:
            fields.append((name, _any_of([_alternative(each, place) for each in wanted])))
        else:
            _refuse(place, "must be a mapping or a list of at least one alternative")
    return tuple(fields)


def _nested(fields: tuple[tuple[str, Test], ...]) -> Test:
    def test(value: object) -> bool:
        # A missing parent may still match {"exists": false} further in.
        return _all_match(fields, value if isinstance(value, Mapping) else {})

    return test


def _any_of(alternatives: Sequence[Test]) -> Test:
    def test(value: object) -> bool:
        # An array matches if one of its elements does.
        values = value if isinstance(value, list) else [value]
        return any(test(each) for each in values for test in alternatives)

    return test


def _alternative(wanted: object, where: str) -> Test:
    if not isinstance(wanted, Mapping):
        return _exactly(wanted, where)
    if len(wanted) != 1:
        _refuse(where, f"{dict(wanted)} must name one operator")
    [(operator, argument)] = wanted.items()
    if operator == "prefix" and isinstance(argument, str):
        return lambda value: isinstance(value, str) and value.startswith(argument)
    if operator == "exists" and isinstance(argument, bool):
        return lambda value: (value is not _ABSENT) is argument
    if operator == "anything-but" and not isinstance(argument, Mapping):
        others = argument if isinstance(argument, list) else [argument]
        excluded = [_exactly(each, where) for each in others]
        return lambda value: value is not _ABSENT and not any(test(value) for test in excluded)
    _refuse(where, f"{operator} of {argument!r} is not known to a local run")


def _exactly(wanted: object, where: str) -> Test:
    if not isinstance(wanted, str | int | float | None):
        _refuse(where, f"{wanted!r} is no value that can be matched")
    # JSON's true is not its 1, as Python's is.
    kind = bool if isinstance(wanted, bool) else None

    def test(value: object) -> bool:
        return value == wanted and (type(value) is bool) is (kind is bool)

    return test
