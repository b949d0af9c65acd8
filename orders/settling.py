"""Settling by hand what no machine can know: orders that are uncertain or held.

Each decision needs a reason, is written with who made it, and is conditional on the order still waiting for
one: of two people, or a person and a late answer, the first counts.
"""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from operations.alerting import close_alerts
from operations.models import Alert
from operations.waking import wake
from orders.errors import NotForSettling, ProviderIdTaken
from orders.life import Event, locked, move
from orders.models import Order
from orders.outcomes import cancel_unsent
from orders.refunding import refund_up_to


def settle_placed(order_id: int, *, provider_order_id: str, actor: User, why: str) -> Order:
    """Decide that the provider has the order, under this id; it is polled from now on.

    Raises `NotForSettling`, and `ProviderIdTaken` when another order has this id.
    """
    now = timezone.now()
    try:
        return _settle(
            order_id,
            to=Order.Status.PENDING,
            actor=actor,
            why=why,
            provider_order_id=provider_order_id,
            sent_at=now,
            due_at=now + timedelta(seconds=settings.POLL_FIRST_SECONDS),
        )
    except IntegrityError as error:
        raise ProviderIdTaken from error


def settle_send_again(order_id: int, *, actor: User, why: str) -> Order:
    """Decide that the provider does not have the order: it is sent again, or canceled if its customer asked.

    Raises `NotForSettling`.
    """
    order = _settle(order_id, to=Order.Status.QUEUED, actor=actor, why=why, due_at=timezone.now(), waits=0)
    wake("orders.tasks.forward_provider", order.provider_id)
    return order


def settle_refund(order_id: int, *, actor: User, why: str) -> Order:
    """Decide to end the order and give all of its charge back. Raises `NotForSettling`."""
    with transaction.atomic():
        order = _settle(
            order_id, to=Order.Status.CANCELED, actor=actor, why=why, ended_at=timezone.now(), due_at=None
        )
        refund_up_to(order, target=order.charge, actor=actor, why=why)
    return order


@transaction.atomic
def _settle(order_id: int, *, to: Order.Status, actor: User, why: str, **fields: object) -> Order:
    order = locked(order_id)
    if order.status not in Order.FOR_A_PERSON:
        raise NotForSettling
    wanted = order.cancel_state == Order.CancelState.WANTED
    if wanted and to == Order.Status.PENDING:
        fields["cancel_due_at"] = timezone.now()
    move(order, to=to, event=Event.SETTLED, actor=actor, detail=why, reason="", **fields)
    if wanted and to == Order.Status.QUEUED:
        cancel_unsent(
            order
        )  # the customer asked for it while it waited, and now it is known not to be placed
    for kind in (Alert.Kind.ORDER_UNCERTAIN, Alert.Kind.ORDER_HELD):
        close_alerts(kind, cause=f"order:{order_id}")
    return order
