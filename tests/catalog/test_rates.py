"""Exchange rates: entered, imported, and looked at when they are old."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from catalog.costing import rate_here
from catalog.models import CataloguePolicy, ExchangeRate, Provider, Service
from catalog.pricing import reprice
from catalog.rate_sources import NoRates
from catalog.rates import check_rates, currencies_in_use, import_rates, save_rate
from catalog.rules import price_rules
from catalog.tasks import check_exchange_rates, import_exchange_rates
from operations.models import Alert
from tests.catalog.test_rate_sources import CBR
from tests.factories import make_provider, make_service
from tests.operations.reading import in_english, texts_within
from tests.upstream.scripted import ScriptedServer, answer, close, scripted_server

DAY = date(2026, 11, 25)


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(datetime(2026, 11, 25, 12, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def bank(settings: Any, db: None) -> Iterator[ScriptedServer]:
    """The Bank of Russia on a socket, and a provider that costs dollars."""
    make_provider(currency="USD", name="American")
    with scripted_server(any=answer(CBR)) as server:
        settings.RATES_SOURCE, settings.RATES_URL = "cbr", server.url
        yield server


def rates() -> list[tuple[object, ...]]:
    return list(ExchangeRate.objects.values_list("currency", "rate", "as_of", "source"))


def open_alerts(kind: str) -> list[str]:
    return [in_english(alert) for alert in Alert.objects.filter(kind=kind, closed_at=None)]


def prices(*services: Service) -> list[Decimal | None]:
    return [Service.objects.get(pk=service.pk).price for service in services]


# --- By hand ----------------------------------------------------------------------------------------------


def test_a_rate_sells_what_was_not_sold(provider: Provider) -> None:
    abroad = make_service(make_provider(currency="USD"), price=None)
    at_home = make_service(provider)

    save_rate("USD", Decimal("80.5"))
    assert prices(abroad, at_home) == [10465, 130]
    save_rate("USD", Decimal(2))
    assert prices(abroad, at_home) == [260, 130]
    save_rate("USD", None)
    assert prices(abroad, at_home) == [None, 130]
    assert not ExchangeRate.objects.exists()


def test_a_rate_by_hand_is_of_today_unless_said(db: None) -> None:
    save_rate("USD", Decimal(80))
    assert rates() == [("USD", 80, DAY, "hand")]
    save_rate("USD", Decimal(81), as_of=date(2026, 11, 1))
    assert rates() == [("USD", 81, date(2026, 11, 1), "hand")]


# --- Of the site's currency -------------------------------------------------------------------------------


def test_a_rate_counts_in_the_currency_that_it_was_entered_in(db: None, settings: Any) -> None:
    settings.SITE_CURRENCY = "USD"
    service = make_service(make_provider(currency="EUR"), price=None)
    save_rate("EUR", Decimal("1.1"))
    assert prices(service) == [143]
    assert str(ExchangeRate.objects.get()) == "1 EUR = 1.1 USD"

    settings.SITE_CURRENCY = "RUB"
    assert not ExchangeRate.objects.here().exists()
    assert price_rules().rate_of("EUR") is None
    assert Service.objects.annotate(rate=rate_here()).get().rate is None
    assert reprice() == 1
    assert prices(service) == [None]
    assert str(ExchangeRate.objects.get()) == "1 EUR = 1.1 USD"

    save_rate("EUR", Decimal(100))
    assert prices(service) == [13000]
    assert Service.objects.annotate(rate=rate_here()).get().rate == 100
    save_rate("EUR", None)
    assert prices(service) == [None]
    settings.SITE_CURRENCY = "USD"
    assert (price_rules().rate_of("EUR"), reprice(), prices(service)) == (Decimal("1.1"), 1, [143])


def test_a_currency_has_one_rate_in_each_currency_of_the_site(db: None) -> None:
    for site_currency in ("RUB", "USD"):
        ExchangeRate.objects.create(currency="EUR", site_currency=site_currency, rate=Decimal(2))

    with pytest.raises(IntegrityError, match="site_currency"), transaction.atomic():
        ExchangeRate.objects.filter(site_currency="USD").update(site_currency="RUB")
    assert ExchangeRate.objects.count() == 2


def test_an_import_compares_within_the_sites_currency(
    bank: ScriptedServer, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    # By the move of more than 20 percent, or by its day, this rate would keep that of the bank out.
    in_tenge = {"site_currency": "KZT", "rate": Decimal(500), "as_of": DAY + timedelta(days=3)}
    ExchangeRate.objects.create(currency="USD", **in_tenge)

    call_command("import_rates")

    assert capsys.readouterr().out.splitlines() == ["1 USD = 80.5001 RUB, of 2026-11-25"]
    rows = ExchangeRate.objects.order_by("site_currency").values_list("site_currency", "rate")
    assert list(rows) == [("KZT", 500), ("RUB", Decimal("80.5001"))]


# --- Imported ---------------------------------------------------------------------------------------------


def test_only_what_is_in_use_is_imported(bank: ScriptedServer) -> None:
    make_provider(currency="KZT", is_active=False)
    make_provider(currency="RUB")
    service = make_service(Provider.objects.get(name="American"), price=None)

    assert currencies_in_use() == ["USD"]
    assert import_rates() == ["USD"]

    assert rates() == [("USD", Decimal("80.5001"), DAY, "cbr")]
    assert prices(service) == [Decimal("10465.013")]
    assert import_rates() == ["USD"]
    assert not Alert.objects.exists()


def test_nothing_is_asked_without_a_source_or_a_need(bank: ScriptedServer, settings: Any) -> None:
    settings.RATES_SOURCE = "none"
    assert import_rates() == []
    settings.RATES_SOURCE = "cbr"
    Provider.objects.all().delete()
    assert import_rates() == []

    assert bank.calls == []


@pytest.mark.parametrize(
    ("kept", "is_taken"), [("67.0834", False), ("67.0835", True), ("100.6251", True), ("100.6252", False)]
)
def test_a_rate_that_moved_far_waits_for_a_person(bank: ScriptedServer, kept: str, is_taken: bool) -> None:
    save_rate("USD", Decimal(kept), as_of=date(2026, 11, 24))

    assert import_rates() == (["USD"] if is_taken else [])

    assert ExchangeRate.objects.get().rate == Decimal("80.5001" if is_taken else kept)
    assert bool(open_alerts("rates_not_taken")) != is_taken
    if not is_taken:
        (said,) = open_alerts("rates_not_taken")
        assert "80.5001" in said
        assert kept in said
        save_rate("USD", Decimal("80.5001"))  # a person looked
        assert open_alerts("rates_not_taken") == []


@pytest.mark.parametrize(
    ("source", "as_of", "is_taken"),
    [
        ("hand", date(2026, 11, 24), True),
        ("hand", DAY, False),
        ("cbr", DAY, True),
        ("cbr", date(2026, 11, 26), False),
        ("hand", DAY + timedelta(days=7), False),
        # A day that nobody can know yet was typed wrong: it would keep the rate as it is until then.
        ("hand", DAY + timedelta(days=8), True),
        ("cbr", date(2062, 11, 25), True),
    ],
)
def test_what_is_newer_stays(bank: ScriptedServer, source: str, as_of: date, is_taken: bool) -> None:
    save_rate("USD", Decimal(80), as_of=as_of, source=source)

    assert import_rates() == (["USD"] if is_taken else [])

    assert ExchangeRate.objects.get().rate == (Decimal("80.5001") if is_taken else 80)
    assert not Alert.objects.exists()


def test_a_currency_that_the_bank_does_not_know_is_named(bank: ScriptedServer) -> None:
    make_provider(currency="XAU")

    assert import_rates() == ["USD"]

    assert open_alerts("rates_not_taken") == ["cbr has no rate of XAU: enter it by hand."]


def test_a_failure_changes_nothing_and_alerts_until_it_is_over(bank: ScriptedServer) -> None:
    save_rate("USD", Decimal(80), as_of=date(2026, 11, 24))
    bank.script["any"] = close

    with pytest.raises(NoRates):
        import_rates()
    import_exchange_rates()  # the task says nothing more than the alert
    assert ExchangeRate.objects.get().rate == 80
    (said,) = open_alerts("rates_not_taken")
    assert said.startswith("Exchange rates were not taken from cbr: no answer")
    assert texts_within(Alert.objects.get()) == ["no answer came"]

    bank.script["any"] = answer(CBR)
    import_exchange_rates()
    assert ExchangeRate.objects.get().rate == Decimal("80.5001")
    assert open_alerts("rates_not_taken") == []


def test_rates_of_a_far_day_are_not_believed(bank: ScriptedServer) -> None:
    bank.script["any"] = answer(CBR.replace(b"25.11.2026", b"03.12.2026"))

    with pytest.raises(NoRates, match="2026-12-03"):
        import_rates()

    assert rates() == []


# --- Old --------------------------------------------------------------------------------------------------


def test_an_old_rate_is_told_once_and_closed_when_it_is_renewed(bank: ScriptedServer) -> None:
    save_rate("USD", Decimal(80), as_of=DAY - timedelta(days=7))
    check_rates()
    assert open_alerts("rate_old") == []

    later = datetime(2026, 11, 26, tzinfo=UTC)
    check_rates(now=later)
    check_rates(now=later + timedelta(days=1))
    assert open_alerts("rate_old") == [
        "The exchange rate 1 USD = 80 RUB is of 2026-11-18: enter what it is now."
    ]
    assert Alert.objects.get().times == 1

    save_rate("USD", Decimal(81))
    assert open_alerts("rate_old") == []


def test_a_rate_of_another_currency_of_the_site_is_never_old(bank: ScriptedServer, settings: Any) -> None:
    save_rate("USD", Decimal(80), as_of=DAY - timedelta(days=30))
    assert len(open_alerts("rate_old")) == 1
    settings.SITE_CURRENCY = "EUR"

    check_rates()
    assert open_alerts("rate_old") == []

    save_rate("USD", Decimal("0.9"), as_of=DAY - timedelta(days=20))
    check_rates()
    assert open_alerts("rate_old") == [
        "The exchange rate 1 USD = 0.9 EUR is of 2026-11-05: enter what it is now."
    ]


def test_the_policy_says_how_old(bank: ScriptedServer) -> None:
    CataloguePolicy.objects.create(rate_warning_days=1)
    save_rate("USD", Decimal(80), as_of=DAY - timedelta(days=2))

    check_exchange_rates()

    assert len(open_alerts("rate_old")) == 1


def test_a_rate_out_of_use_does_not_warn(bank: ScriptedServer) -> None:
    save_rate("USD", Decimal(80), as_of=DAY - timedelta(days=30))
    assert len(open_alerts("rate_old")) == 1
    Provider.objects.update(is_active=False)

    check_rates()

    assert open_alerts("rate_old") == []


# --- The command ------------------------------------------------------------------------------------------


def test_the_command_says_what_it_took(bank: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    make_provider(currency="XAU")

    call_command("import_rates")

    said = capsys.readouterr().out.splitlines()
    assert said[0] == "1 USD = 80.5001 RUB, of 2026-11-25"
    assert said[1].startswith("Left as they were: XAU.")


def test_the_command_fails_with_the_bank(bank: ScriptedServer, settings: Any) -> None:
    bank.script["any"] = close
    with pytest.raises(CommandError, match="No rates were taken from cbr: no answer"):
        call_command("import_rates")
    settings.RATES_SOURCE = "none"
    with pytest.raises(CommandError, match="RATES_SOURCE is none"):
        call_command("import_rates")
