from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from catalog.balances import refresh_balance
from catalog.models import BalanceReading, Provider
from operations.models import Alert
from tests.catalog.conftest import Site
from tests.factories import make_provider
from tests.operations.reading import in_english


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


# --- Low, and over time -----------------------------------------------------------------------------------


def low_alerts() -> list[tuple[int, bool]]:
    """Return how often each alert of a low balance was raised, and whether it is open."""
    alerts = Alert.objects.filter(kind=Alert.Kind.LOW_BALANCE).order_by("pk")
    return [(alert.times, alert.closed_at is None) for alert in alerts]


def test_a_low_balance_is_told_once_until_it_is_not(provider: Provider, site: Site) -> None:
    Provider.objects.update(low_balance=Decimal("12.34"))
    refresh_balance(provider)
    assert low_alerts() == []

    site.has("12.33")
    for _ in range(3):
        refresh_balance(provider)
    assert low_alerts() == [(1, True)]
    alert = Alert.objects.get()
    assert alert.cause == f"provider:{provider.pk}"
    assert in_english(alert).startswith(
        f"The balance at {provider} is 12.33 RUB, below 12.34. It answered: 12.33"
    )
    assert Provider.objects.get().halted_at is None

    site.has("50.00")
    refresh_balance(provider)
    assert low_alerts() == [(1, False)]
    site.has("-1.5")
    refresh_balance(provider)
    assert low_alerts() == [(1, False), (1, True)]


def test_without_a_threshold_nothing_is_low(provider: Provider, site: Site) -> None:
    Provider.objects.update(low_balance=Decimal(100))
    refresh_balance(provider)
    assert low_alerts() == [(1, True)]

    Provider.objects.update(low_balance=None)
    refresh_balance(provider)
    assert low_alerts() == [(1, False)]


def test_what_cannot_be_read_says_nothing_of_low(provider: Provider, site: Site) -> None:
    Provider.objects.update(low_balance=Decimal(100))
    site.has("lots")
    refresh_balance(provider)

    assert low_alerts() == []
    assert not BalanceReading.objects.exists()


def test_one_reading_is_kept_for_each_hour(provider: Provider, site: Site) -> None:
    with time_machine.travel(datetime(2026, 5, 1, 12, 5, tzinfo=UTC), tick=False) as moment:
        for text in ("12.34", "11.00", "10.00"):
            site.has(text)
            refresh_balance(provider)
            moment.shift(timedelta(minutes=30))

    readings = BalanceReading.objects.order_by("at").values_list("at", "balance")
    assert list(readings) == [
        (datetime(2026, 5, 1, 12, tzinfo=UTC), Decimal("12.34")),
        (datetime(2026, 5, 1, 13, tzinfo=UTC), Decimal("10.00")),
    ]


def test_a_reading_keeps_the_currency_of_then(provider: Provider, site: Site) -> None:
    with time_machine.travel(datetime(2026, 5, 1, 12, 5, tzinfo=UTC), tick=False) as moment:
        refresh_balance(provider)
        Provider.objects.update(currency="USD")
        moment.shift(timedelta(hours=1))
        refresh_balance(Provider.objects.get())

    assert list(BalanceReading.objects.order_by("at").values_list("currency", flat=True)) == ["RUB", "USD"]


def test_readings_that_are_too_old_are_dropped(provider: Provider, site: Site) -> None:
    now = datetime(2026, 5, 1, 12, 5, tzinfo=UTC)
    other = make_provider()
    for days in (401, 399):
        for one in (provider, other):
            BalanceReading.objects.create(
                provider=one, at=now - timedelta(days=days), balance=1, currency="RUB"
            )
    with time_machine.travel(now, tick=False):
        refresh_balance(provider)

    assert provider.balance_readings.count() == 2
    assert other.balance_readings.count() == 2  # dropped when it is asked itself


def test_another_currency_is_alerted_until_it_agrees(provider: Provider, site: Site) -> None:
    site.has("12.34", currency="USD")
    refresh_balance(provider)
    alert = Alert.objects.get()
    assert alert.kind == Alert.Kind.MONEY_WRONG
    assert "USD" in in_english(alert)

    site.has("12.34")
    refresh_balance(provider)
    assert Alert.objects.filter(closed_at=None).exists()

    site.has("12.34", currency="rub")
    refresh_balance(provider)
    assert not Alert.objects.filter(closed_at=None).exists()
