"""An answer that comes after its order was settled by hand and sent again: never a call too many."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from operations.models import Alert
from orders.forwarding import claim_next, expire_attempts
from orders.models import Attempt, Order
from orders.outcomes import record_outcome
from orders.settling import settle_send_again
from tests.orders.acting import fault, fresh, refunds
from upstream.answers import Placed
from upstream.errors import Halt, Later, ProviderError, Refused, Uncertain, UnknownText

PLACED = Placed("77", "")
WAIT = fault(
    Later, "Spam protection, wait 7 seconds", rule="spam_wait", hints_at_earlier=True, wait_seconds=8
)


def claim(order: Order) -> int:
    Order.objects.filter(pk=order.pk).update(due_at=timezone.now())
    send = claim_next(order.provider_id)
    assert send is not None
    return send.attempt_id


@pytest.fixture
def hanging(order: Order) -> int:
    """The attempt of a worker that hangs: taken for dead, though its answer comes yet."""
    attempt_id = claim(order)
    Attempt.objects.filter(pk=attempt_id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert expire_attempts() == 1
    return attempt_id


@pytest.mark.parametrize(
    "answer",
    [WAIT, fault(Later, rule="nothing_sent"), fault(Halt, rule="key"), fault(Refused, rule="bad_link")],
)
def test_placed_while_it_is_sent_again_it_keeps_the_first_calls_id(
    order: Order, hanging: int, olga: User, answer: ProviderError
) -> None:
    settle_send_again(order.pk, actor=olga, why="the provider's list does not have it")
    again = claim(order)
    record_outcome(hanging, PLACED)
    assert Alert.objects.filter(kind="order_uncertain", closed_at=None).count() == 1

    record_outcome(again, answer)

    assert (fresh(order).status, fresh(order).provider_order_id) == ("pending", "77")
    assert refunds(order) == []
    assert not Alert.objects.filter(kind="order_uncertain", closed_at=None).exists()


@pytest.mark.parametrize("answer", [fault(Uncertain), fault(UnknownText)])
def test_two_calls_that_may_both_have_placed_it_wait_for_a_person(
    order: Order, hanging: int, olga: User, answer: ProviderError
) -> None:
    settle_send_again(order.pk, actor=olga, why="the provider's list does not have it")
    again = claim(order)
    record_outcome(hanging, PLACED)
    record_outcome(again, answer)
    assert fresh(order).status in Order.FOR_A_PERSON


def test_placed_after_the_second_call_was_put_off_it_is_not_sent_a_third_time(
    order: Order, hanging: int, olga: User
) -> None:
    settle_send_again(order.pk, actor=olga, why="the provider's list does not have it")
    record_outcome(claim(order), fault(Later, rule="nothing_sent"))
    assert fresh(order).status == "queued"

    record_outcome(hanging, PLACED)

    assert (fresh(order).status, fresh(order).provider_order_id) == ("pending", "77")
    Order.objects.filter(pk=order.pk).update(due_at=timezone.now())
    assert claim_next(order.provider_id) is None


def test_a_hint_after_words_that_nobody_knew_waits_for_a_person(order: Order, olga: User) -> None:
    record_outcome(claim(order), fault(UnknownText, "Der Auftrag wurde nicht angenommen"))
    settle_send_again(order.pk, actor=olga, why="that is German for not accepted")
    record_outcome(claim(order), WAIT)
    assert fresh(order).status == "uncertain"
