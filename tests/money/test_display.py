from decimal import Decimal

import pytest
from django.template import Context, Template
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from money.display import plain, shown

NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0.00"),
        ("1", "1.00"),
        ("1E+3", "1000.00"),
        ("1.5", "1.50"),
        ("1.500000", "1.50"),
        ("0.000001", "0.000001"),
        ("12.345670", "12.34567"),
        ("-1234.5", "-1234.50"),
        ("0E-6", "0.00"),
        ("999999999999.999999", "999999999999.999999"),
    ],
)
def test_two_places_and_no_needless_zeros(amount: str, text: str) -> None:
    assert plain(Decimal(amount)) == text


@given(st.decimals(min_value=-(10**12) + 1, max_value=10**12 - 1, places=6))
def test_no_digit_is_lost(amount: Decimal) -> None:
    assert Decimal(plain(amount)) == amount
    with translation.override("en"):
        assert Decimal(shown(amount, "").replace(",", "").strip()) == amount


@pytest.mark.parametrize(
    ("language", "amount", "text"),
    [
        ("ru", "1234567.5", f"1{NBSP}234{NBSP}567,50{NBSP}RUB"),
        ("en", "1234567.5", f"1,234,567.50{NBSP}RUB"),
        ("ru", "0.00001", f"0,00001{NBSP}RUB"),
        ("en", "-1234.000001", f"-1,234.000001{NBSP}RUB"),
        ("ru", "999", f"999,00{NBSP}RUB"),
    ],
)
def test_the_readers_separators(language: str, amount: str, text: str) -> None:
    with translation.override(language):
        assert shown(Decimal(amount)) == text


def test_an_amount_never_parts_from_its_currency() -> None:
    for language in ("ru", "en"):
        with translation.override(language):
            assert " " not in shown(Decimal(1234567))


def test_another_currency_than_the_sites() -> None:
    with translation.override("en"):
        assert shown(Decimal("0.5"), "USD") == f"0.50{NBSP}USD"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ amount|money }}", f"1,234.50{NBSP}RUB"),
        ("{{ amount|money:'USD' }}", f"1,234.50{NBSP}USD"),
        ("{{ nothing|money }}", "—"),
        ("{{ amount|money:hostile }}", f"1,234.50{NBSP}&lt;b&gt;"),
    ],
)
def test_the_templates_filter(source: str, text: str) -> None:
    values = {"amount": Decimal("1234.5"), "nothing": None, "hostile": "<b>"}
    with translation.override("en"):
        assert Template("{% load money %}" + source).render(Context(values)) == text
