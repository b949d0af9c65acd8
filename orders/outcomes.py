"""What becomes of an order after its `add` call: one function for each class of answer.

The classes are those of `provider-dialects.md`, section 2; `upstream/classing.py` puts an answer into one.
"""

import logging
import random
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Min, Subquery
from django.db.models.functions import Substr
from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.fault_words import said
from catalog.halting import halt, pace_down, sending_works
from catalog.teaching import as_taught
from operations.alerting import close_alerts, raise_alert
from operations.models import Alert
from operations.waking import wake
from orders.escalating import escalate, is_for_the_account, switch_service_off, unnamed_wait
from orders.life import Event, at_provider, locked, move
from orders.links import START_LENGTH, LinkStart
from orders.losing import look_for
from orders.models import Attempt, Order
from orders.refunding import refund_up_to
from upstream.answers import Placed
from upstream.errors import Halt, Later, ProviderError, Refused, Uncertain, UnknownText
from upstream.replies import MAX_WAIT_SECONDS

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
        if isinstance(answer, ProviderError):
            answer = as_taught(answer, provider_id=attempt.provider_id)
        if not _close(attempt, answer):
            return  # recorded before
        if not _counts_still(order, attempt, answer):
            _note_late(order, attempt, answer)
            return
        _take_on(order, attempt, answer)
        if order.status != Order.Status.UNCERTAIN:
            close_alerts(Alert.Kind.ORDER_UNCERTAIN, cause=f"order:{order.pk}")
    _tell_provider(attempt, order, answer)


def _close(attempt: Attempt, answer: Placed | ProviderError) -> bool:
    outcome, rule = (Outcome.PLACED, "") if isinstance(answer, Placed) else (_outcome_of(answer), answer.rule)
    # An id that a person, or a search, found for the attempt outlives a late fault.
    given = {"provider_order_id": answer.order_id} if isinstance(answer, Placed) else {}
    open_or_expired = Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.OPEN) | Attempt.objects.filter(
        pk=attempt.pk, outcome=Outcome.UNCERTAIN, rule="worker_died"
    )
    closed = open_or_expired.update(
        outcome=outcome,
        rule=rule,
        ended_at=timezone.now(),
        answer=answer.raw,
        http_status=None if isinstance(answer, Placed) else answer.http_status,
        last_seen=newest_attempt(attempt.provider_id),
        **given,
    )
    attempt.rule = rule
    return bool(closed)


def newest_attempt(provider_id: int) -> Subquery:
    """Return, for use in an update, the number of a provider's newest attempt: those after it begin later."""
    return Subquery(Attempt.objects.filter(provider=provider_id).order_by("-id").values("pk")[:1])


def _counts_still(order: Order, attempt: Attempt, answer: Placed | ProviderError) -> bool:
    if order.status == Order.Status.QUEUED:
        # A person took it for not placed, and it is not sent again, or that was surely not placed: now it is
        # known to be placed, and another `add` would double it.
        return isinstance(answer, Placed)
    if Attempt.objects.filter(order=order, pk__gt=attempt.pk).exists():
        return False
    return order.status in (Order.Status.SENDING, Order.Status.UNCERTAIN)


def _note_late(order: Order, attempt: Attempt, answer: Placed | ProviderError) -> None:
    # The answer stays on the attempt as evidence; staff is told where it contradicts what was decided.
    if isinstance(answer, Placed) and answer.order_id != order.provider_order_id:
        text = gettext_noop(
            "Order %(order)s was settled, and then the provider answered that it was placed as %(id)s."
        )
        params: dict[str, object] = {"id": answer.order_id}
    elif isinstance(answer, Refused | Later | Halt) and attempt.provider_order_id:
        text = gettext_noop(
            "Order %(order)s was settled, and then the provider answered to the call that was taken for "
            "%(id)s: %(said)s"
        )
        params = {"id": attempt.provider_order_id, "said": said(answer.text)}
    else:
        return
    # A cause of its own: what the second attempt comes to must not close it.
    cause = f"order:{order.pk}:placed_late"
    raise_alert(Alert.Kind.ORDER_UNCERTAIN, cause=cause, text=text, order=order.pk, **params)


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


def take_on_anew(order: Order, attempt: Attempt, answer: ProviderError) -> None:
    """Take an order on from an attempt's answer whose class is another one now.

    Runs in the transaction that holds the order's row, which waits for a person. What follows for the whole
    provider is the caller's.
    """
    attempt.rule = answer.rule
    Attempt.objects.filter(pk=attempt.pk).update(outcome=_outcome_of(answer), rule=answer.rule)
    _take_on(order, attempt, answer)


def _take_on(order: Order, attempt: Attempt, answer: Placed | ProviderError) -> None:
    if isinstance(answer, Placed):
        _placed(order, attempt, answer)
    elif isinstance(answer, Refused | Later | Halt) and (earlier := _placed_before(order, attempt)):
        # Sent again by a person's word, and then the first call's answer came after all: it has the order.
        _placed(order, earlier, Placed(earlier.provider_order_id, earlier.answer))
        close_alerts(Alert.Kind.ORDER_UNCERTAIN, cause=f"order:{order.pk}:placed_late")
    elif isinstance(answer, Refused):
        _refused(order, answer)
    elif isinstance(answer, Later):
        _later(order, attempt, answer)
    elif isinstance(answer, Halt):
        _not_sent(order, wait_seconds=0, why=answer.text, waits=order.waits)
    elif isinstance(answer, UnknownText):
        _held(order, attempt, answer)
    else:
        _uncertain(order, attempt, answer)


def _placed(order: Order, attempt: Attempt, answer: Placed) -> None:
    try:
        with transaction.atomic():
            move(
                order,
                to=Order.Status.PENDING,
                event=Event.ACCEPTED,
                detail=answer.order_id,
                **at_provider(order, answer.order_id, sent_at=timezone.now()),
            )
    except IntegrityError:
        # Another order has this id: which of the two the provider means, nobody here can know.
        order.refresh_from_db()
        doubt = Uncertain(f"id {answer.order_id} belongs to another order", raw=answer.raw, rule="id_taken")
        Attempt.objects.filter(pk=attempt.pk).update(
            outcome=Outcome.UNCERTAIN, rule=doubt.rule, provider_order_id=""
        )
        _uncertain(order, attempt, doubt)
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
    if answer.hints_at_earlier and (doubtful := _may_be_placed_before(order, attempt)):
        _uncertain(order, doubtful, answer)
        return
    if answer.rule == "active_order":
        if _behind_since(order) < timezone.now() - ACTIVE_ORDER_GIVE_UP and not _has_own_ahead(order):
            _refused(order, answer)
            return
        wait_seconds: float = ACTIVE_ORDER_WAIT_SECONDS
    elif answer.wait_seconds is None:
        wait_seconds = _backoff(order.waits)
    elif answer.rule == "spam_wait":
        wait_seconds = min(_spread(answer.wait_seconds), MAX_WAIT_SECONDS)
    else:
        wait_seconds = answer.wait_seconds
    _not_sent(order, wait_seconds=wait_seconds, why=answer.text, waits=order.waits + 1)


def _placed_before(order: Order, attempt: Attempt) -> Attempt | None:
    earlier = Attempt.objects.filter(order=order, pk__lt=attempt.pk, outcome=Outcome.PLACED)
    return earlier.order_by("-pk").first()


def _may_be_placed_before(order: Order, attempt: Attempt) -> Attempt | None:
    earlier = Attempt.objects.filter(order=order, pk__lt=attempt.pk)
    return earlier.filter(outcome__in=Attempt.IN_DOUBT).order_by("-pk").first()


def _behind_since(order: Order) -> datetime:
    """Return when the provider said first that the order's link has an order already."""
    told = order.attempts.filter(rule="active_order")
    since: datetime | None = told.aggregate(first=Min("started_at"))["first"]
    return since or timezone.now()


def _has_own_ahead(order: Order) -> bool:
    """Tell whether another order of ours is open at the provider on the link: this one waits behind it."""
    # In two halves, as in `orders/duplicates.py`.
    halves = Order.objects.alias(link_start=LinkStart("link"), link_rest=Substr("link", START_LENGTH + 1))
    same_link = halves.filter(link_start=order.link[:START_LENGTH], link_rest=order.link[START_LENGTH:])
    others = same_link.filter(provider=order.provider_id).exclude(pk=order.pk)
    return others.filter(status__in=Order.OPEN_UPSTREAM).exists()


def _backoff(waits: int) -> float:
    steps: list[int] = settings.FORWARD_BACKOFF_SECONDS
    return _spread(steps[min(waits, len(steps) - 1)])


def _spread(seconds: float) -> float:
    """Lengthen a wait a little, so that what was refused together does not come back together."""
    return seconds * random.uniform(1.0, 1.2)  # noqa: S311


def _not_sent(order: Order, *, wait_seconds: float, why: str, waits: int) -> None:
    if order.cancel_state == Order.CancelState.WANTED:
        cancel_unsent(order)
        return
    due_at = timezone.now() + timedelta(seconds=wait_seconds)
    move(order, to=Order.Status.QUEUED, event=Event.WAITS, detail=why, due_at=due_at, waits=waits)


def cancel_unsent(order: Order, *, why: str = "") -> bool:
    """Cancel an order that is surely not placed, give everything back; False when it moved on meanwhile."""
    now = timezone.now()
    canceled = move(
        order, to=Order.Status.CANCELED, event=Event.CANCELED_HERE, detail=why, ended_at=now, due_at=None
    )
    if canceled:
        refund_up_to(order, target=order.charge)
    return canceled


def _held(order: Order, attempt: Attempt, answer: ProviderError) -> None:
    move(order, to=Order.Status.HELD, event=Event.HELD, detail=answer.text, reason=answer.text, due_at=None)
    look_for(attempt)
    raise_alert(
        Alert.Kind.ORDER_HELD,
        cause=f"order:{order.pk}",
        text=gettext_noop("Order %(order)s: the provider refused it with words that are not known: %(said)s"),
        order=order.pk,
        said=answer.text,
    )


def _uncertain(order: Order, attempt: Attempt, answer: ProviderError) -> None:
    move(
        order,
        to=Order.Status.UNCERTAIN,
        event=Event.UNCERTAIN,
        detail=answer.text,
        reason=answer.text,
        due_at=None,
    )
    look_for(attempt)
    raise_alert(
        Alert.Kind.ORDER_UNCERTAIN,
        cause=f"order:{order.pk}",
        text=gettext_noop("Order %(order)s may or may not have been placed: %(said)s"),
        order=order.pk,
        said=said(answer.text),
    )


def _tell_provider(attempt: Attempt, order: Order, answer: Placed | ProviderError) -> None:
    provider = order.provider
    if isinstance(answer, Placed):
        sending_works(provider)
    elif isinstance(answer, Halt):
        halt(provider, rule=answer.rule, text=answer.text, funds=answer.funds)
    elif isinstance(answer, Later) and (answer.paces_provider or is_for_the_account(attempt, answer)):
        pace_down(provider, answer.wait_seconds or unnamed_wait(attempt))
    elif isinstance(answer, Refused) and answer.switch_service_off:
        switch_service_off(order.service, answer.text)
    if not isinstance(answer, Placed):
        escalate(attempt, answer)
