"""Taking up an order that was found at the provider, where nothing else can explain what was found."""

import logging

from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction

from catalog.models import Provider
from operations.alerting import close_alerts
from operations.models import Alert
from operations.waking import wake
from orders.life import Event, at_provider, locked, move
from orders.matching import other_with, sure_matches
from orders.models import Attempt, LostAnswer, Order

logger = logging.getLogger(__name__)


def adopt_found(provider: Provider) -> None:
    """Take up what is sure among the orders found at a provider, if it is set to.

    Only for an account that nobody but this panel uses (`Provider.lost_answers`).
    """
    if provider.lost_answers == Provider.LostAnswers.ADOPT and not _is_shared(provider):
        for lost, candidate in sure_matches(provider.pk):
            adopt(lost, number=candidate.number)


def adopt(lost: LostAnswer, *, number: int) -> bool:
    """Give a lost order the provider's id that was found for it; it is polled from now on.

    False, with nothing changed, when somebody settled it meanwhile, when it was sent again, when another
    order or its call has the id, or when the provider is not set to it any more.
    """
    try:
        with transaction.atomic():
            order = locked(lost.attempt.order_id)
            if order.status not in Order.FOR_A_PERSON or _may_be_placed_later(lost.attempt):
                return False
            if other_with(str(number), order=order) is not None:
                return False  # a late answer named it since the search ended
            if not Provider.objects.filter(
                pk=lost.provider_id, lost_answers=Provider.LostAnswers.ADOPT
            ).exists():
                return False  # an operator changed their mind since the search began
            _take_up(order, lost.attempt, str(number))
    except IntegrityError:
        return False  # a late answer gave this id to another order
    logger.info("order.found order=%s provider=%s id=%s", order.pk, order.provider_id, number)
    return True


def _is_shared(provider: Provider) -> bool:
    """Tell whether another provider of ours is the same account, so that its orders are in these windows."""
    others = Provider.objects.filter(url=provider.url).exclude(pk=provider.pk)
    try:
        return any(other.key == provider.key for other in others)
    except ImproperlyConfigured:
        return True  # a key of a SECRET_KEY that is gone: it may be any


def _may_be_placed_later(attempt: Attempt) -> bool:
    later = Attempt.objects.filter(order_id=attempt.order_id, pk__gt=attempt.pk)
    return later.exclude(outcome__in=Attempt.NOT_PLACED).exists()


def _take_up(order: Order, attempt: Attempt, provider_order_id: str) -> None:
    move(
        order,
        to=Order.Status.PENDING,
        event=Event.FOUND,
        detail=provider_order_id,
        **at_provider(order, provider_order_id, sent_at=attempt.started_at),
    )
    Attempt.objects.filter(pk=attempt.pk).update(provider_order_id=provider_order_id)
    if order.cancel_due_at:
        wake("orders.tasks.cancel_provider", order.provider_id)
    for kind in (Alert.Kind.ORDER_UNCERTAIN, Alert.Kind.ORDER_HELD):
        close_alerts(kind, cause=f"order:{order.pk}")
