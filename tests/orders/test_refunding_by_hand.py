"""A refund by hand: up to what is left, once, by who saw what stands; it counts towards what comes later."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from accounts.models import User
from orders.ending import seen_of, settle_end
from orders.errors import NotForRefund, RefundOutOfBounds, RefundSeenOtherwise
from orders.models import Order, OrderEvent
from orders.polling import record_answer
from orders.refunding_by_hand import refund_by_hand, refundable
from orders.settling import settle_refund
from tests.interrupting import Died, dying
from tests.orders.acting import accept, findings, fresh, held_by, kinds, refunds, said
from wallet.models import Transfer


@pytest.fixture
def give(order: Order, olga: User) -> Callable[..., Order]:
    """Olga gives back of the order's 130, having looked at it as it is."""

    def act(amount: str, *, seen: str | None = None) -> Order:
        looked = fresh(order).refunded if seen is None else Decimal(seen)
        return refund_by_hand(order.pk, amount=Decimal(amount), seen=looked, actor=olga, why="never came")

    return act


@pytest.mark.parametrize("status", ["pending", "processing", "in_progress", "completed"])
def test_a_part_goes_back_and_the_order_stays(
    order: Order, customer: User, olga: User, give: Callable[..., Order], status: str
) -> None:
    record_answer(accept(order).pk, said(status, remains=0))

    after = give("30")

    assert (after.status, after.refunded, after.kept) == (status, Decimal(30), Decimal(100))
    assert held_by(customer) == Decimal(900)
    event = OrderEvent.objects.get(kind="refunded_by_hand")
    assert (event.actor, event.amount, event.detail) == (olga, Decimal(30), "never came")
    transfer = Transfer.objects.get(kind="order_refund")
    assert (transfer.made_by, transfer.reference) == (olga, f"order:{order.pk}:to:30000000")


def test_the_rest_of_a_partial_order(order: Order, customer: User, give: Callable[..., Order]) -> None:
    record_answer(accept(order).pk, said("partial", remains=300))

    after = give("91")

    assert (after.status, after.kept) == ("partial", Decimal(0))
    assert refunds(order) == [Decimal(39), Decimal(91)]
    assert held_by(customer) == Decimal(1000)


@pytest.mark.parametrize(
    ("amount", "remains", "steps"),
    [
        ("30", 500, ["30", "35"]),
        ("65", 500, ["65"]),
        ("100", 500, ["100"]),
        ("130", 500, ["130"]),
    ],
)
def test_a_later_partial_brings_refunds_up_to_what_it_owes(
    order: Order, give: Callable[..., Order], amount: str, remains: int, steps: list[str]
) -> None:
    accept(order)
    give(amount)

    record_answer(order.pk, said("partial", remains=remains))

    assert refunds(order) == [Decimal(step) for step in steps]
    assert fresh(order).status == "partial"


def test_a_late_cancel_gives_the_rest_alone(order: Order, customer: User, give: Callable[..., Order]) -> None:
    record_answer(accept(order).pk, said("completed", remains=0))
    give("30")

    record_answer(order.pk, said("canceled"))

    assert refunds(order) == [Decimal(30), Decimal(100)]
    assert held_by(customer) == Decimal(1000)


def test_alike_refunds_by_hand(order: Order, give: Callable[..., Order]) -> None:
    accept(order)
    for _ in range(3):
        give("20")

    assert fresh(order).refunded == Decimal(60)


def test_after_a_person_ended_it_with_the_same_amount(
    order: Order, olga: User, give: Callable[..., Order]
) -> None:
    accept(order)
    settle_end(order.pk, status="partial", remains=500, seen=seen_of(fresh(order)), actor=olga, why="gone")
    give("65")

    assert refunds(order) == [Decimal(65), Decimal(65)]


@pytest.mark.parametrize("amount", ["0", "-1", "130.00001", "131", "0.000001", "1.000005"])
def test_amounts_that_are_refused(
    order: Order, customer: User, give: Callable[..., Order], amount: str
) -> None:
    accept(order)

    with pytest.raises(RefundOutOfBounds) as refusal:
        give(amount)

    assert refusal.value.most == Decimal(130)
    assert (refunds(order), held_by(customer)) == ([], Decimal(870))


def test_the_second_of_two_clicks(order: Order, give: Callable[..., Order]) -> None:
    accept(order)
    give("30", seen="0")

    with pytest.raises(RefundSeenOtherwise) as refusal:
        give("30", seen="0")

    assert refusal.value.refunded == Decimal(30)
    assert refunds(order) == [Decimal(30)]


def test_the_provider_was_first(order: Order, give: Callable[..., Order]) -> None:
    record_answer(accept(order).pk, said("partial", remains=300))

    with pytest.raises(RefundSeenOtherwise):
        give("130", seen="0")

    assert refunds(order) == [Decimal(39)]


@pytest.mark.parametrize("status", ["queued", "sending", "uncertain", "held"])
def test_what_the_provider_never_had(order: Order, give: Callable[..., Order], status: str) -> None:
    Order.objects.filter(pk=order.pk).update(status=status, due_at=None)

    with pytest.raises(NotForRefund):
        give("1")

    assert refundable(fresh(order)) == 0
    assert refunds(order) == []


def test_what_went_back_whole(order: Order, olga: User, give: Callable[..., Order]) -> None:
    Order.objects.filter(pk=order.pk).update(status="uncertain", due_at=None)
    settle_refund(order.pk, actor=olga, why="gone")

    with pytest.raises(NotForRefund):
        give("1")

    assert "refunded_by_hand" not in kinds(order)


@pytest.mark.parametrize("why", ["", "  "])
def test_a_reason_is_needed(order: Order, olga: User, why: str) -> None:
    accept(order)
    with pytest.raises(ValueError, match="reason"):
        refund_by_hand(order.pk, amount=Decimal(1), seen=Decimal(0), actor=olga, why=why)


def test_a_web_process_that_dies_leaves_all_or_nothing(order: Order, give: Callable[..., Order]) -> None:
    accept(order)
    for statement in range(30):
        try:
            with dying(statement):
                give("1")
        except Died:
            assert findings() == []
            continue
        break
    assert findings() == []
    assert len(refunds(order)) == len([kind for kind in kinds(order) if kind == "refunded_by_hand"]) >= 1
