"""Copying a provider's catalogue: the call, what speaks against the answer, and the record of the run.

What is written when an answer is taken is in `catalog/copying.py`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.connecting import ask
from catalog.copying import Counts, Known, copy_rows, known_services, sellable
from catalog.fault_words import said
from catalog.halting import heed
from catalog.holding import tell_held
from catalog.models import CataloguePolicy, Provider, SyncRun
from operations.alerting import close_alerts, raise_alert
from operations.models import Alert
from operations.wording import Words
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
    text: Words | str = ""
    is_trouble: bool = False
    counts: Counts = field(default_factory=Counts)
    skipped: tuple[SkippedRow, ...] = ()


def sync_catalog(
    provider: Provider,
    *,
    accept_shorter: bool = False,
    now: datetime | None = None,
    told: Callable[[int], None] = lambda rows: None,
) -> SyncRun:
    """Copy a provider's catalogue and return the record of the run.

    The call is made outside of any transaction, what came is written in one. Nothing changes when the answer
    is no catalogue, is empty, or lists fewer services than are listed now by more than the policy's
    `max_shrink_percent`; `accept_shorter` takes the shorter one. Services are never deleted: what vanished is
    switched off, and so is what cannot be read any more, since its old bounds may be wrong. `told` is called
    with the number of rows that came, before they are written. Raises nothing that a provider causes.
    Source: `provider-api.txt`, "Список услуг".
    """
    started_at = now or timezone.now()
    try:
        catalogue = sellable(ask(provider, Client.services))
    except ProviderError as fault:
        heed(provider, fault)
        with transaction.atomic():
            return _record(provider, _failure(fault), started_at=started_at)
    told(len(catalogue.rows) + len(catalogue.skipped))
    with transaction.atomic():
        # Two runs of one provider queue here; so does a change of prices, or of the provider.
        fresh = Provider.objects.select_for_update().get(pk=provider.pk)
        verdict = _overtaken(fresh, provider, started_at) or _judged(
            fresh, catalogue, accept_shorter=accept_shorter, now=started_at
        )
        return _record(provider, verdict, started_at=started_at)


def _failure(fault: ProviderError) -> _Verdict:
    is_halt = isinstance(fault, Halt)  # which has its own alert
    text = gettext_noop("no catalogue came: %(said)s (%(rule)s)")
    words = Words(text, {"said": said(fault.text), "rule": fault.rule})
    return _Verdict(Outcome.FAILED, words, is_trouble=not is_halt)


def _overtaken(fresh: Provider, provider: Provider, started_at: datetime) -> _Verdict | None:
    if any(getattr(fresh, name) != getattr(provider, name) for name in ("url", "key", "method", "currency")):
        return _Verdict(Outcome.REFUSED, "the provider was changed while its catalogue was on the way")
    if SyncRun.objects.filter(provider=provider, outcome=Outcome.DONE, started_at__gt=started_at).exists():
        return _Verdict(Outcome.REFUSED, "a run that began later was done first")
    return None


def _judged(provider: Provider, catalogue: Catalogue, *, accept_shorter: bool, now: datetime) -> _Verdict:
    policy = CataloguePolicy.objects.first() or CataloguePolicy()
    known = known_services(provider)
    shrink_percent = 100 if accept_shorter else policy.max_shrink_percent
    text = _what_is_wrong(catalogue, known, shrink_percent=shrink_percent)
    if text:
        return _Verdict(Outcome.REFUSED, text, is_trouble=True, skipped=catalogue.skipped)
    counts = copy_rows(provider, catalogue.rows, now=now, known=known, policy=policy)
    return _Verdict(Outcome.DONE, counts=counts, skipped=catalogue.skipped)


def _what_is_wrong(catalogue: Catalogue, known: Mapping[str, Known], *, shrink_percent: int) -> Words | None:
    listed = sum(one.copied.is_listed for one in known.values())
    came = len(catalogue.rows) + len(catalogue.skipped)
    if not catalogue.rows:
        text = gettext_noop("none of its %(came)s rows can be read") if came else gettext_noop("it is empty")
        return Words(text, {"came": came} if came else {})
    if came * 100 < listed * (100 - shrink_percent):
        text = gettext_noop("it lists %(came)s services, and %(listed)s are on the list now")
        return Words(text, {"came": came, "listed": listed})
    return None


def _record(provider: Provider, verdict: _Verdict, *, started_at: datetime) -> SyncRun:
    counts = verdict.counts
    run = SyncRun.objects.create(
        provider=provider,
        started_at=started_at,
        ended_at=max(timezone.now(), started_at),
        outcome=verdict.outcome,
        text=str(verdict.text)[:500],
        new=counts.new,
        changed=counts.changed,
        gone=counts.gone,
        back=counts.back,
        unchanged=counts.unchanged,
        held=len(counts.holds),
        skipped=[_kept(row) for row in verdict.skipped[:MAX_SKIPPED_KEPT]],
    )
    logger.info(
        "catalogue.synced provider=%s outcome=%s new=%s changed=%s gone=%s back=%s held=%s skipped=%s "
        "text=%r",
        *(provider.pk, run.outcome, run.new, run.changed, run.gone, run.back, run.held),
        *(len(verdict.skipped), run.text),
    )
    _tell(provider, verdict)
    return run


def _kept(row: SkippedRow) -> dict[str, object]:
    return {"position": row.position, "service": row.service_id[:100], "reason": row.reason[:200]}


def _tell(provider: Provider, verdict: _Verdict) -> None:
    cause = f"provider:{provider.pk}"
    if verdict.is_trouble:
        raise_alert(
            Alert.Kind.CATALOGUE_REFUSED,
            cause=cause,
            text=gettext_noop(
                "The catalogue of %(provider)s was not taken, its services stay as they were: %(why)s."
            ),
            provider=provider,
            why=verdict.text,
        )
    elif verdict.outcome == Outcome.DONE:
        close_alerts(Alert.Kind.CATALOGUE_REFUSED, cause=cause)
        tell_held(provider, verdict.counts.holds)


def sweep_runs(*, now: datetime | None = None) -> int:
    """Drop the records of runs that are older than 90 days; return how many went."""
    gone, _ = SyncRun.objects.filter(started_at__lt=(now or timezone.now()) - KEEP_RUNS).delete()
    return gone
