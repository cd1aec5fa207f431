"""Money is integers in minor units; what is no amount is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.money import (
    MAX_MINOR_UNITS,
    BadAmount,
    UnknownCurrency,
    display,
    exponent,
    minor_units,
    whole_units,
)
from tests.unit.samples import examples


@pytest.mark.parametrize(("currency", "places"), [("CNY", 2), ("JPY", 0), ("KWD", 3), ("EUR", 2), ("KRW", 0)])
def test_decimal_places_are_the_standards(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize("currency", ["", "XYZ", "cny", "￥", "CNYY", "C\0Y"])
def test_unknown_currencies_are_refused(currency: str) -> None:
    with pytest.raises(UnknownCurrency):
        minor_units(1, currency)


@pytest.mark.parametrize(
    ("amount", "minor"),
    [
        ("12.50", 1250),
        (12.5, 1250),
        (Decimal("0.01"), 1),
        (0, 0),
        (0.1 + 0.2, 30),
        ("0.005", 0),
        ("0.015", 2),
        (19.99, 1999),
    ],
)
def test_amounts_as_clients_write_them(amount: object, minor: int) -> None:
    assert minor_units(amount, "CNY") == minor


@pytest.mark.parametrize(
    "amount",
    [-1, "-0.01", True, None, "", "ten", "1,000", [], float("nan"), float("inf"), "NaN", "sNaN", "1e999999",
     "1e9999999", 10**14, MAX_MINOR_UNITS],
)  # fmt: skip
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(BadAmount):
        minor_units(amount, "CNY")


@examples(100)
@given(st.integers(0, MAX_MINOR_UNITS), st.sampled_from(["CNY", "JPY", "KWD"]))
def test_what_is_displayed_reads_back(minor: int, currency: str) -> None:
    text = display(minor, currency)
    assert minor_units(text, currency) == minor
    assert whole_units(minor, currency) == int(Decimal(text))


@examples(60)
@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_whole_units_telescope(total: int, refund: int) -> None:
    left = max(total - refund, 0)
    given_back = whole_units(total, "CNY") - whole_units(left, "CNY")
    assert whole_units(left, "CNY") == whole_units(total, "CNY") - given_back
    assert given_back >= 0
