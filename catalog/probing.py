"""Probing halted providers: does the account answer again?"""

import logging
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from catalog.balances import refresh_balance
from catalog.halting import BY_HAND, FUNDS, resume, wait_after
from catalog.models import Provider
from operations.waking import wake
from upstream.errors import Halt

logger = logging.getLogger(__name__)


def probe_due(*, now: datetime | None = None) -> int:
    """Ask each halted provider whose probe is due for its balance; return how many go on.

    A good answer ends a halt for want of funds too: the amount may be unreadable, so that the next order is
    the real probe. If that one halts the provider again, the next probe comes later (1, 2, 4, … 30 minutes).
    """
    now = now or timezone.now()
    due = Provider.objects.filter(is_active=True, halted_at__isnull=False, probe_at__lte=now)
    return sum(_probe(provider, now=now) for provider in due.order_by("probe_at"))


def probe_soon(provider: Provider) -> bool:
    """Have a halted provider probed at once, since its settings changed; False when there is no need.

    A provider halted by hand waits for a hand.
    """
    halted = Provider.objects.filter(pk=provider.pk, halted_at__isnull=False).exclude(halt_rule=BY_HAND)
    if not halted.update(probe_at=timezone.now(), failed_probes=0):
        return False
    wake("catalog.tasks.probe_halted_providers")
    return True


def _probe(provider: Provider, *, now: datetime) -> bool:
    next_at = now + wait_after(provider.failed_probes + 1)
    # Claimed before the call: of two workers one asks, and one that dies leaves the next probe in its place.
    claimed = Provider.objects.filter(
        pk=provider.pk, halted_at=provider.halted_at, probe_at=provider.probe_at
    )
    if not claimed.update(probe_at=next_at, failed_probes=F("failed_probes") + 1):
        return False
    fault = refresh_balance(provider)
    if fault is None:
        return resume(provider, claimed_probe_at=next_at)
    logger.info("provider.probe_failed provider=%s rule=%s", provider.pk, fault.rule)
    if isinstance(fault, Halt) and provider.halt_rule == FUNDS:
        # Worse than it was: open orders of an account without funds can be asked about, these cannot.
        Provider.objects.filter(pk=provider.pk, probe_at=next_at).update(
            halt_rule=fault.rule[:40], halt_text=fault.text
        )
    return False
