"""Giving money back: one rule for every reason, cumulative, never above the charge, each step once."""

import logging
from decimal import Decimal

from accounts.models import User
from money.amounts import share_of
from orders.life import Event, note
from orders.models import Order, OrderEvent
from wallet import ledger

logger = logging.getLogger(__name__)


def owed(order: Order, *, status: str, remains: int | None) -> Decimal:
    """Return what an order that ended so should have given back in all.

    Canceled: everything. Partial: charge × remains / quantity, `remains` within 0 and the quantity. Else
    nothing. (`design.md`, "An order's life".)
    """
    if status == Order.Status.CANCELED:
        return order.charge
    if status == Order.Status.PARTIAL:
        if remains is None:
            raise ValueError("a partial order's refund needs its remains")
        return share_of(order.charge, remains, order.quantity)
    return Decimal(0)


def refund_up_to(
    order: Order,
    *,
    target: Decimal,
    actor: User | None = None,
    why: str = "",
    event: OrderEvent.Kind = Event.REFUNDED,
) -> Decimal:
    """Bring the sum of an order's refunds up to `target`, and return what was given back by this call.

    Runs in a transaction that holds the order's row. What was given back already stays: a target below it
    moves nothing. A target above the charge is a `ValueError`. The order's own count changes only from what
    was seen, and the transfer's reference is the sum it leads to: the same step cannot be taken twice.
    """
    if target > order.charge:
        raise ValueError(f"order {order.pk}: refund of {target} above its charge {order.charge}")
    seen = order.refunded
    if target <= seen:
        return Decimal(0)
    if not Order.objects.filter(pk=order.pk, refunded=seen).update(refunded=target):
        # Another refund came between; it stands, and ours is counted again on top of it.
        order.refresh_from_db(fields=["refunded"])
        return refund_up_to(order, target=target, actor=actor, why=why, event=event)
    order.refunded = target
    amount = target - seen
    ledger.refund_order(
        order.customer, order_id=order.pk, amount=amount, refunded_to=target, made_by=actor, note=why
    )
    note(order, event, actor=actor, amount=amount, detail=why)
    logger.info("order.refunded order=%s amount=%s total=%s", order.pk, amount, target)
    return amount
