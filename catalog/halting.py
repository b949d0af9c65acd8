"""Halting a provider whose every call would fail, and letting it go on.

A halt keeps the provider's orders queued. It ends by a good probe (`catalog/probing.py`) or by a person.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.fault_words import said
from catalog.models import Provider
from operations.alerting import close_alerts, raise_alert
from operations.models import Alert
from operations.waking import wake
from upstream.errors import Halt, Later, ProviderError
from upstream.taught import RULE as TAUGHT

logger = logging.getLogger(__name__)

BY_HAND = "by_hand"
FUNDS = "funds"

NOT_PROBED = frozenset({BY_HAND, TAUGHT, "missing_parameter", "service_unknown"})
"""Halts that a good `balance` says nothing of: a person ends them. The last two are refusals of `add` that
cost orders, three more each time if the provider went on by itself. A taught one costs none, but would begin
anew with each order for ever, with an alert each time, about words that only a person understands."""

UNNAMED_WAIT_SECONDS = 30
"""For a provider that asks for fewer calls and does not say for how long (dialects, section 2)."""

FIRST_PROBE = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=30)
DOUBLINGS = 5


def wait_after(failed_probes: int) -> timedelta:
    """Return how long to wait for the next probe: 1, 2, 4, … 30 minutes."""
    return min(FIRST_PROBE * (1 << min(failed_probes, DOUBLINGS)), LONGEST_WAIT)


@transaction.atomic
def halt(provider: Provider, *, rule: str, text: str, funds: bool = False) -> bool:
    """Stop sending to a provider and alert staff; False when it was halted before.

    `rule` is the row of the error table that was met, `funds` its flag; `text` is what the provider said.
    """
    now = timezone.now()
    rule = FUNDS if funds else rule
    fields: dict[str, object] = {"halted_at": now, "halt_rule": rule[:40], "halt_text": text[:500]}
    failed_probes = Provider.objects.values_list("failed_probes", flat=True).get(pk=provider.pk)
    fields["probe_at"] = None if rule in NOT_PROBED else now + wait_after(failed_probes)
    # Zero rows: another call met the same fault first, and the first halt is the one that is told of.
    if not Provider.objects.filter(pk=provider.pk, halted_at=None).update(**fields):
        return False
    _mirror(provider, **fields)
    logger.warning("provider.halted provider=%s rule=%s", provider.pk, rule)
    raise_alert(
        Alert.Kind.PROVIDER_HALTED,
        cause=_cause(provider),
        text=gettext_noop("Nothing is sent to %(provider)s, its orders wait: %(said)s (%(rule)s)."),
        provider=provider,
        said=said(text),
        rule=rule,
    )
    return True


@transaction.atomic
def resume(provider: Provider, *, claimed_probe_at: datetime | None = None) -> bool:
    """Let a halted provider go on, and wake what sends its orders; False when it was not halted any more.

    `claimed_probe_at` is a probe's: it ends the halt only if nobody changed the provider since.
    The number of failed probes stays until an order is accepted, for a good `balance` proves little.
    """
    halted = Provider.objects.filter(pk=provider.pk, halted_at__isnull=False)
    if claimed_probe_at is not None:
        halted = halted.filter(probe_at=claimed_probe_at)
    fields: dict[str, object] = {"halted_at": None, "halt_rule": "", "halt_text": "", "probe_at": None}
    if not halted.update(**fields):
        return False
    _mirror(provider, **fields)
    logger.info("provider.resumed provider=%s", provider.pk)
    close_alerts(Alert.Kind.PROVIDER_HALTED, cause=_cause(provider))
    wake("orders.tasks.forward_every_provider")
    return True


def sending_works(provider: Provider) -> None:
    """Note that the provider accepted an order: its next halt is probed soon again."""
    # Looked at first, since this runs after every order. A stale zero costs a longer wait, no more.
    if provider.failed_probes:
        Provider.objects.filter(pk=provider.pk).update(failed_probes=0)
        provider.failed_probes = 0


def pace_down(provider: Provider, seconds: float) -> None:
    """Send the provider nothing for `seconds`, or for longer if it asked for that before."""
    until = timezone.now() + timedelta(seconds=seconds)
    sooner = Q(paced_until=None) | Q(paced_until__lt=until)
    if Provider.objects.filter(sooner, pk=provider.pk).update(paced_until=until):
        provider.paced_until = until
        logger.info("provider.paced provider=%s seconds=%.0f", provider.pk, seconds)


def heed(provider: Provider, fault: ProviderError) -> None:
    """Draw what follows for the whole provider from a fault of a call that places nothing."""
    if isinstance(fault, Halt):
        halt(provider, rule=fault.rule, text=fault.text, funds=fault.funds)
    elif isinstance(fault, Later) and fault.paces_provider:
        pace_down(provider, fault.wait_seconds or UNNAMED_WAIT_SECONDS)


def _cause(provider: Provider) -> str:
    return f"provider:{provider.pk}"


def _mirror(provider: Provider, **fields: object) -> None:
    for name, value in fields.items():
        setattr(provider, name, value)
