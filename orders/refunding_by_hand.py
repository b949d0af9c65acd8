"""Giving money back by hand, at the operator's own loss: the rest of an order's charge, or a part of it.

The order goes on, or stays as it ended: only money moves. What is given back by hand counts towards what the
order owes later: a provider that says Partial or Canceled afterwards brings the refunds up to what that owes,
and never beyond the charge (`orders/refunding.py`). Orders that the provider never had have ways of their
own: they are canceled, or settled.
"""

import logging
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from money.amounts import round_charge
from orders.errors import NotForRefund, RefundOutOfBounds, RefundSeenOtherwise
from orders.life import Event, locked
from orders.models import Order
from orders.refunding import refund_up_to

logger = logging.getLogger(__name__)

FROM = Order.OPEN_UPSTREAM | {Order.Status.COMPLETED, Order.Status.PARTIAL}
"""Where an order stands of which something can be given back by hand."""


def refundable(order: Order) -> Decimal:
    """Return how much of an order can still be given back by hand: what its customer pays for it as yet."""
    return order.kept if order.status in FROM else Decimal(0)


@transaction.atomic
def refund_by_hand(order_id: int, *, amount: Decimal, seen: Decimal, actor: User, why: str) -> Order:
    """Give `amount` of an order's charge back, for a reason; return the order as it is then.

    `seen` is the sum of its refunds that the person saw who decided. It is compared under the row's lock: of
    two people at once, or two clicks, the first counts.

    Raises `NotForRefund`, `RefundSeenOtherwise` and `RefundOutOfBounds`; nothing was moved then.
    """
    if not why.strip():
        raise ValueError("a refund by hand has a reason")
    order = locked(order_id)
    if order.refunded != seen:
        raise RefundSeenOtherwise(refunded=order.refunded)
    most = refundable(order)
    if most <= 0:
        raise NotForRefund
    if not 0 < amount <= most or round_charge(amount) != amount:
        raise RefundOutOfBounds(most=most)
    target = seen + amount
    refund_up_to(order, target=target, actor=actor, why=why, event=Event.REFUNDED_BY_HAND)
    logger.info("order.refunded_by_hand order=%s amount=%s actor=%s", order_id, amount, actor.pk)
    return order
