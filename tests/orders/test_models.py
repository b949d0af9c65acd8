"""What the database refuses by itself, whatever the code above it does."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts.models import User
from catalog.models import Service
from orders.models import Attempt, Order
from tests.factories import credit, make_provider, make_service, place
from tests.orders.acting import accept, fresh


def refused(order: Order, **columns: Any) -> None:
    """Demand that an UPDATE past all Python is refused by a constraint."""
    before = Order.objects.values().get(pk=order.pk)
    sets = ", ".join(f"{name} = %s" for name in columns)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE orders_order SET {sets} WHERE id = %s", [*columns.values(), order.pk])
    assert Order.objects.values().get(pk=order.pk) == before


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_is_at_least_one(order: Order, quantity: int) -> None:
    refused(order, quantity=quantity)


@pytest.mark.parametrize("micros", [0, -1])
def test_a_charge_is_above_zero(order: Order, micros: int) -> None:
    refused(order, charge=micros)


@pytest.mark.parametrize("micros", [-1, 130_000_001])
def test_refunds_lie_within_the_charge(order: Order, micros: int) -> None:
    refused(order, refunded=micros)


@pytest.mark.parametrize("status", sorted(Order.OPEN_UPSTREAM))
def test_what_the_provider_has_has_its_id(order: Order, status: str) -> None:
    refused(order, status=status)


@pytest.mark.parametrize("status", ["completed", "partial"])
def test_what_was_delivered_has_its_id(order: Order, status: str) -> None:
    refused(order, status=status, ended_at=timezone.now())


@pytest.mark.parametrize("status", sorted(Order.ENDED))
def test_what_ended_has_an_end(order: Order, status: str) -> None:
    refused(order, status=status, provider_order_id="1")


@pytest.mark.parametrize("status", sorted(Order.UNSENT | Order.OPEN_UPSTREAM))
def test_what_goes_on_has_none(order: Order, status: str) -> None:
    refused(order, status=status, provider_order_id="1", ended_at=timezone.now())


def test_one_order_per_request(order: Order) -> None:
    other = place(order.customer, order.service)
    refused(other, request_id=order.request_id)


def test_one_order_per_id_of_a_provider(order: Order) -> None:
    accept(order, "1242")
    other = place(order.customer, order.service)
    refused(other, provider_order_id="1242")


def test_a_charge_is_exact(order: Order) -> None:
    with pytest.raises(TypeError), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(charge=1.5)
    with pytest.raises(ValueError, match="finer"), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(refunded=Decimal("0.0000001"))
    assert (fresh(order).charge, fresh(order).refunded) == (130, 0)


def attempt(order: Order, **fields: Any) -> Attempt:
    now = timezone.now()
    return Attempt.objects.create(
        order=order, provider=order.provider, started_at=now, lease_until=now, **fields
    )


def test_one_attempt_under_way(order: Order) -> None:
    attempt(order)
    with pytest.raises(IntegrityError), transaction.atomic():
        attempt(order)
    assert Attempt.objects.count() == 1


def test_ended_attempts_are_many(order: Order) -> None:
    for outcome in ("later", "later", "uncertain"):
        attempt(order, outcome=outcome)
    attempt(order)
    assert Attempt.objects.count() == 4


@pytest.mark.parametrize("what", ["customer", "service", "provider"])
def test_what_an_order_speaks_of_stays(order: Order, what: str) -> None:
    with pytest.raises(ProtectedError):
        getattr(order, what).delete()


def test_an_order_with_a_history_stays(order: Order) -> None:
    with pytest.raises(ProtectedError):
        order.delete()


def test_a_service_and_its_orders_have_one_provider(customer: User, service: Service) -> None:
    order = place(customer, service)
    assert order.provider == service.provider


@pytest.mark.parametrize(("remains", "delivered"), [(None, None), (0, 1000), (300, 700), (1000, 0)])
def test_what_was_delivered(remains: int | None, delivered: int | None) -> None:
    assert Order(quantity=1000, remains=remains).delivered == delivered


def test_what_it_cost_after_refunds() -> None:
    assert Order(charge=Decimal(130), refunded=Decimal(39)).kept == 91


def test_every_status_is_of_one_kind() -> None:
    assert set(Order.Status.values) == Order.UNSENT | Order.OPEN_UPSTREAM | Order.ENDED
    assert len(Order.UNSENT) + len(Order.OPEN_UPSTREAM) + len(Order.ENDED) == len(Order.Status.values)
    assert Order.FOR_A_PERSON < Order.UNSENT


def test_how_they_are_named(order: Order) -> None:
    assert str(order) == f"#{order.pk}"
    assert str(attempt(order)).startswith(f"#{order.pk} ")
    assert str(order.events.get()).startswith(f"#{order.pk} ")


def test_ids_of_two_providers_may_be_alike(order: Order, boris: User) -> None:
    credit(boris, 1000)
    accept(order, "1242")
    accept(place(boris, make_service(make_provider())), "1242")
