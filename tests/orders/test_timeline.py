from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts.models import User
from catalog.halting import halt
from orders.canceling import request_cancel
from orders.life import Event, note
from orders.models import Order, OrderEvent
from orders.settling import settle_refund
from orders.timeline import (
    NEXT,
    SHOWN_STATUS,
    STATUS_WORDS,
    Progress,
    cancel_standing,
    progress,
    shown_status,
    shown_status_label,
    status_in_words,
    timeline,
    what_cancel_does,
    what_next,
)
from tests.orders.acting import accept, cancel_at_once, forward, fresh, poll_at_once
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import LOST, saying


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    with translation.override("en"):
        yield


def texts(order: Order) -> list[str]:
    return [step.text for step in timeline(order)]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("queued", "pending"),
        ("sending", "pending"),
        ("uncertain", "pending"),
        ("held", "pending"),
        ("pending", "pending"),
        ("processing", "processing"),
        ("in_progress", "in_progress"),
        ("completed", "completed"),
        ("partial", "partial"),
        ("canceled", "canceled"),
    ],
)
def test_what_a_customer_sees(status: str, shown: str) -> None:
    order = Order(status=status)
    assert shown_status(order) == shown
    assert shown_status_label(order)


@pytest.mark.parametrize("status", Order.Status.values)
def test_what_happens_next_is_told(order: Order, status: str) -> None:
    accept(order)
    order = fresh(order)
    order.status = status
    assert what_next(order) == NEXT[Order.Status(status)]


def test_one_that_is_kept_back_is_calmly_said_to_wait(order: Order) -> None:
    halt(order.provider, rule="funds", text="Not enough funds in the account")
    said = what_next(fresh(order))
    assert "nothing is lost" in said
    assert "in a moment" not in said
    for secret in (order.provider.name, "funds", "provider", "halted"):
        assert secret not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [("completed", "Completed"), ("in_progress", "In progress"), ("Awaiting", "“Awaiting”"), ("", "—")],
)
def test_a_status_that_we_know_is_told_by_its_label(text: str, words: str) -> None:
    assert status_in_words(text) == words


def test_there_are_words_for_every_status() -> None:
    assert set(SHOWN_STATUS) == set(NEXT) == set(Order.Status.values)
    assert set(SHOWN_STATUS.values()) == set(STATUS_WORDS)


def test_an_order_from_placing_to_its_end(order: Order, sandbox: SandboxServer) -> None:
    forward(order.provider)
    sandbox.end_order(fresh(order).provider_order_id or "", "Partial", 300)
    poll_at_once(order)
    assert texts(order) == [
        "The order was placed and paid for.",
        "The order was accepted for work.",
        "The order was carried out in part.",
        texts(order)[-1],
    ]
    assert "39" in texts(order)[-1]
    assert "returned to your wallet" in texts(order)[-1]
    times = [step.at for step in timeline(order)]
    assert times == sorted(times)


def test_customers_are_told_nothing_of_providers_words(
    order: Order, sandbox: SandboxServer, olga: User
) -> None:
    sandbox.script("add", saying('{"error": "The moon is too bright"}'))
    forward(order.provider)
    settle_refund(order.pk, actor=olga, why="the provider is mad")
    told = " ".join([*texts(order), what_next(fresh(order))])
    assert "moon" not in told
    assert "mad" not in told
    assert "Olga" not in told


def test_tries_to_send_are_not_told(order: Order, sandbox: SandboxServer) -> None:
    sandbox.script("add", saying('{"error": "Spam protection, wait 7 seconds"}'))
    forward(order.provider)
    assert texts(order) == ["The order was placed and paid for."]


def test_an_order_that_was_tried_for_days_still_tells_its_end(order: Order) -> None:
    OrderEvent.objects.bulk_create(
        OrderEvent(order=order, kind=kind) for _ in range(150) for kind in (Event.SENDING, Event.WAITS)
    )
    note(order, Event.ACCEPTED)
    assert texts(order)[-1] == "The order was accepted for work."


def test_the_same_twice_is_told_once(order: Order) -> None:
    for _ in range(3):
        note(order, Event.UNCERTAIN)
    note(order, Event.HELD)  # the same words for the customer
    assert len(texts(order)) == 2


def test_at_most_two_hundred_lines(order: Order) -> None:
    for number in range(150):
        note(order, Event.STATUS, to_status=("pending", "processing")[number % 2])
        note(order, Event.CANCEL_UNANSWERED)
    assert len(texts(order)) == 200


def test_a_cancel_is_told(order: Order, sandbox: SandboxServer) -> None:
    forward(order.provider)
    request_cancel(order.pk, actor=order.customer)
    assert "may still go on" in cancel_standing(fresh(order))
    cancel_at_once(order)
    assert "was taken" in cancel_standing(fresh(order))
    order = poll_at_once(order)
    assert cancel_standing(order) == ""  # it has ended: the status says it all
    assert "Cancellation was asked for." in texts(order)


def test_nobody_asked_nobody_is_told(order: Order) -> None:
    assert cancel_standing(order) == ""


def test_what_a_cancel_would_do(order: Order, sandbox: SandboxServer) -> None:
    words = [what_cancel_does(order)]
    Order.objects.update(status="sending")
    words.append(what_cancel_does(fresh(order)))
    words.append(what_cancel_does(accept(order)))
    assert len(set(words)) == 3
    assert all("back" in text for text in words)  # each says what becomes of the money


@pytest.mark.parametrize(
    ("status", "remains", "delivered"),
    [
        ("queued", None, None),
        ("uncertain", 300, None),
        ("pending", None, None),
        ("in_progress", 300, 700),
        ("in_progress", -50, 1000),
        ("in_progress", 5000, 0),
        ("completed", None, 1000),
        ("completed", 0, 1000),
        ("partial", 300, 700),
        ("canceled", None, None),
        ("canceled", 1000, 0),
    ],
)
def test_how_far_it_is(status: str, remains: int | None, delivered: int | None) -> None:
    found = progress(Order(status=status, quantity=1000, remains=remains))
    assert found == (None if delivered is None else Progress(delivered=delivered, quantity=1000))


def test_a_timeline_is_one_statement_however_long(order: Order, sandbox: SandboxServer) -> None:
    sandbox.script("add", LOST)
    forward(order.provider)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as statements:
            timeline(order)
        counts.append(len(statements))
        for _ in range(100):
            note(order, Event.REFUNDED, amount=order.charge)
    assert counts == [1, 1]
