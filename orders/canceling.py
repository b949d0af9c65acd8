"""Canceling: at once what was not sent, by a request to the provider what it has.

Money moves when the provider's status says so, never because a request to cancel was taken
(`design.md`, "An order's life"; `provider-api.txt`, "Отмена заказа").
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from catalog.halting import heed
from catalog.models import Provider
from operations.turns import WORK_SECONDS
from operations.waking import wake
from orders.calling import Work, work_through
from orders.errors import NotCancelable
from orders.life import Event, locked, note
from orders.models import Order
from orders.outcomes import cancel_unsent
from orders.polling import answering
from upstream.answers import CancelTaken
from upstream.client import Client
from upstream.errors import CancelRefused, Halt, Later, ProviderError

logger = logging.getLogger(__name__)

State = Order.CancelState

CANCEL_LEASE = timedelta(seconds=60)
RETRY_SECONDS = 15
ASK_STATUS_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Cancel:
    """One `cancel` call to make."""

    order_id: int
    provider_order_id: str


def cancel_until(order: Order) -> datetime | None:
    """Return until when an order can be canceled; None when it cannot (or not any more)."""
    if order.cancel_state not in (State.NONE, State.UNANSWERED) or order.is_ended:
        return None
    if order.status in Order.UNSENT or order.sent_at is None:
        return timezone.now() + timedelta(seconds=settings.CANCEL_WINDOW_SECONDS)
    ends_at = order.sent_at + timedelta(seconds=settings.CANCEL_WINDOW_SECONDS)
    return ends_at if timezone.now() < ends_at else None


@transaction.atomic
def request_cancel(order_id: int, *, actor: User) -> Order:
    """Cancel an order, or ask for it: a queued one ends and is refunded at once.

    One that is being sent, or waits for a person, is remembered; one that the provider has is asked for by
    a worker. Raises `NotCancelable` for an order that has ended, was asked for before, or is too old.
    """
    order = locked(order_id)
    if cancel_until(order) is None:
        raise NotCancelable
    note(order, Event.CANCEL_WANTED, actor=actor)
    if order.status == Order.Status.QUEUED and cancel_unsent(order):
        return order
    at_provider = order.status in Order.OPEN_UPSTREAM
    order.cancel_state, order.cancel_due_at = State.WANTED, timezone.now() if at_provider else None
    order.save(update_fields=["cancel_state", "cancel_due_at"])
    if at_provider:
        wake("orders.tasks.cancel_provider", order.provider_id)
    return order


def cancel_due(provider_id: int, *, seconds: float = WORK_SECONDS) -> int:
    """Ask a provider to cancel what is due; return how many calls were made."""
    provider = Provider.objects.get(pk=provider_id)
    work = Work[Cancel, CancelTaken](
        take=lambda: take_next(provider_id),
        call=_call_cancel,
        record=lambda cancel, answer: record_answer(cancel.order_id, answer),
    )
    return work_through(provider, work, seconds=seconds)


def due_to_cancel(provider_id: int | None = None) -> Q:
    """Return the condition of orders whose provider is to be asked to cancel them now."""
    due = Q(cancel_due_at__lte=timezone.now(), status__in=Order.OPEN_UPSTREAM) & answering()
    return due if provider_id is None else due & Q(provider=provider_id)


@transaction.atomic
def take_next(provider_id: int) -> Cancel | None:
    """Take the next cancel to ask for; it is due again after a minute if no answer is recorded.

    Asking twice is harmless: the provider answers "Order already canceled".
    """
    order = (
        Order.objects.filter(due_to_cancel(provider_id))
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("cancel_due_at", "id")
        .first()
    )
    if order is None:
        return None
    Order.objects.filter(pk=order.pk).update(cancel_due_at=timezone.now() + CANCEL_LEASE)
    return Cancel(order_id=order.pk, provider_order_id=order.provider_order_id or "")


def _call_cancel(client: Client, cancel: Cancel) -> CancelTaken:
    return client.cancel(cancel.provider_order_id)


def record_answer(order_id: int, answer: CancelTaken | ProviderError) -> None:
    """Take what the provider said to a request to cancel."""
    with transaction.atomic():
        order = locked(order_id)
        if order.cancel_state == State.WANTED:
            _take(order, answer)
    if isinstance(answer, ProviderError):
        heed(order.provider, answer)


def _take(order: Order, answer: CancelTaken | ProviderError) -> None:
    if isinstance(answer, CancelTaken):
        _close(order, State.TAKEN, Event.CANCEL_TAKEN, "already canceled" if answer.already else "")
    elif isinstance(answer, CancelRefused):
        _close(order, State.REFUSED, Event.CANCEL_REFUSED, answer.text)
    elif isinstance(answer, Later | Halt):
        wait = getattr(answer, "wait_seconds", None) or RETRY_SECONDS
        Order.objects.filter(pk=order.pk).update(cancel_due_at=timezone.now() + timedelta(seconds=wait))
    else:
        # The provider may have taken it: its status will tell, and until then it may be asked for again.
        _close(order, State.UNANSWERED, Event.CANCEL_UNANSWERED, answer.text)


def _close(order: Order, state: Order.CancelState, event: Event, detail: str) -> None:
    ask_at = timezone.now() + timedelta(seconds=ASK_STATUS_AFTER_SECONDS)
    Order.objects.filter(pk=order.pk).update(cancel_state=state, cancel_due_at=None)
    Order.objects.filter(pk=order.pk, status__in=Order.OPEN_UPSTREAM).update(due_at=ask_at)
    note(order, event, detail=detail)
    logger.info("order.cancel order=%s state=%s", order.pk, state)
