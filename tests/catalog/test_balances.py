from decimal import Decimal

import pytest

from catalog.balances import refresh_balance
from catalog.models import Provider
from operations.models import Alert
from tests.catalog.conftest import Site


@pytest.mark.parametrize(
    ("text", "amount", "verified"),
    [("12.34", "12.34", True), ("1.000", "1", False), ("1.234.567", "1234567", True), ("-3.5", "-3.5", True)],
)
def test_keeps_what_was_answered(
    provider: Provider, site: Site, text: str, amount: str, verified: bool
) -> None:
    site.has(text)

    assert refresh_balance(provider) is None

    seen = Provider.objects.get()
    assert (seen.balance, seen.balance_text, seen.balance_verified) == (Decimal(amount), text, verified)
    assert seen.balance_at is not None
    assert (seen.balance_error, seen.halted_at) == ("", None)


def test_a_point_that_was_surely_decimal_once_is_decimal_again(provider: Provider, site: Site) -> None:
    for text, verified in (
        ("1.000", False),
        ("500", True),
        ("1.000", False),
        ("12.34", True),
        ("1.000", True),
    ):
        site.has(text)
        refresh_balance(Provider.objects.get())
        assert (Provider.objects.get().balance_text, Provider.objects.get().balance_verified) == (
            text,
            verified,
        )


def test_finer_than_what_is_kept(provider: Provider, site: Site) -> None:
    site.has("0.12345678")

    refresh_balance(provider)

    assert Provider.objects.get().balance == Decimal("0.123457")
    assert Provider.objects.get().balance_text == "0.12345678"


@pytest.mark.parametrize("text", ["lots", "9" * 15])
def test_no_amount_keeps_the_old_one_and_halts_nothing(provider: Provider, site: Site, text: str) -> None:
    refresh_balance(provider)
    old = Provider.objects.get()
    site.has(text)

    assert refresh_balance(provider) is None

    seen = Provider.objects.get()
    assert (seen.balance, seen.balance_at, seen.halted_at) == (old.balance, old.balance_at, None)
    assert text in seen.balance_error


def test_no_money_halts_nothing(provider: Provider, site: Site) -> None:
    site.has("0")

    refresh_balance(provider)

    assert Provider.objects.get().halted_at is None


def test_a_provider_that_is_down_keeps_the_old_balance(provider: Provider, site: Site) -> None:
    refresh_balance(provider)
    old = Provider.objects.get()
    site.goes_down()

    fault = refresh_balance(provider)

    assert fault is not None
    seen = Provider.objects.get()
    assert (seen.balance, seen.balance_at, seen.halted_at) == (old.balance, old.balance_at, None)
    assert "UTC: " in seen.balance_error


def test_a_refused_key_halts(provider: Provider, site: Site) -> None:
    site.says("balance", {"error": "Invalid API key"})

    refresh_balance(provider)

    assert Provider.objects.get().halt_rule == "key"


def test_another_currency_is_alerted_until_it_agrees(provider: Provider, site: Site) -> None:
    site.has("12.34", currency="USD")
    refresh_balance(provider)
    alert = Alert.objects.get()
    assert alert.kind == Alert.Kind.MONEY_WRONG
    assert "USD" in alert.text

    site.has("12.34")
    refresh_balance(provider)
    assert Alert.objects.filter(closed_at=None).exists()

    site.has("12.34", currency="rub")
    refresh_balance(provider)
    assert not Alert.objects.filter(closed_at=None).exists()
