"""Tasks of the catalog room. Each may run twice or never: beat comes again."""

from contextlib import suppress

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from catalog import history
from catalog.balances import refresh_balance
from catalog.holding import end_timed
from catalog.models import Provider
from catalog.probing import probe_due
from catalog.rate_sources import NoRates
from catalog.rates import check_rates, import_rates
from catalog.syncing import sweep_runs, sync_catalog


@shared_task
def sync_catalogues() -> None:
    """Have every active provider's catalogue copied."""
    for provider_id in Provider.objects.filter(is_active=True).values_list("pk", flat=True):
        sync_provider.delay(provider_id)


@shared_task
def sync_provider(provider_id: int, accept_shorter: bool = False) -> None:
    """Copy a provider's catalogue."""
    sync_catalog(Provider.objects.get(pk=provider_id), accept_shorter=bool(accept_shorter))


@shared_task
def refresh_balances() -> None:
    """Have active providers' balances asked for, but for those asked to wait and those a probe will ask."""
    paced = Q(paced_until__gt=timezone.now())
    probed = Q(halted_at__isnull=False, probe_at__isnull=False)
    for provider_id in (
        Provider.objects.filter(is_active=True).exclude(paced | probed).values_list("pk", flat=True)
    ):
        refresh_provider_balance.delay(provider_id)


@shared_task
def refresh_provider_balance(provider_id: int) -> None:
    """Ask for a provider's balance."""
    refresh_balance(Provider.objects.get(pk=provider_id))


@shared_task
def probe_halted_providers() -> None:
    """Ask halted providers whose probe is due whether they answer again."""
    probe_due()


@shared_task
def import_exchange_rates() -> None:
    """Take the exchange rates in use from their source; what went wrong is an alert."""
    with suppress(NoRates):
        import_rates()


@shared_task
def check_exchange_rates() -> None:
    """Alert staff to exchange rates that are old."""
    check_rates()


@shared_task
def end_timed_holds() -> None:
    """Let services go on whose time of being held is over."""
    end_timed()


@shared_task
def sweep() -> None:
    """Drop what is old of the services' history and of the runs."""
    history.sweep()
    sweep_runs()
