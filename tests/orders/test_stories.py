"""Whole stories: every balance on both sides, the provider's journal and the audits after each step."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from catalog.models import Provider, Service
from catalog.probing import probe_due
from operations.models import Alert
from orders.canceling import request_cancel
from orders.forwarding import expire_attempts
from orders.models import Order
from orders.settling import settle_placed, settle_refund, settle_send_again
from tests.factories import credit, make_provider, make_service, place
from tests.orders.acting import (
    cancel_at_once,
    findings,
    forward,
    forward_at_once,
    fresh,
    held_by,
    kinds,
    outcomes,
    poll_at_once,
    refunds,
)
from upstream.sandbox import MovedClock, SandboxServer, Settings
from upstream.sandbox.faults import ERROR_AFTER, ERROR_BEFORE, LOST, Faults, saying, too_many
from wallet.models import Entry, LedgerAccount


class Books:
    """Both sides' money at a glance."""

    def __init__(self, customer: User, sandbox: SandboxServer) -> None:
        self.customer = customer
        self.sandbox = sandbox
        self.paid_in = sandbox.balance

    def stand(self, *, wallet: str, sales: str, provider_keeps: str, accepted: int) -> None:
        """Demand these balances, as many orders at the provider, and audits that find nothing."""
        assert held_by(self.customer) == Decimal(wallet)
        assert self.of(LedgerAccount.Kind.SALES) == Decimal(sales)
        assert self.of(LedgerAccount.Kind.ADJUSTMENTS) == -Decimal(wallet) - Decimal(sales)
        assert self.paid_in - self.sandbox.balance == Decimal(provider_keeps)
        assert len(self.sandbox.journal.accepted) == accepted
        assert findings() == []

    def of(self, kind: LedgerAccount.Kind) -> Decimal:
        total = Entry.objects.filter(account__kind=kind).aggregate(total=Sum("amount"))["total"]
        return total or Decimal(0)


@pytest.fixture
def books(alice: User, sandbox: SandboxServer) -> Books:
    return Books(alice, sandbox)


@pytest.fixture(autouse=True)
def _long_lives(sandbox: SandboxServer) -> None:
    for _ in range(20):
        sandbox.plan_next(life_seconds=100_000, end="Completed")


def end_there(sandbox: SandboxServer, order: Order, status: str, remains: int | None = None) -> None:
    sandbox.end_order(fresh(order).provider_order_id or "", status, remains)


def test_top_up_order_partial_and_a_late_cancel(
    alice: User, service: Service, sandbox: SandboxServer, books: Books
) -> None:
    books.stand(wallet="0", sales="0", provider_keeps="0", accepted=0)

    credit(alice, 500)
    books.stand(wallet="500", sales="0", provider_keeps="0", accepted=0)

    order = place(alice, service, quantity=3000)
    books.stand(wallet="110", sales="390", provider_keeps="0", accepted=0)

    order = forward_at_once(order)
    assert order.status == "pending"
    books.stand(wallet="110", sales="390", provider_keeps="300", accepted=1)

    order = poll_at_once(order)
    assert (order.status, order.remains) == ("pending", 3000)
    books.stand(wallet="110", sales="390", provider_keeps="300", accepted=1)

    end_there(sandbox, order, "Partial", 1000)
    order = poll_at_once(order)
    assert (order.status, order.refunded, order.provider_charge) == ("partial", 130, 200)
    books.stand(wallet="240", sales="260", provider_keeps="200", accepted=1)

    order = poll_at_once(order)  # the same again
    books.stand(wallet="240", sales="260", provider_keeps="200", accepted=1)

    end_there(sandbox, order, "Canceled", 3000)  # a day later the provider gives all back
    order = poll_at_once(order)
    assert (order.status, order.refunded, order.kept) == ("canceled", 390, 0)
    books.stand(wallet="500", sales="0", provider_keeps="0", accepted=1)
    assert refunds(order) == [130, 260]
    assert order.due_at is None


def test_completed_and_a_late_partial(
    alice: User, service: Service, sandbox: SandboxServer, books: Books
) -> None:
    credit(alice, 130)
    order = forward_at_once(place(alice, service))
    end_there(sandbox, order, "Completed")
    assert poll_at_once(order).status == "completed"
    books.stand(wallet="0", sales="130", provider_keeps="100", accepted=1)

    end_there(sandbox, order, "Partial", 500)
    order = poll_at_once(order)
    assert (order.status, order.refunded) == ("partial", 65)
    books.stand(wallet="65", sales="65", provider_keeps="50", accepted=1)


def test_an_order_that_its_customer_cancels_before_and_after_it_was_sent(
    alice: User, service: Service, sandbox: SandboxServer, books: Books
) -> None:
    credit(alice, 300)
    queued = place(alice, service)
    request_cancel(queued.pk, actor=alice)
    books.stand(wallet="300", sales="0", provider_keeps="0", accepted=0)

    sent = forward_at_once(place(alice, service))
    request_cancel(sent.pk, actor=alice)
    books.stand(wallet="170", sales="130", provider_keeps="100", accepted=1)

    cancel_at_once(sent)  # there it is canceled now; our money waits for the status
    books.stand(wallet="170", sales="130", provider_keeps="0", accepted=1)

    poll_at_once(sent)
    books.stand(wallet="300", sales="0", provider_keeps="0", accepted=1)


def test_a_lost_answer_is_found_by_a_person(
    alice: User, olga: User, service: Service, sandbox: SandboxServer, books: Books
) -> None:
    credit(alice, 130)
    order = place(alice, service)
    sandbox.script("add", LOST)
    order = forward_at_once(order)
    assert order.status == "uncertain"
    books.stand(wallet="0", sales="130", provider_keeps="100", accepted=1)

    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert forward(order.provider) == 0
    books.stand(wallet="0", sales="130", provider_keeps="100", accepted=1)

    settle_placed(
        order.pk, provider_order_id=sandbox.journal.accepted[0].order, actor=olga, why="in their list"
    )
    end_there(sandbox, order, "Partial", 300)
    poll_at_once(order)
    books.stand(wallet="39", sales="91", provider_keeps="70", accepted=1)


def test_a_call_that_was_not_carried_out_is_sent_again_by_a_person(
    alice: User, olga: User, service: Service, sandbox: SandboxServer, books: Books
) -> None:
    credit(alice, 260)
    first, second = place(alice, service), place(alice, service, link="https://example.com/b")
    sandbox.script("add", ERROR_BEFORE, times=2)
    forward(first.provider)
    books.stand(wallet="0", sales="260", provider_keeps="0", accepted=0)

    settle_send_again(first.pk, actor=olga, why="not in their list")
    settle_refund(second.pk, actor=olga, why="not in their list, and too late")
    books.stand(wallet="130", sales="130", provider_keeps="0", accepted=0)

    forward(first.provider)
    assert outcomes(first) == [("uncertain", "http_5xx"), ("placed", "")]
    books.stand(wallet="130", sales="130", provider_keeps="100", accepted=1)


def test_an_account_without_funds_waits_and_goes_on(
    alice: User, service: Service, sandbox: SandboxServer, books: Books
) -> None:
    credit(alice, 390)
    Provider.objects.update(calls_at_once=1)
    running = forward_at_once(place(alice, service))
    sandbox.set_balance(0)
    books.paid_in = Decimal(100)  # what the first order took
    waiting = [place(alice, service, link=f"https://example.com/{number}") for number in range(2)]
    forward(service.provider)
    assert [fresh(order).status for order in waiting] == ["queued"] * 2
    assert Provider.objects.get().halt_rule == "funds"
    books.stand(wallet="0", sales="390", provider_keeps="100", accepted=1)

    # What it has is still followed to its end.
    end_there(sandbox, running, "Canceled")
    assert poll_at_once(running).status == "canceled"
    books.stand(wallet="130", sales="260", provider_keeps="0", accepted=1)

    sandbox.set_balance(1000)
    books.paid_in = Decimal(1000)
    assert probe_due(now=timezone.now() + timedelta(minutes=2)) == 1
    assert forward(service.provider) == 2
    assert [fresh(order).status for order in waiting] == ["pending"] * 2
    books.stand(wallet="130", sales="260", provider_keeps="200", accepted=3)
    assert not Alert.objects.filter(closed_at=None).exists()


def test_a_provider_that_was_never_there(alice: User, books: Books) -> None:
    credit(alice, 130)
    order = place(alice, make_service(make_provider()))  # nothing listens at its address
    with time_machine.travel(timezone.now(), tick=False) as time:
        for _ in range(5):
            forward_at_once(order)
            time.shift(700)
    assert (fresh(order).status, fresh(order).provider.halt_rule) == ("queued", "unreachable")
    books.stand(wallet="0", sales="130", provider_keeps="0", accepted=0)

    request_cancel(order.pk, actor=alice)
    books.stand(wallet="130", sales="0", provider_keeps="0", accepted=0)


def test_a_refused_order(alice: User, service: Service, sandbox: SandboxServer, books: Books) -> None:
    credit(alice, 130)
    sandbox.services.retire(1)
    order = forward_at_once(place(alice, service))
    assert (order.status, order.reason) == ("canceled", "Service Not Active")
    books.stand(wallet="130", sales="0", provider_keeps="0", accepted=0)


def test_a_busy_provider(alice: User, service: Service, sandbox: SandboxServer, books: Books) -> None:
    credit(alice, 130)
    order = place(alice, service)
    sandbox.script("add", too_many(5), times=2)
    with time_machine.travel(timezone.now(), tick=False) as time:
        for status in ("queued", "queued", "pending"):
            forward(service.provider)
            assert fresh(order).status == status
            books.stand(
                wallet="0",
                sales="130",
                provider_keeps="100" if status == "pending" else "0",
                accepted=int(status == "pending"),
            )
            time.shift(6)
    assert kinds(order) == ["placed", "sending", "waits", "sending", "waits", "sending", "accepted"]


def test_a_price_that_changes_under_way(
    alice: User, service: Service, sandbox: SandboxServer, books: Books
) -> None:
    credit(alice, 130)
    order = place(alice, service)
    Service.objects.update(price=Decimal(999), cost=Decimal(700))
    order = forward_at_once(order)
    end_there(sandbox, order, "Partial", 100)
    poll_at_once(order)  # the refund is a share of what was paid
    books.stand(wallet="13", sales="117", provider_keeps="90", accepted=1)


@pytest.fixture(params=["document", "classic"])
def stormy(request: pytest.FixtureRequest, clock: MovedClock) -> Iterator[SandboxServer]:
    """A provider of either dialect on a bad day."""
    settings = Settings(
        dialect=request.param, services=5, spam_seconds=0, partial_share=0.3, canceled_share=0.2, order_gap=3
    )
    bad_day = Faults(error_before=0.1, error_after=0.1, html_before=0.05, html_after=0.05, lost=0.1)
    with SandboxServer(settings, faults=bad_day, clock=clock) as server:
        server.services.change(1, rate=Decimal(100), min=100, max=50_000)
        yield server


def test_a_bad_day(
    customer: User, olga: User, service: Service, stormy: SandboxServer, clock: MovedClock
) -> None:
    """Forty orders through faults of every kind: none is lost, none is placed twice, each ends as there."""
    credit(customer, 10_000)
    Provider.objects.update(url=stormy.url, key=stormy.key)
    orders = [
        place(customer, service, quantity=1000 + number, link=f"https://example.com/{number}")
        for number in range(40)
    ]
    forward(service.provider)
    assert findings() == []
    accepted = {row.link: row for row in stormy.journal.accepted}
    assert len(accepted) == len(stormy.journal.accepted)  # never a second `add`
    assert {fresh(order).status for order in orders} == {"pending", "uncertain"}

    for order in orders:  # a person looks each lost one up in the provider's list
        if fresh(order).status == "uncertain":
            if order.link in accepted:
                settle_placed(
                    order.pk, provider_order_id=accepted[order.link].order, actor=olga, why="in their list"
                )
            else:
                settle_refund(order.pk, actor=olga, why="not in their list")
    assert findings() == []

    clock.move(1000)
    poll_at_once(*[order for order in orders if order.link in accepted])
    assert findings() == []
    ends = {row.order: row for row in stormy.journal.ended}
    for order in map(fresh, orders):
        if order.link not in accepted:
            assert (order.status, order.refunded) == ("canceled", order.charge)
            continue
        end = ends[accepted[order.link].order]
        assert (order.status, order.remains) == (end.status.lower(), end.remains)
        assert order.provider_charge == end.charge
    kept = sum(fresh(order).kept for order in orders)
    assert held_by(customer) == 11_000 - kept


def test_workers_that_die_one_after_another(
    alice: User,
    olga: User,
    service: Service,
    sandbox: SandboxServer,
    books: Books,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credit(alice, 130)
    order = place(alice, service)

    def dies(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:  # after the call, before anything could be recorded
        patch.setattr("orders.forwarding.record_outcome", dies)
        forward(service.provider)
    assert fresh(order).status == "sending"
    books.stand(wallet="0", sales="130", provider_keeps="100", accepted=1)

    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert forward(service.provider) == 0
        assert expire_attempts() == 1
        assert forward(service.provider) == 0
    assert fresh(order).status == "uncertain"
    books.stand(wallet="0", sales="130", provider_keeps="100", accepted=1)

    settle_placed(order.pk, provider_order_id=sandbox.journal.accepted[0].order, actor=olga, why="found")
    assert poll_at_once(order).status == "pending"


def test_words_that_nobody_knows(
    alice: User, olga: User, service: Service, sandbox: SandboxServer, books: Books
) -> None:
    credit(alice, 130)
    sandbox.script("add", saying('{"error": "The moon is too bright"}'))
    order = forward_at_once(place(alice, service))
    assert order.status == "held"
    books.stand(wallet="0", sales="130", provider_keeps="0", accepted=0)
    settle_refund(order.pk, actor=olga, why="they mean no")
    books.stand(wallet="130", sales="0", provider_keeps="0", accepted=0)


def test_an_answer_of_500_after_the_order_was_taken(
    alice: User, olga: User, service: Service, sandbox: SandboxServer, books: Books
) -> None:
    credit(alice, 130)
    sandbox.script("add", ERROR_AFTER)
    order = forward_at_once(place(alice, service))
    assert order.status == "uncertain"
    books.stand(wallet="0", sales="130", provider_keeps="100", accepted=1)
    request_cancel(order.pk, actor=alice)  # remembered
    settle_placed(order.pk, provider_order_id=sandbox.journal.accepted[0].order, actor=olga, why="found")
    cancel_at_once(order)
    poll_at_once(order)
    books.stand(wallet="130", sales="0", provider_keeps="0", accepted=1)
