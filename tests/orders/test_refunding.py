from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from orders.models import Order
from orders.refunding import owed, refund_up_to
from tests.orders.acting import findings, fresh, held_by, kinds, refunds
from wallet.errors import AlreadyMoved
from wallet.ledger import refund_order
from wallet.models import Transfer

# A refund alone does not end an order, and the audit says so: these tests look at the money themselves.
pytestmark = pytest.mark.tampers


def unsaved(*, charge: str = "130", quantity: int = 1000) -> Order:
    return Order(charge=Decimal(charge), quantity=quantity)


@pytest.mark.parametrize(
    "status", [status for status in Order.Status.values if status not in ("partial", "canceled")]
)
def test_nothing_is_owed_while_it_is_under_way_or_delivered(status: str) -> None:
    assert owed(unsaved(), status=status, remains=500) == 0


@pytest.mark.parametrize("remains", [None, 0, 500, 1000])
def test_all_is_owed_of_a_canceled_one(remains: int | None) -> None:
    assert owed(unsaved(), status="canceled", remains=remains) == 130


@pytest.mark.parametrize(
    ("remains", "back"), [(0, "0"), (1, "0.13"), (300, "39"), (333, "43.29"), (999, "129.87"), (1000, "130")]
)
def test_the_remains_are_owed_of_a_partial_one(remains: int, back: str) -> None:
    assert owed(unsaved(), status="partial", remains=remains) == Decimal(back)


@pytest.mark.parametrize(
    ("charge", "quantity", "remains", "back"),
    [
        ("0.00001", 2, 1, "0.00001"),
        ("0.00001", 3, 1, "0"),
        ("100", 3, 1, "33.33333"),
        ("100", 3, 2, "66.66667"),
    ],
)
def test_it_is_rounded_once_half_up(charge: str, quantity: int, remains: int, back: str) -> None:
    assert owed(unsaved(charge=charge, quantity=quantity), status="partial", remains=remains) == Decimal(back)


def test_a_partial_one_without_remains_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="remains"):
        owed(unsaved(), status="partial", remains=None)


@given(
    charge=st.decimals("0.00001", "1000000", places=5),
    quantity=st.integers(1, 10**12),
    share=st.fractions(0, 1),
)
def test_what_is_owed_lies_within_the_charge(charge: Decimal, quantity: int, share: object) -> None:
    remains = int(share * quantity)  # type: ignore[operator]
    order = unsaved(charge=str(charge), quantity=quantity)
    assert 0 <= owed(order, status="partial", remains=remains) <= charge
    assert owed(order, status="partial", remains=quantity) == charge


def test_money_goes_back_in_steps(order: Order, olga: User) -> None:
    assert refund_up_to(order, target=Decimal(39)) == 39
    assert refund_up_to(order, target=Decimal(50), actor=olga, why="more") == 11
    assert refund_up_to(order, target=Decimal(130)) == 80

    assert (fresh(order).refunded, order.refunded) == (130, 130)
    assert refunds(order) == [39, 11, 80]
    assert held_by(order.customer) == 1000
    assert kinds(order) == ["placed", "refunded", "refunded", "refunded"]
    first, second = Transfer.objects.filter(kind="order_refund").order_by("id")[:2]
    assert (first.made_by, first.note, first.subject_id) == (None, "", order.pk)
    assert (second.made_by, second.note, second.subject_id) == (olga, "more", order.pk)
    event = order.events.filter(amount=11).get()
    assert (event.actor, event.detail) == (olga, "more")


@pytest.mark.parametrize("target", ["0", "10", "39", "-5"])
def test_what_was_given_stays(order: Order, target: str) -> None:
    refund_up_to(order, target=Decimal(39))

    assert refund_up_to(order, target=Decimal(target)) == 0

    assert (fresh(order).refunded, refunds(order), held_by(order.customer)) == (39, [39], 909)


def test_never_above_the_charge(order: Order) -> None:
    with pytest.raises(ValueError, match="above its charge"):
        refund_up_to(order, target=Decimal("130.00001"))
    assert (fresh(order).refunded, refunds(order), held_by(order.customer)) == (0, [], 870)


def test_a_refund_that_came_between_is_not_given_twice(order: Order, olga: User) -> None:
    stale = fresh(order)
    refund_up_to(order, target=Decimal(39))

    assert refund_up_to(stale, target=Decimal(39)) == 0
    stale.refunded = Decimal(0)
    assert refund_up_to(stale, target=Decimal(50), actor=olga, why="more") == 11

    assert (fresh(order).refunded, refunds(order), held_by(order.customer)) == (50, [39, 11], 920)
    last = Transfer.objects.filter(kind="order_refund").latest("id")
    assert (last.made_by, last.note) == (olga, "more")


def test_the_ledger_refuses_the_same_step_by_itself(order: Order) -> None:
    """Beside the guard above stands another: the step's reference is unique in the database."""
    refund_up_to(order, target=Decimal(39))
    with pytest.raises(AlreadyMoved):
        refund_order(order.customer, order_id=order.pk, amount=Decimal(39), refunded_to=Decimal(39))
    assert held_by(order.customer) == 909


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(targets=st.lists(st.decimals("0", "130", places=5), max_size=8))
def test_whatever_order_they_come_in_the_greatest_counts(order: Order, targets: list[Decimal]) -> None:
    before, given_before = held_by(order.customer), fresh(order).refunded
    order = fresh(order)
    for target in targets:
        refund_up_to(order, target=target)
    greatest = max([given_before, *targets])
    assert fresh(order).refunded == greatest
    assert held_by(order.customer) == before + greatest - given_before
    assert not [finding for finding in findings() if "with refunds of" not in finding]
