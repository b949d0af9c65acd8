"""`manage.py sync_catalog [--provider NAME] [--accept-shorter]`: copy catalogues now."""

from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import Provider, Service, SyncRun
from catalog.syncing import sync_catalog


class Command(BaseCommand):
    """Copies the catalogue of every active provider, or of one; exits with 1 when one was not taken."""

    help = "Copy the catalogue of every active provider, or of one, now."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the provider, and whether a much shorter catalogue is believed."""
        parser.add_argument("--provider", metavar="NAME", help="only this one, active or not")
        parser.add_argument(
            "--accept-shorter",
            action="store_true",
            help="take a catalogue that lists far fewer services than before",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Copy and say what became of each."""
        runs = [
            self._sync(provider, accept_shorter=options["accept_shorter"])
            for provider in _providers(options["provider"])
        ]
        not_taken = sum(run.outcome != SyncRun.Outcome.DONE for run in runs)
        if not_taken:
            raise CommandError(
                f"{not_taken} of {len(runs)} catalogues not taken; nothing was changed by these."
            )

    def _sync(self, provider: Provider, *, accept_shorter: bool) -> SyncRun:
        run = sync_catalog(provider, accept_shorter=accept_shorter, told=partial(self._progress, provider))
        if run.outcome == SyncRun.Outcome.DONE:
            self.stdout.write(
                f"{provider}: {run.new} new, {run.changed} changed, {run.gone} gone, {run.back} back, "
                f"{run.unchanged} unchanged, {run.held} held, {len(run.skipped)} skipped."
            )
            self._warn_of_prices(provider)
        else:
            self.stdout.write(f"{provider}: {run.outcome}, {run.text}.")
        for row in run.skipped:
            self.stdout.write(
                f"  skipped service {row['service'] or '?'} (row {row['position'] + 1}): {row['reason']}"
            )
        return run

    def _progress(self, provider: Provider, rows: int) -> None:
        self.stdout.write(f"{provider}: {rows} rows read, writing what differs …")
        self.stdout.flush()

    def _warn_of_prices(self, provider: Provider) -> None:
        unpriced = Service.objects.filter(provider=provider, is_listed=True, price=None).count()
        if unpriced:
            self.stdout.write(
                f"  {unpriced} have no price and are not sold: enter what 1 {provider.currency} is worth "
                "(admin, Exchange rates)."
            )


def _providers(name: str | None) -> list[Provider]:
    if name is None:
        providers = list(Provider.objects.filter(is_active=True))
        missing = "There is no active provider: add one by manage.py add_provider NAME URL KEY."
    else:
        providers = list(Provider.objects.filter(name=name))
        missing = f"There is no provider {name}."
    if not providers:
        raise CommandError(missing)
    return providers
