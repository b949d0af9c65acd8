"""The site's currency is another one than before: what `migrate` makes of prices, and when it is refused."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import User
from catalog.models import CataloguePolicy, Service
from catalog.pricing import priced_in
from catalog.rates import save_rate
from panel.currency import currency_of_money
from tests.factories import credit, make_provider, make_service
from tests.panel.processes import SECRET_KEY, environment, run, run_in_site


def migrate() -> None:
    call_command("migrate", verbosity=0)


def price_of(service: Service) -> Decimal | None:
    return Service.objects.get(pk=service.pk).price


def test_migrate_notes_the_currency_once(db: None) -> None:
    CataloguePolicy.objects.all().delete()
    migrate()
    assert priced_in() == "RUB"

    service = make_service(price=Decimal(7))  # not by the rules: nothing is set anew
    migrate()
    assert (priced_in(), price_of(service)) == ("RUB", 7)


def test_prices_are_set_anew_in_another_currency(db: None, settings: Any) -> None:
    settings.SITE_CURRENCY = "USD"
    migrate()
    abroad = make_service(make_provider(currency="EUR"), price=None)
    at_home = make_service(make_provider(currency="USD"))
    save_rate("EUR", Decimal("1.1"))
    assert (price_of(abroad), price_of(at_home)) == (143, 130)

    settings.SITE_CURRENCY = "RUB"
    CataloguePolicy.objects.update(rate_warning_days=3)
    migrate()
    assert (price_of(abroad), price_of(at_home)) == (None, None)  # not sold before there is a rate
    save_rate("EUR", Decimal(100))
    assert price_of(abroad) == 13000
    policy = CataloguePolicy.objects.get()
    assert (policy.priced_in, policy.rate_warning_days) == ("RUB", 3)


def test_where_the_currency_of_prices_is_not_known_they_are_set_anew(db: None, alice: User) -> None:
    CataloguePolicy.objects.create()
    credit(alice)
    service = make_service(price=Decimal(7))

    migrate()

    assert (priced_in(), price_of(service)) == ("RUB", 130)


def test_prices_stay_once_money_has_moved(alice: User, settings: Any) -> None:
    migrate()
    assert currency_of_money() == ""
    credit(alice)
    assert currency_of_money() == "RUB"
    service = make_service()

    settings.SITE_CURRENCY = "USD"
    migrate()

    assert (priced_in(), price_of(service)) == ("RUB", 130)


@pytest.mark.django_db(transaction=True)
def test_before_the_migration_nothing_is_known_and_nothing_fails(alice: User) -> None:
    credit(alice)
    try:
        call_command("migrate", "catalog", "0009", verbosity=0)
        assert currency_of_money() == ""
        call_command("check", databases=["default"])
    finally:
        call_command("migrate", "catalog", verbosity=0)
    assert currency_of_money() == "RUB"


def test_a_site_with_money_does_not_migrate_to_another_currency(tmp_path: Path) -> None:
    roubles, dollars = (
        environment(tmp_path, SECRET_KEY=SECRET_KEY, SITE_CURRENCY=currency) for currency in ("RUB", "USD")
    )
    migration = ("manage.py", "migrate", "--verbosity", "0")
    check = ("manage.py", "check", "--database", "default")
    assert run(*check, env=roubles).returncode == 0  # there is no table yet
    for env in (roubles, dollars):  # nothing has moved
        assert run(*migration, env=env).returncode == 0
    moved = run_in_site("from tests.factories import credit, make_user\ncredit(make_user())", env=dollars)
    assert moved.returncode == 0, moved.stderr

    assert run(*check, env=dollars).returncode == 0
    for words in (check, migration):
        refused = run(*words, env=roubles)
        assert refused.returncode == 1
        assert "(panel.E007) SITE_CURRENCY is 'RUB', and the ledger's money is in 'USD'." in refused.stderr
        assert "HINT: Set SITE_CURRENCY=USD again: " in refused.stderr


@pytest.mark.parametrize(
    "begin", [("gunicorn", "panel.wsgi", "--bind", "127.0.0.1:0"), ("celery", "-A", "panel", "worker")]
)
def test_no_process_begins_with_prices_in_another_currency(tmp_path: Path, begin: tuple[str, ...]) -> None:
    roubles, dollars = (
        environment(tmp_path, SECRET_KEY=SECRET_KEY, SITE_CURRENCY=currency) for currency in ("RUB", "USD")
    )
    assert run("manage.py", "migrate", "--verbosity", "0", env=roubles).returncode == 0

    refused = run("-m", *begin, env=dollars)

    assert refused.returncode != 0
    assert "SITE_CURRENCY is 'USD', and prices are in 'RUB'. Run `manage.py migrate`" in refused.stderr


def test_a_process_begins_where_the_currency_is_the_sites_or_not_known(tmp_path: Path) -> None:
    env = environment(tmp_path, SECRET_KEY=SECRET_KEY)
    begin = "from panel.currency import require_currency\nrequire_currency()"
    assert run_in_site(begin, env=env).returncode == 0  # there is no table yet
    assert run("manage.py", "migrate", "--verbosity", "0", env=env).returncode == 0

    assert run_in_site(begin, env=env).returncode == 0
    forget = "from catalog.models import CataloguePolicy\nCataloguePolicy.objects.update(priced_in='')\n"
    begun = run_in_site(forget + begin, env=env | {"SITE_CURRENCY": "USD"})
    assert begun.returncode == 0, begun.stderr


def test_a_database_that_does_not_answer_keeps_no_process_from_beginning(tmp_path: Path) -> None:
    env = environment(tmp_path, SECRET_KEY=SECRET_KEY, DATABASE_URL="postgres://panel@127.0.0.1:9/panel")

    begun = run_in_site("from panel.currency import require_currency\nrequire_currency()", env=env)

    assert begun.returncode == 0, begun.stderr
    assert "currency.unknown error=OperationalError" in begun.stderr
