"""Ending by hand what a provider has, but will never end in a way that can be read.

Partial without readable remains, an id that it does not know any more, a provider that is gone. The end is
conditional on how the order was seen; what the provider says later is taken as of any ended order: more may
go back, and nothing is taken back (`polling.LATE_CHANGES`).
"""

import logging

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from operations.alerting import close_alerts
from operations.models import Alert
from orders.errors import NotForEnding, RemainsOutOfBounds
from orders.life import Event, locked, move
from orders.models import Order
from orders.polling import ask_again
from orders.refunding import owed, refund_up_to

logger = logging.getLogger(__name__)


@transaction.atomic
def settle_end(
    order_id: int, *, status: str, remains: int | None = None, seen: str, actor: User, why: str
) -> Order:
    """End an order that its provider has, and give back what that end owes its customer.

    `status` is Completed, Partial with `remains` of the quantity undelivered, or Canceled; `seen` is the
    mark of what was shown to the person who decides (`seen_of`).

    Raises `NotForEnding` when the provider said something else by now, or does not have the order, and
    `RemainsOutOfBounds`.
    """
    if status not in Order.ENDED:
        raise ValueError(f"{status} is no end")
    order = locked(order_id)
    if seen_of(order) != seen or order.status not in Order.OPEN_UPSTREAM:
        raise NotForEnding
    left = remains_of(order, status=status, remains=remains)
    now = timezone.now()
    move(order, to=status, event=Event.SETTLED, actor=actor, detail=why, remains=left, ended_at=now)
    refund_up_to(order, target=owed(order, status=status, remains=left), actor=actor, why=why)
    ask_again(order)
    close_alerts(Alert.Kind.ORDER_UNREADABLE, cause=f"order:{order_id}")
    logger.info("order.ended_by_hand order=%s status=%s refunded=%s", order_id, status, order.refunded)
    return order


def seen_of(order: Order) -> str:
    """Return a text that is another one when the provider said something else of an order's end."""
    return f"{order.status} {order.remains} {order.provider_charge}"


def remains_of(order: Order, *, status: str, remains: int | None) -> int | None:
    """Return how much of an order counts as undelivered after an end. Raises `RemainsOutOfBounds`."""
    if status == Order.Status.COMPLETED:
        return 0
    if status == Order.Status.CANCELED:
        return order.remains
    if remains is None or not 0 < remains < order.quantity:
        raise RemainsOutOfBounds
    return remains
