"""What becomes of an order after its `add` call: one function for each class of answer.

The classes are those of `provider-dialects.md`, section 2; `upstream/classing.py` puts an answer into one.
"""

import logging
import random
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.halting import halt, pace_down, sending_works
from operations.alerting import close_alerts, raise_alert
from operations.models import Alert
from operations.waking import wake
from orders.escalating import escalate, is_for_the_account, switch_service_off
from orders.life import Event, locked, move
from orders.models import Attempt, Order
from orders.refunding import refund_up_to
from upstream.answers import Placed
from upstream.errors import Halt, Later, ProviderError, Refused, Uncertain, UnknownText

logger = logging.getLogger(__name__)

Outcome = Attempt.Outcome

ACTIVE_ORDER_WAIT_SECONDS = 900
ACTIVE_ORDER_GIVE_UP = timedelta(hours=72)


def record_outcome(attempt_id: int, answer: Placed | ProviderError) -> None:
    """Write an attempt's outcome and take its order on from there. May be called again; the first one counts.

    An answer that comes after the attempt's lease ended still settles its order, as long as nobody did.
    """
    with transaction.atomic():
        attempt = Attempt.objects.select_related("order").get(pk=attempt_id)
        order = locked(attempt.order_id)
        if not _close(attempt, answer):
            return  # recorded before
        if not _counts_still(order, attempt, answer):
            _note_late(order, answer)
            return
        _take_on(order, attempt, answer)
        if order.status != Order.Status.UNCERTAIN:
            close_alerts(Alert.Kind.ORDER_UNCERTAIN, cause=f"order:{order.pk}")
    _tell_provider(attempt, order, answer)


def _close(attempt: Attempt, answer: Placed | ProviderError) -> bool:
    outcome, rule = (Outcome.PLACED, "") if isinstance(answer, Placed) else (_outcome_of(answer), answer.rule)
    open_or_expired = Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.OPEN) | Attempt.objects.filter(
        pk=attempt.pk, outcome=Outcome.UNCERTAIN, rule="worker_died"
    )
    closed = open_or_expired.update(
        outcome=outcome,
        rule=rule,
        ended_at=timezone.now(),
        answer=answer.raw,
        http_status=None if isinstance(answer, Placed) else answer.http_status,
        provider_order_id=answer.order_id if isinstance(answer, Placed) else "",
    )
    attempt.rule = rule
    return bool(closed)


def _counts_still(order: Order, attempt: Attempt, answer: Placed | ProviderError) -> bool:
    if Attempt.objects.filter(order=order, pk__gt=attempt.pk).exists():
        return False
    if order.status == Order.Status.QUEUED:
        # A person took it for not placed, and it is not sent again yet: now it is known to be placed, and a
        # second `add` would double it.
        return isinstance(answer, Placed)
    return order.status in (Order.Status.SENDING, Order.Status.UNCERTAIN)


def _note_late(order: Order, answer: Placed | ProviderError) -> None:
    # The answer stays on the attempt as evidence; only "placed" contradicts what a person decided.
    if isinstance(answer, Placed) and answer.order_id != order.provider_order_id:
        raise_alert(
            Alert.Kind.ORDER_UNCERTAIN,
            # A cause of its own: what the second attempt comes to must not close it.
            cause=f"order:{order.pk}:placed_late",
            text=f"Order {order.pk} was settled by hand, and then the provider answered that it was placed "
            f"as {answer.order_id}.",
        )


def _outcome_of(error: ProviderError) -> Attempt.Outcome:
    for kind, outcome in (
        (Refused, Outcome.REFUSED),
        (Later, Outcome.LATER),
        (Halt, Outcome.HALT),
        (UnknownText, Outcome.UNKNOWN_TEXT),
    ):
        if isinstance(error, kind):
            return outcome
    return Outcome.UNCERTAIN


def _take_on(order: Order, attempt: Attempt, answer: Placed | ProviderError) -> None:
    if isinstance(answer, Placed):
        _placed(order, attempt, answer)
    elif isinstance(answer, Refused):
        _refused(order, answer)
    elif isinstance(answer, Later):
        _later(order, attempt, answer)
    elif isinstance(answer, Halt):
        _not_sent(order, wait_seconds=0, why=answer.text, waits=order.waits)
    elif isinstance(answer, UnknownText):
        _held(order, answer)
    else:
        _uncertain(order, answer)


def _placed(order: Order, attempt: Attempt, answer: Placed) -> None:
    now = timezone.now()
    try:
        with transaction.atomic():
            move(
                order,
                to=Order.Status.PENDING,
                event=Event.ACCEPTED,
                detail=answer.order_id,
                provider_order_id=answer.order_id,
                sent_at=now,
                waits=0,
                due_at=now + timedelta(seconds=settings.POLL_FIRST_SECONDS),
                cancel_due_at=now if order.cancel_state == Order.CancelState.WANTED else None,
            )
    except IntegrityError:
        # Another order has this id: which of the two the provider means, nobody here can know.
        order.refresh_from_db()
        doubt = Uncertain(f"id {answer.order_id} belongs to another order", raw=answer.raw, rule="id_taken")
        Attempt.objects.filter(pk=attempt.pk).update(outcome=Outcome.UNCERTAIN, rule=doubt.rule)
        _uncertain(order, doubt)
        return
    if order.cancel_due_at:
        wake("orders.tasks.cancel_provider", order.provider_id)
    logger.info("order.forwarded order=%s provider=%s", order.pk, order.provider_id)


def _refused(order: Order, answer: ProviderError) -> None:
    now = timezone.now()
    move(
        order,
        to=Order.Status.CANCELED,
        event=Event.REFUSED,
        detail=answer.text,
        reason=answer.text,
        ended_at=now,
        due_at=None,
    )
    refund_up_to(order, target=order.charge)


def _later(order: Order, attempt: Attempt, answer: Later) -> None:
    if answer.hints_at_earlier and _was_uncertain_before(order, attempt):
        _uncertain(order, answer)
        return
    if answer.rule == "active_order":
        if timezone.now() - order.created_at > ACTIVE_ORDER_GIVE_UP:
            _refused(order, answer)
            return
        wait_seconds: float = ACTIVE_ORDER_WAIT_SECONDS
    else:
        wait_seconds = _backoff(order.waits) if answer.wait_seconds is None else answer.wait_seconds
    _not_sent(order, wait_seconds=wait_seconds, why=answer.text, waits=order.waits + 1)


def _was_uncertain_before(order: Order, attempt: Attempt) -> bool:
    earlier = Attempt.objects.filter(order=order, pk__lt=attempt.pk)
    return earlier.filter(outcome=Outcome.UNCERTAIN).exists()


def _backoff(waits: int) -> float:
    steps: list[int] = settings.FORWARD_BACKOFF_SECONDS
    # Spread a little, so that what was refused together does not come back together.
    return steps[min(waits, len(steps) - 1)] * random.uniform(1.0, 1.2)  # noqa: S311


def _not_sent(order: Order, *, wait_seconds: float, why: str, waits: int) -> None:
    if order.cancel_state == Order.CancelState.WANTED:
        cancel_unsent(order)
        return
    due_at = timezone.now() + timedelta(seconds=wait_seconds)
    move(order, to=Order.Status.QUEUED, event=Event.WAITS, detail=why, due_at=due_at, waits=waits)


def cancel_unsent(order: Order) -> bool:
    """Cancel an order that is surely not placed, give everything back; False when it moved on meanwhile."""
    canceled = move(
        order, to=Order.Status.CANCELED, event=Event.CANCELED_HERE, ended_at=timezone.now(), due_at=None
    )
    if canceled:
        refund_up_to(order, target=order.charge)
    return canceled


def _held(order: Order, answer: ProviderError) -> None:
    move(order, to=Order.Status.HELD, event=Event.HELD, detail=answer.text, reason=answer.text, due_at=None)
    raise_alert(
        Alert.Kind.ORDER_HELD,
        cause=f"order:{order.pk}",
        text=f"Order {order.pk}: the provider refused it with words that are not known: {answer.text}",
    )


def _uncertain(order: Order, answer: ProviderError) -> None:
    move(
        order,
        to=Order.Status.UNCERTAIN,
        event=Event.UNCERTAIN,
        detail=answer.text,
        reason=answer.text,
        due_at=None,
    )
    raise_alert(
        Alert.Kind.ORDER_UNCERTAIN,
        cause=f"order:{order.pk}",
        text=f"Order {order.pk} may or may not have been placed: {answer.text}",
    )


def _tell_provider(attempt: Attempt, order: Order, answer: Placed | ProviderError) -> None:
    provider = order.provider
    if isinstance(answer, Placed):
        sending_works(provider)
    elif isinstance(answer, Halt):
        halt(provider, rule=answer.rule, text=answer.text, funds=answer.funds)
    elif isinstance(answer, Later) and (answer.paces_provider or is_for_the_account(attempt, answer)):
        pace_down(provider, answer.wait_seconds or _backoff(order.waits))
    elif isinstance(answer, Refused) and answer.switch_service_off:
        switch_service_off(order.service, answer.text)
    if not isinstance(answer, Placed):
        escalate(attempt)
