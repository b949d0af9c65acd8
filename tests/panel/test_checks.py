from typing import Any

import pytest
from django.core.checks import Error, Warning, run_checks

from accounts.models import User
from catalog.models import CataloguePolicy
from panel.checks import (
    check_currency,
    check_currency_of_money,
    check_duplicate_links,
    check_lease,
    check_markup,
    check_queued_refund,
    check_rates_source,
    check_site_url,
)
from tests.factories import credit, make_user


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


@pytest.mark.parametrize("currency", ["RUB", "USD", "XAU"])
def test_a_currency_is_three_capitals(settings: Any, currency: str) -> None:
    settings.SITE_CURRENCY = currency

    assert check_currency(None) == []


@pytest.mark.parametrize("currency", ["", "rub", "RU", "RUBL", "R B", "РУБ", "RUB\n"])
def test_what_is_no_currency_is_an_error(settings: Any, currency: str) -> None:
    settings.SITE_CURRENCY = currency

    (found,) = check_currency(None)
    assert (found.id, type(found)) == ("panel.E001", Error)
    assert repr(currency) in found.msg


@pytest.fixture
def _money_in_roubles(alice: User) -> None:
    CataloguePolicy.objects.create(priced_in="RUB")
    credit(alice, 1)


@pytest.mark.usefixtures("_money_in_roubles")
def test_money_that_has_moved_keeps_its_currency(settings: Any) -> None:
    assert check_currency_of_money(None, databases=["default"]) == []

    settings.SITE_CURRENCY = "USD"
    (found,) = check_currency_of_money(None, databases=["default"])
    assert (found.id, type(found)) == ("panel.E007", Error)
    assert "SITE_CURRENCY is 'USD', and the ledger's money is in 'RUB'." in found.msg
    assert str(found.hint).startswith("Set SITE_CURRENCY=RUB again: ")
    assert ids(run_checks(databases=["default"])) == ["panel.E007"]
    assert run_checks(tags=["database"]) == []  # nobody asks the database by the way


@pytest.mark.parametrize("kept", ["RUB", ""])
def test_a_currency_is_free_before_money_moves_or_where_it_is_not_known(
    db: None, settings: Any, kept: str
) -> None:
    CataloguePolicy.objects.create(priced_in=kept)
    if not kept:
        credit(make_user())
    settings.SITE_CURRENCY = "USD"

    assert check_currency_of_money(None, databases=["default"]) == []


@pytest.mark.parametrize("percent", ["0", "30", "33.333", "10000"])
def test_a_markup_is_a_number_of_percent(settings: Any, percent: str) -> None:
    settings.DEFAULT_MARKUP_PERCENT = percent

    assert check_markup(None) == []


@pytest.mark.parametrize("percent", ["", "-1", "-0.001", "10000.01", "NaN", "sNaN", "Infinity", "30%", "3,5"])
def test_what_would_sell_below_cost_is_an_error(settings: Any, percent: str) -> None:
    settings.DEFAULT_MARKUP_PERCENT = percent

    (found,) = check_markup(None)
    assert (found.id, type(found)) == ("panel.E002", Error)


@pytest.mark.parametrize(("seconds", "right"), [(300, True), (61, True), (60, False), (-1, False)])
def test_a_lease_outlives_its_call(settings: Any, seconds: int, right: bool) -> None:
    settings.FORWARD_LEASE_SECONDS = seconds

    found = check_lease(None)
    assert ids(found) == ([] if right else ["panel.E003"])


@pytest.mark.parametrize("policy", ["off", "warn", "refuse"])
def test_a_policy_for_duplicate_links(settings: Any, policy: str) -> None:
    settings.DUPLICATE_LINKS = policy

    assert check_duplicate_links(None) == []


@pytest.mark.parametrize("policy", ["", "Warn", "on", "false"])
def test_what_is_no_policy_is_an_error(settings: Any, policy: str) -> None:
    settings.DUPLICATE_LINKS = policy

    (found,) = check_duplicate_links(None)
    assert (found.id, type(found)) == ("panel.E004", Error)
    assert found.hint == "Give one of off, warn, refuse."


@pytest.mark.parametrize(("hours", "right"), [(72, True), (0, True), (-1, False)])
def test_what_waits_is_refunded_after_it_was_placed(settings: Any, hours: int, right: bool) -> None:
    settings.QUEUED_REFUND_AFTER_HOURS = hours

    found = check_queued_refund(None)
    assert ids(found) == ([] if right else ["panel.E005"])


@pytest.mark.parametrize("https", [True, False])
def test_a_deployed_site_is_https(settings: Any, https: bool) -> None:
    settings.HTTPS = https

    found = check_site_url(None)
    assert ids(found) == ([] if https else ["panel.W001"])
    assert all(isinstance(message, Warning) for message in found)


def test_all_are_registered(settings: Any) -> None:
    settings.SITE_CURRENCY, settings.DEFAULT_MARKUP_PERCENT, settings.FORWARD_LEASE_SECONDS = "?", "?", 1
    settings.DUPLICATE_LINKS, settings.QUEUED_REFUND_AFTER_HOURS = "?", -1
    settings.HTTPS = False

    plain, deployed = (
        {found for found in ids(run_checks(include_deployment_checks=deploy)) if found.startswith("panel.")}
        for deploy in (False, True)
    )
    assert plain == {f"panel.E00{number}" for number in range(1, 6)}
    assert deployed == plain | {"panel.W001"}


def test_the_settings_as_they_are_pass() -> None:
    assert run_checks() == []


@pytest.mark.parametrize("source", ["none", "cbr", "ecb"])
def test_rates_have_a_known_source(settings: Any, source: str) -> None:
    settings.RATES_SOURCE, settings.RATES_URL = source, "https://rates.example.com/daily.xml"
    assert check_rates_source(None) == []


@pytest.mark.parametrize(
    ("source", "url"), [("", ""), ("fed", ""), ("cbr", "file:///etc/passwd"), ("cbr", "x")]
)
def test_rates_from_nowhere_are_an_error(settings: Any, source: str, url: str) -> None:
    settings.RATES_SOURCE, settings.RATES_URL = source, url

    assert ids(check_rates_source(None)) == ["panel.E006"]
