"""Migrations of the catalogue that carry what is known over."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command

from catalog.models import ExchangeRate
from tests.wallet.tampering import run

BEFORE = (
    "INSERT INTO catalog_exchangerate (currency, rate, as_of, source, updated_at)"
    " VALUES ('EUR', '1.1', '2026-11-25', 'hand', '2026-11-25 00:00:00+00')"
)


@pytest.mark.django_db(transaction=True)
def test_rates_from_before_are_in_the_sites_currency(settings: Any) -> None:
    settings.SITE_CURRENCY = "USD"
    ExchangeRate.objects.create(currency="EUR", site_currency="RUB", rate=Decimal(100))
    try:
        call_command("migrate", "catalog", "0009", verbosity=0)  # two rates of a currency were not kept
        run(BEFORE)
    finally:
        call_command("migrate", "catalog", verbosity=0)

    assert list(ExchangeRate.objects.values_list("currency", "site_currency", "rate")) == [
        ("EUR", "USD", Decimal("1.1"))
    ]
