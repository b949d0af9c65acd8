"""Orders that wait too long to be sent: canceled, and refunded, by the site's policy.

A provider without funds, one that is halted or not active, and a service that is held keep their orders
queued; a customer's money does not wait with them for ever (`provider-dialects.md`, section 2).
"""

import logging
from collections import Counter
from datetime import timedelta

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.models import Provider
from operations.alerting import raise_alert
from operations.models import Alert
from orders.life import locked
from orders.models import Order, OrderEvent
from orders.outcomes import cancel_unsent

logger = logging.getLogger(__name__)

AT_MOST = 1000
"""Orders ended by one run; the next one goes on with the rest."""


def refund_overdue() -> int:
    """Cancel and refund what was not sent within QUEUED_REFUND_AFTER_HOURS of its placing; return how many.

    The hours count from a person's decision, if it was sent again by one. Staff are alerted once for each
    provider, and of each order that could not be refunded: it keeps no other one from it. What is queued was
    surely not placed: an answer in doubt makes an order uncertain, until a person says it was not placed.
    """
    ended: Counter[int] = Counter()
    for order_id, provider_id in overdue().values_list("pk", "provider"):
        if ended.total() >= AT_MOST:
            break  # counted here, not in the list: what cannot be ended stands at its head for ever
        ended[provider_id] += _tried(order_id)
    for provider_id, count in ended.items():
        if count:
            _alert(provider_id, count=count)
    return ended.total()


def overdue() -> QuerySet[Order]:
    """Return what is queued for too long, oldest first; nothing where the policy is 0 hours, for never.

    By `orders_order_by_status`: what is queued is few, or waits for one thing.
    """
    hours = settings.QUEUED_REFUND_AFTER_HOURS
    if hours == 0:
        return Order.objects.none()
    placed_before = timezone.now() - timedelta(hours=hours)
    return Order.objects.filter(status=Order.Status.QUEUED, created_at__lt=placed_before).order_by("id")


def _is_sent_again(order: Order) -> bool:
    """Tell whether a person decided lately to send it: that would be undone before it is sent.

    Asked of each order, not in the list's query, which meets its index only without.
    """
    decided_after = timezone.now() - timedelta(hours=settings.QUEUED_REFUND_AFTER_HOURS)
    decided = OrderEvent.objects.filter(order=order, kind=OrderEvent.Kind.SETTLED)
    return decided.filter(at__gte=decided_after).exists()


def _tried(order_id: int) -> bool:
    """Refund an order, or tell staff that it cannot be."""
    try:
        return _refund(order_id)
    except OperationalError:
        raise  # the database's own trouble is no order's
    except Exception:
        # Whatever it is, such as a wallet that cannot hold more: the orders after it are owed theirs.
        logger.exception("order.overdue_not_refunded order=%s", order_id)
        raise_alert(
            Alert.Kind.ORDERS_OVERDUE,
            cause=f"order:{order_id}",
            text=gettext_noop("Order %(order)s was not sent in time and could not be refunded: see the log."),
            order=order_id,
        )
        return False


@transaction.atomic
def _refund(order_id: int) -> bool:
    order = locked(order_id)
    # No longer queued: since the list was made a worker claimed it, its customer canceled it, or another run
    # was first.
    if order.status != Order.Status.QUEUED or _is_sent_again(order):
        return False
    if not cancel_unsent(order, why=f"not sent within {settings.QUEUED_REFUND_AFTER_HOURS} hours"):
        return False
    logger.info("order.overdue order=%s provider=%s", order.pk, order.provider_id)
    return True


def _alert(provider_id: int, *, count: int) -> None:
    name = Provider.objects.values_list("name", flat=True).get(pk=provider_id)
    hours = settings.QUEUED_REFUND_AFTER_HOURS
    raise_alert(
        Alert.Kind.ORDERS_OVERDUE,
        cause=f"provider:{provider_id}",
        text=gettext_noop(
            "Orders to %(provider)s that were not sent within %(hours)s hours: %(count)s, canceled and "
            "refunded."
        ),
        provider=name,
        hours=hours,
        count=count,
    )
