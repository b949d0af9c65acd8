"""Forwarding: claim an order, commit the attempt, call the provider, record what came of it.

The attempt is committed before its call. One without an outcome therefore means "may have been sent": it
becomes uncertain when its lease ends, and never a second `add`.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.models import Provider
from operations.alerting import raise_alert
from operations.models import Alert
from operations.turns import WORK_SECONDS
from orders.calling import Work, work_through
from orders.life import Event, locked, move
from orders.losing import look_for
from orders.models import Attempt, Order
from orders.outcomes import newest_attempt, record_outcome
from upstream.answers import Placed
from upstream.client import Client
from upstream.errors import Later

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Send:
    """One `add` call to make: whose attempt it is, and what it asks for."""

    attempt_id: int
    service_id: str
    link: str
    quantity: int
    lease_until: datetime


def forward_due(provider_id: int, *, seconds: float = WORK_SECONDS) -> int:
    """Send a provider's due orders until none is due or `seconds` are up; return how many calls were made."""
    provider = Provider.objects.get(pk=provider_id)
    work = Work[Send, Placed](
        take=lambda: claim_next(provider_id),
        call=_call_add,
        record=lambda send, answer: record_outcome(send.attempt_id, answer),
    )
    return work_through(provider, work, seconds=seconds)


def due_to_send(provider_id: int | None = None) -> Q:
    """Return the condition of orders that can be sent now: queued, due, to a provider that may be sent to."""
    now = timezone.now()
    sendable = Q(provider__is_active=True, provider__halted_at=None) & (
        Q(provider__paced_until=None) | Q(provider__paced_until__lte=now)
    )
    # A held service may cost a hundred times what it was sold for: what was ordered before waits as well.
    due = Q(status=Order.Status.QUEUED, due_at__lte=now, service__held_text="") & sendable
    return due if provider_id is None else due & Q(provider=provider_id)


@transaction.atomic
def claim_next(provider_id: int) -> Send | None:
    """Take the order that is due longest, commit an attempt for it, and return the call to make.

    Other workers pass over a row that one of them holds; the conditional update proves that it was ours.
    """
    order = (
        Order.objects.filter(due_to_send(provider_id))
        .select_related("service", "provider")
        .defer("provider__key")
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("due_at", "id")
        .first()
    )
    if order is None or not move(order, to=Order.Status.SENDING, event=Event.SENDING, due_at=None):
        return None
    now = timezone.now()
    attempt = Attempt.objects.create(
        order=order,
        provider_id=order.provider_id,
        started_at=now,
        lease_until=now + timedelta(seconds=settings.FORWARD_LEASE_SECONDS),
        balance_before=order.provider.balance,
        balance_before_text=order.provider.balance_text,
        balance_before_at=order.provider.balance_at,
    )
    logger.info("order.sending order=%s attempt=%s provider=%s", order.pk, attempt.pk, provider_id)
    return Send(
        attempt_id=attempt.pk,
        service_id=order.service.provider_service_id,
        link=order.link,
        quantity=order.quantity,
        lease_until=attempt.lease_until,
    )


def _call_add(client: Client, send: Send) -> Placed:
    if timezone.now() >= send.lease_until:
        # The process was frozen between claim and call, and others take it for dead: it must not send now.
        raise Later("the worker slept until its lease had ended", rule="lease_over")
    return client.add(service_id=send.service_id, link=send.link, quantity=send.quantity)


def expire_attempts() -> int:
    """Make uncertain what a dead worker left under way; return how many attempts that were."""
    dead = Attempt.objects.filter(outcome=Attempt.Outcome.OPEN, lease_until__lt=timezone.now())
    return sum(_expire(attempt) for attempt in dead.order_by("lease_until")[:1000])


@transaction.atomic
def _expire(attempt: Attempt) -> bool:
    order = locked(attempt.order_id)
    # Zero rows: the worker was slow, not dead, and recorded its answer after all.
    expired = Attempt.objects.filter(pk=attempt.pk, outcome=Attempt.Outcome.OPEN).update(
        outcome=Attempt.Outcome.UNCERTAIN,
        rule="worker_died",
        ended_at=F("lease_until"),
        last_seen=newest_attempt(attempt.provider_id),
    )
    if not expired or order.status != Order.Status.SENDING:
        return False
    why = "the worker that sent it died before it recorded an answer"
    move(order, to=Order.Status.UNCERTAIN, event=Event.UNCERTAIN, detail=why)
    look_for(attempt)
    text = gettext_noop("Order %(order)s: the worker that sent it died before it recorded an answer.")
    raise_alert(Alert.Kind.ORDER_UNCERTAIN, cause=f"order:{order.pk}", text=text, order=order.pk)
    return True
