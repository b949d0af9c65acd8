"""The margin as a CSV file: a line for each day, one for all of them, harmless in a spreadsheet."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine

from accounts.models import User
from orders.models import Order
from orders.polling import record_answer
from orders.refunding_by_hand import refund_by_hand
from panel.margin import csv_lines
from tests.factories import credit, make_service, place
from tests.orders.acting import accept, said
from tests.pages import Browser
from tests.panel.test_desk import staff

PAGE = "/admin/margin.csv"


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    """Let it be noon of one day in March."""
    with time_machine.travel(datetime(2030, 3, 15, 12, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def order(alice: User) -> Order:
    """Alice's order of 1000 for 130, which costs us 150."""
    credit(alice, 1000)
    return place(alice, make_service(cost=Decimal(150), price=Decimal(130)))


def lines(user: User, query: str = "") -> list[list[str]]:
    """Return the file's rows."""
    answer = Browser(user).get(f"{PAGE}{query}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    body = answer.getvalue().decode()
    assert body.startswith("\ufeff")
    return list(csv.reader(body.removeprefix("\ufeff").splitlines()))


def test_a_line_for_each_day_and_one_for_all(olga: User, order: Order) -> None:
    record_answer(accept(order).pk, said("partial", remains=500))

    found = lines(olga, "?first=2030-03-14&last=2030-03-15")

    assert found[0][:3] == ["Day", "Orders", "Turnover, RUB"]
    assert found[1:] == [
        ["2030-03-14", "0", "0.00", "0.00", "0.00", "0.00", "0.00", "0"],
        ["2030-03-15", "1", "130.00", "150.00", "65.00", "75.00", "-10.00", "1"],
        ["Total", "1", "130.00", "150.00", "65.00", "75.00", "-10.00", "1"],
    ]


def test_what_is_given_back_by_hand_brings_no_cost_back(olga: User, order: Order) -> None:
    today = "?first=2030-03-15&last=2030-03-15"
    refund_by_hand(accept(order).pk, amount=Decimal(65), seen=Decimal(0), actor=olga, why="sorry")

    assert lines(olga, today)[-1][2:7] == ["130.00", "150.00", "65.00", "0.00", "-85.00"]

    # As much once more, by the provider's word: of this it gives us back what we paid.
    record_answer(order.pk, said("canceled"))
    assert lines(olga, today)[-1][2:7] == ["130.00", "150.00", "130.00", "75.00", "-75.00"]


def test_without_days_the_last_thirty(olga: User) -> None:
    assert len(lines(olga)) == 1 + 30 + 1


def test_days_that_are_refused_lead_back_to_the_desk(olga: User) -> None:
    answer = Browser(olga).get(f"{PAGE}?first=2031-01-01&last=2031-01-02", follow=True)

    assert "This day is still to come." in answer.content.decode()


def test_who_may(order: Order) -> None:
    assert lines(staff("orders.view_daytotals"))
    assert Browser(staff("orders.view_order")).get(PAGE).status_code == 403
    assert Browser().get(PAGE).status_code == 302
    assert Browser(order.customer).get(PAGE).status_code == 302
    assert Browser(staff("orders.view_daytotals")).post(PAGE).status_code == 405


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_texts_that_a_spreadsheet_may_run(cell: str) -> None:
    _, line = csv_lines([[cell, Decimal("-1.5"), 7]])

    assert next(csv.reader([line])) == [f"'{cell}", "-1.50", "7"] or cell == "\r=1"
