"""Copying a provider's catalogue: the call, what speaks against the answer, and the record of the run.

What is written when an answer is taken is in `catalog/copying.py`.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from catalog.connecting import ask
from catalog.copying import Counts, copy_rows, sellable
from catalog.halting import heed
from catalog.models import Provider, Service, SyncRun
from catalog.pricing import lock_providers
from operations.alerting import close_alerts, raise_alert
from operations.models import Alert
from upstream.answers import Catalogue, SkippedRow
from upstream.client import Client
from upstream.errors import Halt, ProviderError

logger = logging.getLogger(__name__)

Outcome = SyncRun.Outcome

MAX_SKIPPED_KEPT = 200
KEEP_RUNS = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """How a run ended; `is_trouble` when staff must look at the provider's catalogue."""

    outcome: SyncRun.Outcome
    text: str = ""
    is_trouble: bool = False
    counts: Counts = field(default_factory=Counts)
    skipped: tuple[SkippedRow, ...] = ()


def sync_catalog(provider: Provider, *, accept_shorter: bool = False, now: datetime | None = None) -> SyncRun:
    """Copy a provider's catalogue and return the record of the run.

    The call is made outside of any transaction, what came is written in one. Nothing changes when the answer
    is no catalogue, is empty, or lists fewer services than are listed now by more than
    CATALOG_MAX_SHRINK_PERCENT; `accept_shorter` takes the shorter one. Services are never deleted: what
    vanished is switched off, and so is what cannot be read any more, since its old bounds may be wrong.
    Raises nothing that a provider causes. Source: `provider-api.txt`, "Список услуг".
    """
    started_at = now or timezone.now()
    try:
        catalogue = sellable(ask(provider, Client.services))
    except ProviderError as fault:
        heed(provider, fault)
        return _record(provider, _failure(fault), started_at=started_at)
    with transaction.atomic():
        # Two runs of one provider queue here; so does a change of prices, or of the provider.
        lock_providers(pk=provider.pk)
        verdict = (
            _overtaken(provider, started_at)
            or _refusal(provider, catalogue, accept_shorter=accept_shorter)
            or _taken(provider, catalogue, now=started_at)
        )
        return _record(provider, verdict, started_at=started_at)


def _failure(fault: ProviderError) -> _Verdict:
    is_halt = isinstance(fault, Halt)  # which has its own alert
    return _Verdict(Outcome.FAILED, f"no catalogue came: {fault.text} ({fault.rule})", is_trouble=not is_halt)


def _overtaken(provider: Provider, started_at: datetime) -> _Verdict | None:
    fresh = Provider.objects.get(pk=provider.pk)
    if any(getattr(fresh, name) != getattr(provider, name) for name in ("url", "key", "method", "currency")):
        return _Verdict(Outcome.REFUSED, "the provider was changed while its catalogue was on the way")
    if SyncRun.objects.filter(provider=provider, outcome=Outcome.DONE, started_at__gt=started_at).exists():
        return _Verdict(Outcome.REFUSED, "a run that began later was done first")
    return None


def _refusal(provider: Provider, catalogue: Catalogue, *, accept_shorter: bool) -> _Verdict | None:
    listed = Service.objects.filter(provider=provider, is_listed=True).count()
    came = len(catalogue.rows) + len(catalogue.skipped)
    text = ""
    if not catalogue.rows:
        text = f"none of its {came} rows can be read" if came else "it is empty"
    elif not accept_shorter and came * 100 < listed * (100 - settings.CATALOG_MAX_SHRINK_PERCENT):
        text = f"it lists {came} services, and {listed} are on the list now"
    if not text:
        return None
    return _Verdict(Outcome.REFUSED, text, is_trouble=True, skipped=catalogue.skipped)


def _taken(provider: Provider, catalogue: Catalogue, *, now: datetime) -> _Verdict:
    counts = copy_rows(provider, catalogue.rows, now=now)
    return _Verdict(Outcome.DONE, counts=counts, skipped=catalogue.skipped)


@transaction.atomic
def _record(provider: Provider, verdict: _Verdict, *, started_at: datetime) -> SyncRun:
    counts = verdict.counts
    run = SyncRun.objects.create(
        provider=provider,
        started_at=started_at,
        ended_at=max(timezone.now(), started_at),
        outcome=verdict.outcome,
        text=verdict.text[:500],
        new=counts.new,
        changed=counts.changed,
        gone=counts.gone,
        back=counts.back,
        unchanged=counts.unchanged,
        skipped=[_kept(row) for row in verdict.skipped[:MAX_SKIPPED_KEPT]],
    )
    SyncRun.objects.filter(provider=provider, started_at__lt=started_at - KEEP_RUNS).delete()
    logger.info(
        "catalogue.synced provider=%s outcome=%s new=%s changed=%s gone=%s back=%s skipped=%s text=%r",
        *(provider.pk, run.outcome, run.new, run.changed, run.gone, run.back, len(verdict.skipped), run.text),
    )
    _tell(provider, verdict)
    return run


def _kept(row: SkippedRow) -> dict[str, object]:
    return {"position": row.position, "service": row.service_id[:100], "reason": row.reason[:200]}


def _tell(provider: Provider, verdict: _Verdict) -> None:
    cause = f"provider:{provider.pk}"
    if verdict.is_trouble:
        text = f"The catalogue of {provider} was not taken, its services stay as they were: {verdict.text}."
        raise_alert(Alert.Kind.CATALOGUE_REFUSED, cause=cause, text=text)
    elif verdict.outcome == Outcome.DONE:
        close_alerts(Alert.Kind.CATALOGUE_REFUSED, cause=cause)
