"""All rooms' audits as of one moment, and the alert that follows from them."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from catalog.models import Service
from operations.alerting import raise_alert
from operations.models import Alert
from orders import auditing as orders_auditing
from orders.auditing import audit_orders
from orders.models import Order
from panel.auditing import TOLD, TOLD_LENGTH, audit_and_tell, audit_money
from tests.factories import credit, make_service, place
from tests.operations.reading import in_english
from tests.wallet.tampering import run
from tests.wallet.threads import side_by_side


@pytest.fixture
def service(db: None) -> Service:
    """Something to order, for 130."""
    return make_service()


@pytest.fixture
def order(alice: User, service: Service) -> Order:
    """An order of 130, paid for out of 1000."""
    credit(alice, 1000)
    return place(alice, service)


def alerts() -> list[tuple[str, int, bool]]:
    """Return the causes, times and openness of alerts about the money, oldest first."""
    rows = Alert.objects.filter(kind=Alert.Kind.MONEY_WRONG).order_by("id")
    return [(alert.cause, alert.times, alert.closed_at is None) for alert in rows]


def make_wrong(order: Order, *, times: int = 1) -> None:
    """Let the order, and more of its kind, say another charge than was paid."""
    for _ in range(times - 1):
        place(order.customer, order.service)
    run("UPDATE orders_order SET charge = charge - 10, price = price - 10")


# --- As of one moment -------------------------------------------------------------------------------------


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch, alice: User, service: Service) -> list[Order]:
    """Place an order, by another connection, between the audit's look at orders and that at their money."""
    placed: list[Order] = []
    plain = orders_auditing._legs

    def legs() -> Iterator[orders_auditing.Leg]:
        if not placed:  # the audit after the test finds nobody in its way
            (outcome,) = side_by_side(lambda: place(alice, service))
            assert isinstance(outcome, Order), outcome
            placed.append(outcome)
        yield from plain()

    monkeypatch.setattr(orders_auditing, "_legs", legs)
    return placed


@pytest.mark.django_db(transaction=True)
def test_an_order_placed_during_the_audit_is_nothing_wrong(order: Order, meanwhile: list[Order]) -> None:
    assert list(audit_money()) == []

    assert len(meanwhile) == 1
    assert Order.objects.count() == 2
    assert not connection.in_atomic_block


@pytest.mark.django_db(transaction=True)
def test_without_one_moment_it_looks_wrong(order: Order, meanwhile: list[Order]) -> None:
    (finding,) = audit_orders()

    assert finding.endswith(f"(order_charge order:{meanwhile[0].pk}): there is no such order")


@pytest.mark.django_db(transaction=True)
def test_after_an_audit_rows_are_written_as_before(order: Order) -> None:
    list(audit_money())
    unfinished = audit_money()
    unfinished.close()

    place(order.customer, order.service)
    assert Order.objects.count() == 2


@pytest.mark.tampers
@pytest.mark.django_db(transaction=True)
def test_an_audit_left_in_the_middle_leaves_no_transaction(order: Order) -> None:
    make_wrong(order, times=3)
    findings = audit_money()
    next(findings)
    findings.close()

    (outcome,) = side_by_side(lambda: place(order.customer, order.service))
    assert isinstance(outcome, Order)
    assert Order.objects.count() == 4


# --- The alert --------------------------------------------------------------------------------------------


@pytest.mark.tampers
@pytest.mark.django_db(transaction=True)
def test_staff_is_told_and_told_no_more_when_it_is_right_again(order: Order) -> None:
    make_wrong(order)
    assert audit_and_tell() == 1
    assert audit_and_tell() == 1
    assert alerts() == [("audit", 2, True)]
    assert f"\norder {order.pk}: charge 129.999990" in in_english(Alert.objects.get())

    run("UPDATE orders_order SET charge = charge + 10, price = price + 10")
    assert audit_and_tell() == 0
    assert alerts() == [("audit", 2, False)]

    make_wrong(order)
    audit_and_tell()
    assert alerts() == [("audit", 2, False), ("audit", 1, True)]


def test_what_is_right_tells_nobody_and_leaves_other_alerts(order: Order) -> None:
    raise_alert(Alert.Kind.MONEY_WRONG, cause="provider:1:order_currency", text="…")

    assert audit_and_tell() == 0
    assert alerts() == [("provider:1:order_currency", 1, True)]


@pytest.mark.tampers
@pytest.mark.parametrize(("wrong", "dots"), [(TOLD, False), (TOLD + 1, True)])
def test_the_text_names_how_many_and_the_first(order: Order, wrong: int, dots: bool) -> None:
    make_wrong(order, times=wrong)
    assert audit_and_tell() == wrong

    headline, *named = in_english(Alert.objects.get()).splitlines()
    assert f"findings: {wrong}." in headline
    assert [line for line in named if line != "…"] == list(audit_money())[:TOLD]
    assert (named[-1] == "…") is dots


@pytest.mark.tampers
def test_the_text_is_bounded(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("panel.auditing.audit_ledger", lambda: iter(["x" * 10_000] * 10_000))

    assert audit_and_tell() == 10_000
    assert len(in_english(Alert.objects.get())) < (TOLD + 1) * (TOLD_LENGTH + 1)


@pytest.mark.tampers
@pytest.mark.parametrize("wrong", [0, 2])
def test_each_audit_is_logged(order: Order, caplog: Any, wrong: int) -> None:
    if wrong:
        make_wrong(order, times=wrong)
    with caplog.at_level(logging.INFO, logger="panel.auditing"):
        audit_and_tell()

    (line,) = (record.getMessage() for record in caplog.records if record.name == "panel.auditing")
    assert line.startswith(f"audit.done findings={wrong} seconds=")


def test_both_rooms_are_audited(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("panel.auditing.audit_ledger", lambda: iter(["ledger"]))
    monkeypatch.setattr("panel.auditing.audit_orders", lambda: iter(["orders"]))

    assert list(audit_money()) == ["ledger", "orders"]
