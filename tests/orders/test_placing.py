from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.halting import halt
from catalog.models import Category, Provider, Service
from orders.errors import (
    ChargeTooSmall,
    InvalidLink,
    OrderError,
    PriceChanged,
    QuantityOutOfBounds,
    RequestIdReused,
    ServiceNotSold,
)
from orders.models import Attempt, Order, OrderEvent
from orders.placing import place_order, quote
from tests.factories import LINK, credit, make_service, place
from tests.orders.acting import charges, forward, held_by, kinds
from upstream.sandbox import SandboxServer
from wallet.errors import InsufficientFunds


def nothing_happened(customer: User, *, held: int | Decimal = 1000) -> None:
    assert Order.objects.count() == 0
    assert charges() == 0
    assert held_by(customer) == held


def test_an_order_is_written_and_paid_for(
    customer: User, service: Service, sandbox: SandboxServer, commits: Any
) -> None:
    with commits as sent:
        order = place(customer, service, quantity=1500, link=f"  {LINK} ", request_id="r-1")

    kept = Order.objects.get()
    assert kept == order
    assert (kept.status, kept.link, kept.quantity, kept.request_id) == ("queued", LINK, 1500, "r-1")
    assert (kept.price, kept.cost, kept.charge, kept.refunded) == (130, 100, 195, 0)
    assert kept.due_at == kept.created_at
    assert held_by(customer) == 805
    event = OrderEvent.objects.get()
    assert (event.kind, event.to_status, event.actor) == ("placed", "queued", customer)
    assert sent == [("orders.tasks.forward_provider", (service.provider_id,))]
    assert not sandbox.calls  # the one who waits for the page never waits for a provider
    assert Attempt.objects.count() == 0


@pytest.mark.parametrize(
    ("price", "quantity", "charge"),
    [
        ("130", 1, "0.13"),
        ("0.01", 1, "0.00001"),
        ("0.0149", 1, "0.00001"),
        ("0.015", 1, "0.00002"),  # half up
        ("0.12345", 999, "0.12333"),
        ("130", 50_000, "6500"),
    ],
)
def test_the_charge_is_rounded_once(
    customer: User, service: Service, price: str, quantity: int, charge: str
) -> None:
    Service.objects.update(price=Decimal(price), min_quantity=1)
    credit(customer, 10_000)

    assert place(customer, service, quantity=quantity).charge == Decimal(charge)


def test_both_bounds_can_be_ordered(customer: User, service: Service) -> None:
    credit(customer, 10_000)

    assert [place(customer, service, quantity=quantity).quantity for quantity in (100, 50_000)] == [
        100,
        50_000,
    ]


@pytest.mark.parametrize("quantity", [99, 50_001, 0, -1000, 10**30, -(10**30)])
def test_a_quantity_outside_the_bounds(customer: User, service: Service, quantity: int) -> None:
    with pytest.raises(QuantityOutOfBounds) as refusal:
        place(customer, service, quantity=quantity)

    assert (refusal.value.least, refusal.value.greatest) == (100, 50_000)
    nothing_happened(customer)


@pytest.mark.parametrize("service_id", [0, -1, 999_999, 2**63, 10**30])
def test_a_service_that_is_not_there(customer: User, service: Service, service_id: int) -> None:
    with pytest.raises(ServiceNotSold):
        place_order(customer, service_id=service_id, link=LINK, quantity=1000, request_id="r")
    nothing_happened(customer)


@pytest.mark.parametrize(
    "change",
    [
        {"is_listed": False},
        {"is_hidden": True},
        {"held_text": "why"},
        {"type": "Subscriptions"},
        {"price": None},
    ],
    ids=str,
)
def test_a_service_that_is_not_sold(customer: User, service: Service, change: dict[str, object]) -> None:
    Service.objects.update(**change)

    with pytest.raises(ServiceNotSold):
        place(customer, service)
    nothing_happened(customer)


def test_a_service_of_an_inactive_provider(customer: User, service: Service) -> None:
    Provider.objects.update(is_active=False)

    with pytest.raises(ServiceNotSold):
        place(customer, service)
    nothing_happened(customer)


def test_a_service_of_a_hidden_category(customer: User, service: Service) -> None:
    Category.objects.update(is_hidden=True)

    with pytest.raises(ServiceNotSold):
        place(customer, service)
    nothing_happened(customer)


def test_a_halted_provider_is_sold_and_its_orders_wait(
    customer: User, service: Service, sandbox: SandboxServer
) -> None:
    halt(service.provider, rule="key", text="Invalid API key")

    order = place(customer, service)

    assert forward(service.provider) == 0
    assert order.status == "queued"
    assert not sandbox.calls


def test_a_link_that_is_none(customer: User, service: Service) -> None:
    with pytest.raises(InvalidLink):
        place(customer, service, link="javascript:alert(1)")
    nothing_happened(customer)


def test_too_little_money(alice: User, service: Service) -> None:
    credit(alice, Decimal("129.99999"))

    with pytest.raises(InsufficientFunds) as refusal:
        place(alice, service)

    assert (refusal.value.needed, refusal.value.available) == (130, Decimal("129.99999"))
    nothing_happened(alice, held=Decimal("129.99999"))


def test_money_to_the_last_bit(alice: User, service: Service) -> None:
    credit(alice, 130)

    place(alice, service)

    assert held_by(alice) == 0


def test_a_customer_without_a_wallet(boris: User, service: Service) -> None:
    with pytest.raises(InsufficientFunds):
        place(boris, service)
    nothing_happened(boris, held=0)


@pytest.mark.parametrize("quantity", [10**4, 10**17])
def test_a_charge_that_no_wallet_can_hold(customer: User, service: Service, quantity: int) -> None:
    Service.objects.update(price=Decimal(10) ** 11, max_quantity=10**17)

    with pytest.raises(InsufficientFunds) as refusal:
        place(customer, service, quantity=quantity)

    assert (refusal.value.needed, refusal.value.available) == (Decimal(10) ** 8 * quantity, 1000)
    nothing_happened(customer)


def test_a_charge_that_rounds_to_nothing(customer: User, service: Service) -> None:
    Service.objects.update(price=Decimal("0.00001"))

    with pytest.raises(ChargeTooSmall):
        place(customer, service, quantity=100)
    nothing_happened(customer)


# --- The price that the customer saw ----------------------------------------------------------------------


def test_a_price_that_rose_since_the_page_was_shown(customer: User, service: Service) -> None:
    Service.objects.update(price=Decimal("130.000001"))

    with pytest.raises(PriceChanged) as refusal:
        place(customer, service, agreed_price=Decimal(130))

    assert refusal.value.price == Decimal("130.000001")
    nothing_happened(customer)


def test_a_price_that_fell_is_taken(customer: User, service: Service) -> None:
    Service.objects.update(price=Decimal(120))

    assert place(customer, service, agreed_price=Decimal(130)).charge == 120


def test_a_price_of_before_does_not_touch_an_order_of_before(customer: User, service: Service) -> None:
    order = place(customer, service)
    Service.objects.update(price=Decimal(999), cost=Decimal(800))

    kept = Order.objects.get(pk=order.pk)
    assert (kept.price, kept.cost, kept.charge) == (130, 100, 130)


# --- The same request again -------------------------------------------------------------------------------


def test_the_same_request_is_the_same_order(customer: User, service: Service, commits: Any) -> None:
    first = place(customer, service, request_id="r-1", agreed_price=Decimal(130))

    with commits as sent:
        again = [place(customer, service, request_id="r-1", agreed_price=Decimal(130)) for _ in range(3)]

    assert again == [first, first, first]
    assert (Order.objects.count(), charges(), held_by(customer)) == (1, 1, 870)
    assert kinds(first) == ["placed"]
    assert sent == []


def test_the_same_request_finds_its_order_whatever_happened_since(customer: User, service: Service) -> None:
    first = place(customer, service, request_id="r-1", agreed_price=Decimal(130))
    Service.objects.update(price=Decimal(500), is_listed=False, max_quantity=100)

    assert place(customer, service, request_id="r-1", agreed_price=Decimal(130)) == first


@pytest.mark.parametrize("change", [{"quantity": 2000}, {"link": "https://example.com/other"}], ids=str)
def test_a_request_id_with_another_content(customer: User, service: Service, change: dict[str, Any]) -> None:
    place(customer, service, request_id="r-1")

    with pytest.raises(RequestIdReused):
        place(customer, service, request_id="r-1", **change)
    assert (Order.objects.count(), held_by(customer)) == (1, 870)


def test_a_request_id_with_another_service(customer: User, service: Service) -> None:
    place(customer, service, request_id="r-1")

    with pytest.raises(RequestIdReused):
        place(customer, make_service(service.provider), request_id="r-1")
    assert (Order.objects.count(), held_by(customer)) == (1, 870)


def test_two_customers_may_use_the_same_request_id(customer: User, boris: User, service: Service) -> None:
    credit(boris, 1000)

    assert place(customer, service, request_id="r-1") != place(boris, service, request_id="r-1")
    assert (held_by(customer), held_by(boris)) == (870, 870)


def test_a_refused_request_may_come_again(alice: User, service: Service) -> None:
    with pytest.raises(InsufficientFunds):
        place(alice, service, request_id="r-1")
    credit(alice, 130)

    assert place(alice, service, request_id="r-1").status == "queued"


# --- A quote ----------------------------------------------------------------------------------------------


def test_a_quote_is_what_an_order_costs(customer: User, service: Service) -> None:
    offer = quote(service.pk, quantity=1500)

    assert (offer.service, offer.price, offer.charge) == (service, 130, 195)
    assert place(customer, service, quantity=1500).charge == offer.charge


def test_placing_never_reads_the_providers_key(customer: User, service: Service, settings: Any) -> None:
    settings.SECRET_KEY = "another one: the key cannot be decrypted"

    assert quote(service.pk, quantity=1500).charge == 195
    assert place(customer, service, quantity=1500).charge == 195


def test_a_quote_writes_nothing(customer: User, service: Service) -> None:
    quote(service.pk, quantity=1500)
    nothing_happened(customer)


def test_every_refusal_has_one_base() -> None:
    refusals = (
        ChargeTooSmall,
        InvalidLink,
        PriceChanged,
        QuantityOutOfBounds,
        RequestIdReused,
        ServiceNotSold,
    )
    assert all(issubclass(refusal, OrderError) for refusal in refusals)


def test_placing_takes_the_same_statements_whatever_was_ordered_before(
    customer: User, service: Service
) -> None:
    credit(customer, 100_000)
    counts = []
    for size in (10, 200):
        for _ in range(size - Order.objects.count()):
            place(customer, service)
        with CaptureQueriesContext(connection) as statements:
            place(customer, service)
        counts.append(len(statements))
    assert counts[0] == counts[1]
