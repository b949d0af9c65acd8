"""What days brought: each thing on its own day, written once, and never another afterwards."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import ExchangeRate, Service
from orders.models import DayTotals, Order
from orders.polling import record_answer
from orders.refunding_by_hand import refund_by_hand
from orders.totals import DAYS_AT_ONCE, bring_up_to_date, computed, sum_of, totals_of
from tests.factories import fill_table, make_provider, make_service, make_user, place
from tests.orders.acting import accept, said

DAY = date(2030, 3, 1)
MIDNIGHT = datetime(2030, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def travel() -> Iterator[time_machine.Traveller]:
    """Begin at noon of a day in March."""
    with time_machine.travel(MIDNIGHT + timedelta(hours=12), tick=False) as travel:
        yield travel


def numbers(totals: DayTotals) -> tuple[object, ...]:
    """Return all that a day's totals say."""
    return (
        *(totals.orders, totals.turnover, totals.cost, totals.refunds, totals.refunded_cost),
        totals.new_customers,
    )


def accepted(order: Order) -> int:
    """Take an order to where its provider has it, placed when it was."""
    placed_at = order.created_at
    accept(order)
    Order.objects.filter(pk=order.pk).update(created_at=placed_at)
    return order.pk


# --- What an order costs us -------------------------------------------------------------------------------


def test_what_an_order_costs_in_the_site_s_currency(order: Order) -> None:
    assert order.cost_here == Decimal(100)


@pytest.mark.parametrize(
    ("cost", "quantity", "rate", "here"),
    [
        ("1.1", 100, "92.53170000", "10.178487"),
        ("0.000001", 1000, "0.5", "0.000001"),
        ("0.000001", 1000, "0.49999999", "0"),
        ("0.3", 333, "0.00000001", "0"),
        ("123.456789", 101, "99.99999999", "1246.913569"),
    ],
)
def test_by_the_rate_when_it_was_placed(
    customer: User, cost: str, quantity: int, rate: str, here: str
) -> None:
    kept = ExchangeRate.objects.create(currency="USD", rate=Decimal(rate))
    service = make_service(make_provider(currency="USD"), cost=Decimal(cost), price=Decimal(2))
    order = place(customer, service, quantity=quantity)
    ExchangeRate.objects.filter(pk=kept.pk).update(rate=Decimal(7))

    assert Order.objects.get(pk=order.pk).cost_here == Decimal(here)


def test_without_a_rate_it_is_not_known(customer: User) -> None:
    order = place(customer, make_service(make_provider(currency="EUR")))

    assert Order.objects.get(pk=order.pk).cost_here is None


# --- Days -------------------------------------------------------------------------------------------------


def test_each_thing_counts_on_its_own_day(
    customer: User, service: Service, olga: User, travel: time_machine.Traveller
) -> None:
    first = accepted(place(customer, service))
    travel.move_to(MIDNIGHT + timedelta(hours=23, minutes=59, seconds=59))
    second = accepted(place(customer, service, quantity=2000))
    travel.move_to(MIDNIGHT + timedelta(days=1))
    make_user()
    make_user(is_staff=True)
    record_answer(first, said("partial", remains=250))
    travel.move_to(MIDNIGHT + timedelta(days=2))
    refund_by_hand(second, amount=Decimal(26), seen=Decimal(0), actor=olga, why="sorry")

    days = totals_of(DAY, DAY + timedelta(days=3))

    assert [numbers(day) for day in days] == [
        (2, Decimal(390), Decimal(300), Decimal(0), Decimal(0), 1),
        (0, Decimal(0), Decimal(0), Decimal("32.5"), Decimal(25), 1),
        (
            0,
            Decimal(0),
            Decimal(0),
            Decimal(26),
            Decimal(0),
            0,
        ),  # at our own loss: the provider keeps its money
        (0, Decimal(0), Decimal(0), Decimal(0), Decimal(0), 0),
    ]
    assert [day.margin for day in days] == [Decimal(90), Decimal("-7.5"), Decimal(-26), Decimal(0)]
    assert numbers(sum_of(days)) == (2, Decimal(390), Decimal(300), Decimal("58.5"), Decimal(25), 2)


def test_an_order_whose_cost_is_not_known(customer: User) -> None:
    order = place(customer, make_service(make_provider(currency="EUR")))
    record_answer(accepted(order), said("canceled"))

    [day] = totals_of(DAY, DAY)

    assert numbers(day) == (1, Decimal(130), Decimal(0), Decimal(130), Decimal(0), 1)


def test_days_that_are_over_are_written_once(
    customer: User, service: Service, travel: time_machine.Traveller
) -> None:
    order = accepted(place(customer, service))
    assert bring_up_to_date() == 0

    travel.move_to(MIDNIGHT + timedelta(days=3, minutes=59))
    assert bring_up_to_date() == 2  # the third is over, but a transaction of its last second may not be
    travel.move_to(MIDNIGHT + timedelta(days=3, hours=1))
    assert bring_up_to_date() == 1
    assert bring_up_to_date() == 0

    record_answer(order, said("canceled"))
    written = {row.day: numbers(row) for row in DayTotals.objects.all()}
    again = {day: numbers(row) for day, row in computed(DAY, DAY + timedelta(days=2)).items()}
    assert written == again
    assert [numbers(day) for day in totals_of(DAY, DAY)] == [written[DAY]]
    assert totals_of(DAY + timedelta(days=3), DAY + timedelta(days=3))[0].refunds == Decimal(130)


def test_a_row_is_final(customer: User, service: Service, travel: time_machine.Traveller) -> None:
    place(customer, service)
    travel.move_to(MIDNIGHT + timedelta(days=2, hours=1))
    bring_up_to_date()
    DayTotals.objects.filter(day=DAY).update(orders=77)

    bring_up_to_date()

    assert totals_of(DAY, DAY)[0].orders == 77


def test_a_long_past_is_written_by_and_by(alice: User, travel: time_machine.Traveller) -> None:
    travel.move_to(MIDNIGHT + timedelta(days=100))

    # A hundred days have begun and ended; the last of them ended within the hour.
    assert [bring_up_to_date() for _ in range(3)] == [DAYS_AT_ONCE, 39, 0]
    days = list(DayTotals.objects.order_by("day").values_list("day", flat=True))
    assert days == [DAY + timedelta(days=number) for number in range(len(days))]


def test_nothing_without_users(db: None) -> None:
    assert bring_up_to_date() == 0


def test_two_runs_at_once(
    customer: User, travel: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    travel.move_to(MIDNIGHT + timedelta(days=2, hours=2))
    assert bring_up_to_date() == 2
    monkeypatch.setattr("orders.totals._first_missing", lambda: DAY)

    bring_up_to_date()

    assert DayTotals.objects.count() == 2


@pytest.mark.parametrize("count", [2, 20])
def test_a_fixed_number_of_statements(customer: User, service: Service, olga: User, count: int) -> None:
    for _ in range(count):
        record_answer(accepted(place(customer, service, quantity=100)), said("canceled"))

    with CaptureQueriesContext(connection) as asked:
        totals_of(DAY - timedelta(days=200), DAY)

    assert len(asked) == 4


@pytest.mark.needs_postgres
@pytest.mark.tampers
def test_each_statement_reads_its_days_alone(customer: User, service: Service) -> None:
    order = place(customer, service)
    old = MIDNIGHT - timedelta(days=400)
    rows = [{"created_at": old + timedelta(minutes=number)} for number in range(3000)]
    fill_table(rows, like=order)
    day = Order.objects.filter(created_at__range=(MIDNIGHT, MIDNIGHT + timedelta(days=1)))
    assert "orders_order_placed" in day.order_by().explain()
