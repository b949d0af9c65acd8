"""Polling: ask the provider about the orders it has, and take what it says, once.

Orders are asked ever more seldom as they age. Ended ones are asked a few times more, since a provider may
turn Completed into Partial or Canceled, or Partial into Canceled (`design.md`, "An order's life").
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.halting import FUNDS, NOT_PROBED, heed
from catalog.models import Provider
from money.amounts import MAX_AMOUNT, round_cost
from operations.alerting import raise_alert
from operations.models import Alert
from operations.turns import WORK_SECONDS
from operations.waking import wake
from operations.wording import Words
from orders.calling import Work, work_through
from orders.escalating import hold_service
from orders.life import Event, locked, move
from orders.models import Order
from orders.refunding import owed, refund_up_to
from upstream.answers import OrderStatus
from upstream.client import Client
from upstream.errors import OrderUnknown, ProviderError

logger = logging.getLogger(__name__)

Status = Order.Status

POLL_LEASE = timedelta(seconds=60)
ALERT_AFTER_UNKNOWN = 3
WRONG_COST_FACTOR = 100

STILL_ANSWERS = frozenset({FUNDS, *NOT_PROBED})
"""Halts of sending alone: such a provider still answers about the orders it has."""

LATE_CHANGES: dict[str, frozenset[str]] = {
    Status.COMPLETED: frozenset({Status.PARTIAL, Status.CANCELED}),
    Status.PARTIAL: frozenset({Status.PARTIAL, Status.CANCELED}),
    Status.CANCELED: frozenset(),
}
"""What an ended order may still turn into."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One `status` call to make."""

    order_id: int
    provider_order_id: str


def poll_due(provider_id: int, *, seconds: float = WORK_SECONDS) -> int:
    """Ask about a provider's due orders until none is due or `seconds` are up; return how many were asked."""
    provider = Provider.objects.get(pk=provider_id)
    work = Work[Ask, OrderStatus](
        take=lambda: take_next(provider_id),
        call=_call_status,
        record=lambda ask, answer: record_answer(ask.order_id, answer),
    )
    return work_through(provider, work, seconds=seconds)


def due_to_ask(provider_id: int | None = None) -> Q:
    """Return the condition of orders to ask about now."""
    due = Q(status__in=Order.OPEN_UPSTREAM | Order.ENDED, due_at__lte=timezone.now()) & answering()
    return due if provider_id is None else due & Q(provider=provider_id)


def answering() -> Q:
    """Return the condition of orders whose provider may be called about them.

    One that refuses our key, or cannot be reached, is left alone, and so is one that asked us to wait. One
    that is not active is asked: it gets no new orders, but those it has are to end, with their money.
    """
    not_halted = Q(provider__halted_at=None) | Q(provider__halt_rule__in=STILL_ANSWERS)
    not_paced = Q(provider__paced_until=None) | Q(provider__paced_until__lte=timezone.now())
    return not_halted & not_paced


@transaction.atomic
def take_next(provider_id: int) -> Ask | None:
    """Take the order that is due longest; it is due again after a minute if no answer is recorded."""
    order = (
        Order.objects.filter(due_to_ask(provider_id), provider_order_id__isnull=False)
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("due_at", "id")
        .first()
    )
    if order is None:
        return None
    Order.objects.filter(pk=order.pk, due_at=order.due_at).update(due_at=timezone.now() + POLL_LEASE)
    return Ask(order_id=order.pk, provider_order_id=order.provider_order_id or "")


def _call_status(client: Client, ask: Ask) -> OrderStatus:
    return client.status(ask.provider_order_id)


def record_answer(order_id: int, answer: OrderStatus | ProviderError) -> None:
    """Take what the provider said of an order. The same answer again changes nothing."""
    with transaction.atomic():
        order = locked(order_id)
        if isinstance(answer, OrderStatus):
            _take(order, answer)
        else:
            _not_answered(order, answer)
    if isinstance(answer, ProviderError):
        heed(order.provider, answer)


def _take(order: Order, answer: OrderStatus) -> None:
    _doubt(order, answer)
    said = _readable_status(order, answer)
    if order.is_ended:
        _take_late(order, said, answer)
    else:
        _take_open(order, said, answer)
    ask_again(order)


def _readable_status(order: Order, answer: OrderStatus) -> str | None:
    """Return the status to take, or None to keep the old one and tell staff why."""
    if answer.status is None:
        text = gettext_noop("Order %(order)s: the provider says an unknown status: %(status)s")
        _tell_unreadable(order, text, status=answer.status_text)
        return None
    if answer.status.value == Status.PARTIAL and answer.remains is None:
        if order.status in (Status.PARTIAL, Status.CANCELED):
            return None  # it ended early already, by a person's word or an earlier answer
        text = gettext_noop(
            "Order %(order)s: the provider says Partial without readable remains: the refund cannot be "
            "counted."
        )
        _tell_unreadable(order, text)
        return None
    return answer.status.value


def _take_open(order: Order, said: str | None, answer: OrderStatus) -> None:
    counts = _counts(order, answer)
    if said is None or said == order.status:
        Order.objects.filter(pk=order.pk, status=order.status).update(**counts)
    elif said in Order.ENDED:
        move(order, to=said, event=Event.STATUS, detail=answer.status_text, ended_at=timezone.now(), **counts)
        _settle_money(order)
    else:
        move(order, to=said, event=Event.STATUS, detail=answer.status_text, **counts)


def _take_late(order: Order, said: str | None, answer: OrderStatus) -> None:
    if said is None or said not in LATE_CHANGES[order.status]:
        return
    counts = _counts(order, answer)
    if said == order.status and (counts.get("remains") or 0) <= (order.remains or 0):
        return  # the same as before, or more delivered than was refunded: what was given back stays
    move(order, to=said, event=Event.STATUS, detail=answer.status_text, **counts)
    _settle_money(order)


def _settle_money(order: Order) -> None:
    order.refresh_from_db(fields=["remains", "refunded"])
    refund_up_to(order, target=max(order.refunded, owed(order, status=order.status, remains=order.remains)))
    logger.info("order.ended order=%s status=%s refunded=%s", order.pk, order.status, order.refunded)


def _counts(order: Order, answer: OrderStatus) -> dict[str, Any]:
    counts: dict[str, Any] = {"unknown_answers": 0}
    if answer.start_count is not None:
        counts["start_count"] = answer.start_count
    if answer.remains is not None:
        # Below zero is over-delivery, above the quantity a wrong reading, of which staff is told: neither
        # moves more than there is.
        counts["remains"] = min(max(answer.remains, 0), order.quantity)
    charge = _charge(order, answer)
    if charge is not None and charge < MAX_AMOUNT - 1:
        counts["provider_charge"] = round_cost(charge)
    return counts


def _charge(order: Order, answer: OrderStatus) -> Decimal | None:
    """Return what the provider charged, in its currency; an amount in another one is not converted."""
    return None if _is_foreign(order, answer) else answer.charge


def _is_foreign(order: Order, answer: OrderStatus) -> bool:
    return bool(answer.currency) and answer.currency != order.provider.currency


def _doubt(order: Order, answer: OrderStatus) -> None:
    """Tell staff of what cannot be right: numbers out of range, another currency, a cost far above ours."""
    if answer.unreadable:
        text = gettext_noop("Order %(order)s: what the provider says cannot be read: %(fields)s.")
        _tell_unreadable(order, text, fields=", ".join(answer.unreadable))
    if answer.remains is not None and answer.remains > order.quantity:
        text = gettext_noop("Order %(order)s: the provider says that %(remains)s of %(quantity)s remain.")
        _tell_unreadable(order, text, remains=answer.remains, quantity=order.quantity)
    if _is_foreign(order, answer):
        _tell_foreign(order, answer.currency)
    expected, charge = order.cost * order.quantity / 1000, _charge(order, answer)
    if charge is not None and order.provider_charge is None and charge >= expected * WRONG_COST_FACTOR:
        text = gettext_noop("The provider charged %(charge)s where %(expected)s was expected.")
        hold_service(order.service, Words(text, {"charge": charge, "expected": expected}))


def _tell_foreign(order: Order, currency: str) -> None:
    # The account's trouble, not the order's: one alert, not one for each order.
    raise_alert(
        Alert.Kind.MONEY_WRONG,
        cause=f"provider:{order.provider_id}:order_currency",
        text=gettext_noop(
            "%(provider)s charges orders in %(answered)s, and its costs are taken for %(currency)s: prices "
            "may be below cost. Set the provider's currency."
        ),
        provider=order.provider,
        answered=currency,
        currency=order.provider.currency,
    )


def _tell_unreadable(order: Order, text: str, **params: object) -> None:
    cause = f"order:{order.pk}"
    raise_alert(Alert.Kind.ORDER_UNREADABLE, cause=cause, text=text, order=order.pk, **params)


def _not_answered(order: Order, error: ProviderError) -> None:
    if isinstance(error, OrderUnknown):
        # Never a reason to refund: the provider took it once. Several times in a row is a reason to look.
        order.unknown_answers += 1
        Order.objects.filter(pk=order.pk).update(unknown_answers=order.unknown_answers)
        if order.unknown_answers == ALERT_AFTER_UNKNOWN:
            text = gettext_noop("Order %(order)s: the provider does not know %(id)s, which it gave us.")
            _tell_unreadable(order, text, id=order.provider_order_id)
    logger.info("order.not_answered order=%s rule=%s", order.pk, error.rule)
    if order.is_ended and not _was_refused(error):
        Order.objects.filter(pk=order.pk).update(
            due_at=timezone.now() + timedelta(seconds=settings.POLL_MAX_SECONDS)
        )
    else:
        ask_again(order)


def _was_refused(error: ProviderError) -> bool:
    """Tell whether the provider has nothing to say of this order: an ended one is then let be."""
    return isinstance(error, OrderUnknown) or error.rule == "unknown_text"


def ask_again(order: Order) -> None:
    """Set when an order that the provider has, or had, is asked about next."""
    if order.is_ended:
        due_at, order.rechecks = _next_recheck(order)
    else:
        due_at = timezone.now() + timedelta(seconds=poll_interval(order))
    Order.objects.filter(pk=order.pk).update(due_at=due_at, rechecks=order.rechecks)


@transaction.atomic
def ask_now(order_id: int) -> bool:
    """Make an order that the provider has, or had, due to be asked about now, and wake a poller.

    Returns False for an order that was never accepted: there is no id to ask about. An ended order's planned
    asks stay as they were: they follow from the time since its end.
    """
    order = locked(order_id)
    if order.provider_order_id is None or order.status not in Order.OPEN_UPSTREAM | Order.ENDED:
        return False
    now = timezone.now()
    if order.due_at is None or order.due_at > now:
        Order.objects.filter(pk=order.pk).update(due_at=now)
    wake("orders.tasks.poll_provider", order.provider_id)
    logger.info("order.asked_by_hand order=%s", order.pk)
    return True


def poll_interval(order: Order, *, now: datetime | None = None) -> float:
    """Return how many seconds to wait before an open order is asked about again: a share of its age."""
    age = ((now or timezone.now()) - (order.sent_at or order.created_at)).total_seconds()
    least, greatest = float(settings.POLL_FIRST_SECONDS), float(settings.POLL_MAX_SECONDS)
    share = float(settings.POLL_AGE_SHARE)
    return min(max(age * share, least), greatest)


def _next_recheck(order: Order) -> tuple[datetime | None, int]:
    """Return when an ended order is asked next, and how many of its late asks are behind it.

    By the time since its end, not by a count of answers, so that the same answer twice uses none of them up.
    """
    now = timezone.now()
    planned = [(order.ended_at or now) + timedelta(seconds=step) for step in settings.RECHECK_ENDED_SECONDS]
    ahead = sorted(at for at in planned if at > now)
    if order.refunded == order.charge or not ahead:
        return None, len(planned) - len(ahead)
    return ahead[0], len(planned) - len(ahead)
