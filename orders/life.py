"""Changing an order's status: the one place where it is done.

Every change happens in a transaction that holds the order's row, is conditional on the status that the rule
saw, and leaves an event. Locks are taken in one order everywhere: the order's row, then the wallet's.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from orders.models import Order, OrderEvent

Event = OrderEvent.Kind


def locked(order_id: int) -> Order:
    """Return an order whose row stays ours until the transaction ends."""
    return Order.objects.select_for_update(of=("self",)).get(pk=order_id)


def move(
    order: Order,
    *,
    to: str,
    event: OrderEvent.Kind,
    actor: User | None = None,
    detail: str = "",
    **fields: Any,
) -> bool:
    """Take an order from the status it was seen in to another, set `fields` with it, and note it.

    Returns False, with nothing changed, when the order is no longer as it was seen: another worker, or a
    person, was first.
    """
    seen = order.status
    if not Order.objects.filter(pk=order.pk, status=seen).update(status=to, **fields):
        return False
    for name, value in {"status": to, **fields}.items():
        setattr(order, name, value)
    note(order, event, from_status=seen, to_status=to, actor=actor, detail=detail)
    return True


def at_provider(order: Order, provider_order_id: str, *, sent_at: datetime) -> dict[str, Any]:
    """Return the fields of an order that its provider has under this id: polled from now on.

    A cancel that its customer wanted meanwhile is asked for at once. Setting them raises IntegrityError when
    another order of the provider has the id.
    """
    now = timezone.now()
    return {
        "provider_order_id": provider_order_id,
        "sent_at": sent_at,
        "reason": "",
        "waits": 0,
        "due_at": now + timedelta(seconds=settings.POLL_FIRST_SECONDS),
        "cancel_due_at": now if order.cancel_state == Order.CancelState.WANTED else None,
    }


def note(
    order: Order,
    event: OrderEvent.Kind,
    *,
    from_status: str = "",
    to_status: str = "",
    actor: User | None = None,
    amount: Decimal | None = None,
    detail: str = "",
) -> None:
    """Write what happened into an order's timeline; `detail` is for staff, at most 500 characters."""
    OrderEvent.objects.create(
        order=order,
        kind=event,
        from_status=from_status,
        to_status=to_status,
        actor=actor,
        amount=amount,
        detail=detail[:500],
    )
