"""`manage.py import_rates`: take the exchange rates in use from RATES_SOURCE now."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.models import ExchangeRate
from catalog.rate_sources import NoRates
from catalog.rates import currencies_in_use, import_rates


class Command(BaseCommand):
    """Takes the rates of the currencies in use; exits with 1 when the source gave none."""

    help = "Take the exchange rates in use from RATES_SOURCE now."

    def handle(self, *args: Any, **options: Any) -> None:
        """Take them and say what became of each."""
        if settings.RATES_SOURCE == "none":
            raise CommandError("RATES_SOURCE is none: set it to cbr or ecb, or enter rates in admin.")
        try:
            taken = import_rates()
        except NoRates as error:
            raise CommandError(f"No rates were taken from {settings.RATES_SOURCE}: {error}.") from error
        for rate in ExchangeRate.objects.here().filter(currency__in=taken):
            self.stdout.write(f"{rate}, of {rate.as_of}")
        left = [currency for currency in currencies_in_use() if currency not in taken]
        if left:
            self.stdout.write(f"Left as they were: {', '.join(left)}. Alerts in admin say of which to mind.")
