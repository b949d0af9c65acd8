"""The sandbox in the classic dialect: bare objects, plain digits, ids as numbers, many orders per call."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.upstream.test_sandbox import LINK, call
from upstream.sandbox import SandboxServer, Service, Settings


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Two orders of service 1, 1242 and 1243."""
    with SandboxServer(Settings(dialect="classic", services=1, balance=Decimal("1234.56789"))) as server:
        server.services[1] = Service(
            service=1, name="Views", category="X", rate=Decimal("0.9"), min=1_000, max=5_000_000
        )
        for number in (1, 2):
            server.plan_next(start_count=12_345)
            call(server, action="add", service=1, link=f"{LINK}/{number}", quantity=2_000)
        yield server


def test_services_are_a_list_with_plain_digits(sandbox: SandboxServer) -> None:
    assert call(sandbox, action="services") == [
        {
            "service": 1,
            "name": "Views",
            "type": "Default",
            "category": "X",
            "rate": "0.9",
            "min": "1000",
            "max": "5000000",
            "dripfeed": False,
            "refill": False,
            "cancel": True,
        }
    ]


def test_add_answers_a_number(sandbox: SandboxServer) -> None:
    assert call(sandbox, action="add", service=1, link=LINK, quantity=1_000) == {"order": 1244}


def test_status_is_bare(sandbox: SandboxServer) -> None:
    assert call(sandbox, action="status", order=1242) == pending()


def test_balance_has_a_currency_and_five_places(sandbox: SandboxServer) -> None:
    assert call(sandbox, action="balance") == {"balance": "1230.96789", "currency": "RUB"}


def test_statuses_of_many_are_keyed_by_id(sandbox: SandboxServer) -> None:
    assert call(sandbox, action="status", orders="1242, 1243,7") == {
        "1242": pending(),
        "1243": pending(),
        "7": {"error": "Invalid order ID"},
    }


def test_cancel_is_bare(sandbox: SandboxServer) -> None:
    assert call(sandbox, action="cancel", order=1242) == {"order": "Order canceled successfully"}


def test_cancels_of_many_are_a_list(sandbox: SandboxServer) -> None:
    assert call(sandbox, action="cancel", orders="1242,7,seven") == [
        {"order": 1242, "cancel": 1},
        {"order": 7, "cancel": {"error": "Invalid order ID"}},
        {"order": "seven", "cancel": {"error": "Invalid order ID"}},
    ]
    assert call(sandbox, action="status", order=1242)["status"] == "Canceled"


def test_a_hundred_orders_at_most(sandbox: SandboxServer) -> None:
    assert len(call(sandbox, action="status", orders=",".join(map(str, range(100))))) == 100
    refused = call(sandbox, action="status", orders=",".join(map(str, range(101))))
    assert refused == {"error": "No more than 100 orders in one call"}


def test_neither_order_nor_orders(sandbox: SandboxServer) -> None:
    assert call(sandbox, action="status") == {"error": "Order ID should not be empty"}


def pending() -> dict[str, str]:
    return {
        "charge": "1.80000",
        "start_count": "12345",
        "status": "Pending",
        "remains": "2000",
        "currency": "RUB",
    }
