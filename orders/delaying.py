"""What keeps a queued order from being sent, for the pages that say why it waits."""

from datetime import timedelta
from enum import Enum, auto

from django.utils import timezone

from orders.models import Order

IN_A_MOMENT = timedelta(minutes=1)


class Delay(Enum):
    """One thing that keeps an order from being sent (`forwarding.due_to_send` is the rule)."""

    NOT_ACTIVE = auto()
    HALTED = auto()
    PACED = auto()
    SERVICE_HELD = auto()


def delays_of(order: Order) -> list[Delay]:
    """Return all that keeps a queued order from being sent when it is due; none for any other order."""
    if order.status != Order.Status.QUEUED:
        return []
    provider, now = order.provider, timezone.now()
    kept_by = (
        (Delay.NOT_ACTIVE, not provider.is_active),
        (Delay.HALTED, provider.halted_at is not None),
        (Delay.PACED, provider.paced_until is not None and provider.paced_until > now),
        (Delay.SERVICE_HELD, bool(order.service.held_text)),
    )
    return [delay for delay, keeps in kept_by if keeps]


def is_delayed(order: Order) -> bool:
    """Tell whether a queued order is not sent in a moment, though nothing is wrong with it."""
    if order.status != Order.Status.QUEUED:
        return False
    is_put_off = order.due_at is not None and order.due_at > timezone.now() + IN_A_MOMENT
    return is_put_off or bool(delays_of(order))
