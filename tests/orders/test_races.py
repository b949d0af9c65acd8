"""Two at once: interleaved at a named point, or in threads over connections of their own.

Beside each race stands a control: the same with the guard taken away, which must then go wrong.
"""

import os
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import User
from catalog.models import Provider, Service
from orders import canceling, forwarding, placing, polling
from orders.canceling import request_cancel
from orders.errors import NotCancelable, NotForSettling
from orders.forwarding import claim_next, expire_attempts, forward_due
from orders.life import note
from orders.models import Attempt, Order
from orders.outcomes import record_outcome
from orders.polling import record_answer
from orders.settling import settle_refund, settle_send_again
from tests.factories import credit, place
from tests.orders.acting import (
    accept,
    cancel_at_once,
    charges,
    findings,
    forward,
    fresh,
    held_by,
    outcomes,
    poll_at_once,
    refunds,
    said,
)
from upstream.answers import Placed
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import held_by as answered_at
from wallet import ledger
from wallet.errors import InsufficientFunds
from wallet.models import LedgerAccount

threads = pytest.mark.django_db(transaction=True)
MANY = 8


def together(*actions: Callable[[], Any]) -> list[Any]:
    """Run actions at once, each over its own connection; return what each returned or raised."""
    start, came_of = threading.Barrier(len(actions)), {}

    def run(number: int, action: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            came_of[number] = action()
        except Exception as error:
            came_of[number] = error
        finally:
            connection.close()

    running = [threading.Thread(target=run, args=each) for each in enumerate(actions)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(timeout=60)
    return [came_of[number] for number in range(len(actions))]


def tally(came_of: list[Any]) -> Counter[str]:
    return Counter(type(each).__name__ for each in came_of)


@pytest.fixture(autouse=True)
def _no_messages(tasks: list[Any]) -> None:
    """Keep the broker out: the database is the queue."""


# --- Two workers, one order -------------------------------------------------------------------------------


@threads
@pytest.mark.parametrize("count", [1, 5])
def test_workers_claim_each_order_once(customer: User, service: Service, count: int) -> None:
    orders = [place(customer, service) for _ in range(count)]

    came_of = together(*[lambda: claim_next(service.provider_id)] * MANY)

    # A worker that meets a row in another's hands passes over it, and comes again.
    while (one_more := claim_next(service.provider_id)) is not None:
        came_of.append(one_more)
    assert tally(came_of)["Send"] == count
    assert set(tally(came_of)) <= {"Send", "NoneType"}
    assert sorted(Attempt.objects.values_list("order", flat=True)) == [order.pk for order in orders]


@threads
def test_forwarders_send_each_order_once(customer: User, service: Service, sandbox: SandboxServer) -> None:
    credit(customer, 10_000)
    orders = [place(customer, service, quantity=100 + number) for number in range(30)]

    done = together(*[lambda: forward_due(service.provider_id, seconds=30)] * 3)

    assert sum(done) + forward(service.provider) == 30
    assert sorted(row.quantity for row in sandbox.journal.accepted) == [order.quantity for order in orders]
    assert {fresh(order).status for order in orders} == {"pending"}


def claimed_between(monkeypatch: pytest.MonkeyPatch, *, guarded: bool) -> None:
    """Let another worker claim the order between a worker's look and its update."""
    real = forwarding.move
    seen: list[bool] = []

    def move(order: Order, **fields: Any) -> bool:
        if not seen:
            seen.append(True)
            assert claim_next(order.provider_id) is not None
        return (real if guarded else unguarded_move)(order, **fields)

    monkeypatch.setattr(forwarding, "move", move)


def unguarded_move(
    order: Order, *, to: str, event: Any, actor: Any = None, detail: str = "", **fields: Any
) -> bool:
    """`life.move` without its condition on the status that was seen."""
    seen = order.status
    Order.objects.filter(pk=order.pk).update(status=to, **fields)
    for name, value in {"status": to, **fields}.items():
        setattr(order, name, value)
    note(order, event, from_status=seen, to_status=to, actor=actor, detail=detail)
    return True


def test_a_claim_between_look_and_update_stands(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed_between(monkeypatch, guarded=True)
    assert claim_next(order.provider_id) is None
    assert Attempt.objects.count() == 1


def test_control_without_the_condition_one_order_is_sent_twice(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed_between(monkeypatch, guarded=False)
    with connection.cursor() as cursor:  # the second guard, which would catch it
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DROP INDEX orders_attempt_one_open")

    assert claim_next(order.provider_id) is not None

    assert Attempt.objects.filter(order=order, outcome="").count() == 2


# --- A form sent twice ------------------------------------------------------------------------------------


def place_again(customer: User, service: Service) -> Order:
    return place(customer, service, request_id="the same")


@threads
def test_a_form_sent_many_times_is_one_order(customer: User, service: Service) -> None:
    came_of = together(*[lambda: place_again(customer, service)] * MANY)

    assert tally(came_of) == {"Order": MANY}
    assert len(set(came_of)) == 1
    assert (Order.objects.count(), charges(), held_by(customer)) == (1, 1, 870)


@threads
def test_a_form_sent_many_times_with_money_for_one(alice: User, service: Service) -> None:
    credit(alice, 130)
    came_of = together(*[lambda: place_again(alice, service)] * MANY)
    assert tally(came_of) == {"Order": MANY}
    assert (Order.objects.count(), held_by(alice)) == (1, 0)


def placed_between(monkeypatch: pytest.MonkeyPatch, again: Callable[[], Order]) -> list[Order]:
    """Let another order be written between a request's look and its insert."""
    real, first = placing.quote, []

    def quote(*args: Any, **kwargs: Any) -> Any:
        if not first:
            first.append(None)
            first.append(again())
        return real(*args, **kwargs)

    monkeypatch.setattr(placing, "quote", quote)
    return first


def test_the_same_form_between_look_and_insert(
    customer: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = placed_between(monkeypatch, lambda: place_again(customer, service))
    assert place_again(customer, service) == first[1]
    assert (Order.objects.count(), charges(), held_by(customer)) == (1, 1, 870)


def test_control_without_the_unique_request_it_is_two_orders(
    customer: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = placing._write
    monkeypatch.setattr(
        placing, "_write", lambda *args, **kwargs: real(*args, **kwargs | {"request_id": uuid.uuid4().hex})
    )
    placed_between(monkeypatch, lambda: place_again(customer, service))
    place_again(customer, service)
    assert (Order.objects.count(), charges(), held_by(customer)) == (2, 2, 740)


# --- More orders than money -------------------------------------------------------------------------------


@threads
def test_twenty_orders_with_money_for_five(alice: User, service: Service) -> None:
    credit(alice, 5 * 130)

    came_of = together(*[lambda: place(alice, service)] * 20)

    assert tally(came_of) == {"Order": 5, "InsufficientFunds": 15}
    assert (Order.objects.count(), charges(), held_by(alice)) == (5, 5, 0)


def test_a_payment_between_look_and_payment(
    alice: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    credit(alice, 130)
    placed_between(monkeypatch, lambda: place(alice, service))
    with pytest.raises(InsufficientFunds) as refusal:
        place(alice, service)
    assert refusal.value.available == 0
    assert (Order.objects.count(), charges(), held_by(alice)) == (1, 1, 0)


@pytest.mark.tampers
def test_control_checking_before_taking_sells_the_same_money_twice(
    alice: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    credit(alice, 130)
    seen = []

    def take(wallet: LedgerAccount, amount: Decimal) -> None:
        wallet.refresh_from_db()
        held = wallet.balance or Decimal(0)
        if held < amount:
            raise InsufficientFunds(needed=amount, available=held)
        if not seen:
            seen.append(True)
            place(alice, service)
        LedgerAccount.objects.filter(pk=wallet.pk).update(balance=held - amount)

    monkeypatch.setattr(ledger, "_take", take)
    place(alice, service)
    assert (Order.objects.count(), charges()) == (2, 2)
    assert any("stored balance" in finding for finding in findings())


# --- Two answers about one order --------------------------------------------------------------------------


@threads
@pytest.mark.parametrize(("end", "back"), [("partial", 39), ("canceled", 130)])
def test_the_same_end_from_many_pollers_is_refunded_once(
    customer: User, service: Service, end: str, back: int
) -> None:
    order = accept(place(customer, service))

    came_of = together(*[lambda: record_answer(order.pk, said(end, remains=300))] * MANY)

    assert tally(came_of) == {"NoneType": MANY}
    assert (fresh(order).refunded, refunds(order), held_by(customer)) == (back, [back], 870 + back)


@threads
def test_different_ends_at_once_give_back_the_greatest(customer: User, service: Service) -> None:
    order = accept(place(customer, service))
    answers = [said("completed", remains=0), said("partial", remains=300), said("partial", remains=500)]

    together(*[lambda answer=answer: record_answer(order.pk, answer) for answer in answers * 2])

    order = fresh(order)
    assert order.status == "partial"
    assert (order.remains, order.refunded) == (500, 65)
    assert sum(refunds(order)) == 65


def stale_reads(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    """Let two pollers see the order as it is now, without its row's lock."""
    seen = [fresh(order), fresh(order)]
    monkeypatch.setattr(polling, "locked", lambda pk: seen.pop())


def test_two_pollers_without_the_lock_still_refund_once(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is not the only guard: the status, the count and the ledger's reference each hold alone."""
    stale_reads(monkeypatch, accept(order))
    for _ in range(2):
        record_answer(order.pk, said("partial", remains=300))
    assert refunds(order) == [39]


@pytest.mark.tampers
def test_control_a_refund_without_its_guards_is_given_twice(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def naive(order: Order, *, target: Decimal, **_: Any) -> None:
        ledger._move(
            kind="order_refund",
            reference=uuid.uuid4().hex,
            subject_id=order.pk,
            source=ledger.system_account(LedgerAccount.Kind.SALES),
            target=ledger.wallet_of(order.customer),
            amount=target,
        )
        Order.objects.filter(pk=order.pk).update(refunded=target)

    monkeypatch.setattr(polling, "refund_up_to", naive)
    monkeypatch.setattr(polling, "move", unguarded_move)
    stale_reads(monkeypatch, accept(order))
    for _ in range(2):
        record_answer(order.pk, said("partial", remains=300))
    assert refunds(order) == [39, 39]
    assert any(f"order {order.pk}: counts refunds" in finding for finding in findings())


# --- A cancel against a send ------------------------------------------------------------------------------


@threads
def test_a_cancel_against_a_claim(customer: User, service: Service) -> None:
    ends = Counter()
    for _ in range(6):
        order = place(customer, service)
        came_of = together(
            lambda: claim_next(service.provider_id),
            lambda pk=order.pk: request_cancel(pk, actor=customer),
        )
        assert not [each for each in came_of if isinstance(each, Exception)]
        order = fresh(order)
        ends[order.status] += 1
        sent = Attempt.objects.filter(order=order).exists()
        if order.status == "canceled":
            assert (sent, refunds(order)) == (False, [130])
        elif (
            order.status == "queued"
        ):  # its row was in the other's hands, and the cancel came first after all
            pytest.fail("a cancel of a queued order leaves nothing queued")
        else:
            assert (order.status, order.cancel_state, sent, refunds(order)) == ("sending", "wanted", True, [])
    assert sum(ends.values()) == 6


def claimed_before_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker claim the order between a cancel's look, made without a lock, and its update."""

    def look(pk: int) -> Order:
        order = Order.objects.get(pk=pk)
        assert claim_next(order.provider_id) is not None
        return order

    monkeypatch.setattr(canceling, "locked", look)


def test_a_claim_between_look_and_cancel(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed_before_cancel(monkeypatch)
    request_cancel(order.pk, actor=order.customer)
    order = fresh(order)
    assert (order.status, order.cancel_state, refunds(order)) == ("sending", "wanted", [])


def test_control_without_the_condition_a_sent_order_is_refunded(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed_before_cancel(monkeypatch)
    monkeypatch.setattr("orders.outcomes.move", unguarded_move)
    request_cancel(order.pk, actor=order.customer)
    assert (fresh(order).status, refunds(order)) == ("canceled", [130])
    assert outcomes(order) == [("", "")]  # and its `add` is on its way


@threads
def test_a_cancel_while_the_call_is_under_way(
    customer: User, service: Service, sandbox: SandboxServer
) -> None:
    order, answers = place(customer, service), threading.Event()
    sandbox.script("add", answered_at(answers))

    def cancel() -> str:
        wait_for(lambda: sandbox.calls["add"])
        order_then = request_cancel(order.pk, actor=customer)
        answers.set()
        return f"{order_then.status} {order_then.cancel_state}"

    assert together(lambda: forward_due(service.provider_id, seconds=30), cancel) == [1, "sending wanted"]

    assert fresh(order).status == "pending"
    assert fresh(order).cancel_due_at is not None
    cancel_at_once(order)
    order = poll_at_once(order)
    assert (order.status, refunds(order), held_by(customer)) == ("canceled", [130], 1000)
    assert [row.cause for row in sandbox.journal.ended] == ["cancel"]


@threads
def test_two_cancels_at_once(customer: User, service: Service) -> None:
    order = place(customer, service)
    came_of = together(*[lambda: request_cancel(order.pk, actor=customer)] * MANY)
    assert tally(came_of) == {"Order": 1, NotCancelable.__name__: MANY - 1}
    assert (refunds(order), held_by(customer)) == ([130], 1000)


# --- A lease that ends while the answer is on its way -----------------------------------------------------


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until the provider has been called."""
    pause = threading.Event()
    for _ in range(3000):
        if condition():
            return
        pause.wait(0.01)
    raise TimeoutError


def forward_past_the_lease(
    service: Service, sandbox: SandboxServer, meanwhile: Callable[[], Any]
) -> list[Any]:
    """Send an order whose answer comes when its lease has ended and something else was done."""
    answers = threading.Event()
    sandbox.script("add", answered_at(answers))

    def lease_ends() -> Any:
        try:
            wait_for(lambda: sandbox.calls["add"])
            Attempt.objects.filter(outcome="").update(lease_until=timezone.now() - timedelta(seconds=1))
            assert expire_attempts() == 1
            return meanwhile()
        finally:
            answers.set()

    return together(lambda: forward_due(service.provider_id, seconds=30), lease_ends)


@threads
def test_the_late_answer_settles_it(customer: User, service: Service, sandbox: SandboxServer) -> None:
    order = place(customer, service)
    came_of = forward_past_the_lease(service, sandbox, lambda: fresh(order).status)
    assert came_of == [1, "uncertain"]
    assert fresh(order).status == "pending"
    assert fresh(order).provider_order_id == sandbox.journal.accepted[0].order
    assert forward(service.provider) == 0
    assert len(sandbox.journal.accepted) == 1


@threads
def test_a_person_said_send_again_and_the_answer_comes_in_time(
    customer: User, service: Service, sandbox: SandboxServer, olga: User
) -> None:
    order = place(customer, service)
    Provider.objects.update(calls_at_once=1)  # so that no call is free for it before the answer is there
    forward_past_the_lease(
        service, sandbox, lambda: settle_send_again(order.pk, actor=olga, why="looks lost").status
    )
    forward(service.provider)
    assert fresh(order).status == "pending"
    assert len(sandbox.journal.accepted) == 1


@threads
@pytest.mark.tampers  # the audit names what is sent twice
def test_control_a_lost_attempt_that_is_sent_again_by_itself_is_placed_twice(
    customer: User, service: Service, sandbox: SandboxServer
) -> None:
    order = place(customer, service)
    Provider.objects.update(calls_at_once=2)

    def send_again() -> int:
        Order.objects.filter(pk=order.pk).update(status="queued", due_at=timezone.now())
        return forward_due(service.provider_id, seconds=30)

    forward_past_the_lease(service, sandbox, send_again)
    assert len(sandbox.journal.accepted) == 2


# --- A worker that is killed ------------------------------------------------------------------------------


def other_process(code: str) -> subprocess.Popen[bytes]:
    """Run code in a process of its own, on this test's database."""
    database = connection.settings_dict
    url = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        address = f"{database['HOST']}:{database['PORT'] or 5432}"
        url = f"postgres://{database['USER']}:{quote(database['PASSWORD'])}@{address}/{database['NAME']}"
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "panel.settings"}
    # It counts its calls for itself: in Redis a killed one's slots are free when their lease ends, which
    # tests/catalog/test_pacing.py shows.
    environment["REDIS_URL"] = ""
    begin = "import django; django.setup(); "
    return subprocess.Popen([sys.executable, "-c", begin + code], env=environment, cwd=settings.BASE_DIR)


@threads
def test_a_killed_worker_leaves_what_was_under_way_and_loses_nothing(
    customer: User, service: Service, sandbox: SandboxServer
) -> None:
    Provider.objects.update(calls_at_once=2)
    orders = [place(customer, service, quantity=100 + number) for number in range(6)]
    never = threading.Event()
    sandbox.script("add", answered_at(never), times=2)

    worker = other_process(f"from orders.forwarding import forward_due; forward_due({service.provider_id})")
    try:
        wait_for(lambda: sandbox.calls["add"] == 2)
    finally:
        worker.kill()
        worker.wait()
    never.set()

    assert Counter(fresh(order).status for order in orders) == {"sending": 2, "queued": 4}
    assert forward(service.provider) == 4  # the others go on at once
    Attempt.objects.filter(outcome="").update(lease_until=timezone.now() - timedelta(seconds=1))
    assert expire_attempts() == 2
    assert Counter(fresh(order).status for order in orders) == {"uncertain": 2, "pending": 4}
    assert forward(service.provider) == 0
    assert sorted(row.quantity for row in sandbox.journal.accepted) == [order.quantity for order in orders]


# --- A person against a late answer -----------------------------------------------------------------------


@threads
def test_a_refund_by_hand_against_a_late_answer(customer: User, service: Service, olga: User) -> None:
    for number in range(5):
        order = place(customer, service)
        send = claim_next(service.provider_id)
        assert send is not None
        Attempt.objects.filter(outcome="").update(lease_until=timezone.now() - timedelta(seconds=1))
        expire_attempts()

        settled, _ = together(
            lambda pk=order.pk: settle_refund(pk, actor=olga, why="looks lost"),
            lambda pk=send.attempt_id, number=number: record_outcome(pk, Placed(f"p{number}", raw="")),
        )

        order = fresh(order)
        if isinstance(settled, NotForSettling):
            assert (order.status, refunds(order)) == ("pending", [])
        else:
            assert (order.status, refunds(order)) == ("canceled", [130])
        assert outcomes(order) == [("placed", "")]


@threads
def test_two_people_at_once(customer: User, service: Service, olga: User) -> None:
    order = place(customer, service)
    Order.objects.update(status="held", due_at=None)
    came_of = together(*[lambda: settle_refund(order.pk, actor=olga, why="x")] * 4)
    assert tally(came_of) == {"Order": 1, "NotForSettling": 3}
    assert (refunds(order), held_by(customer)) == ([130], 1000)


# --- Everything at once -----------------------------------------------------------------------------------


@threads
def test_orders_refunds_and_cancels_of_one_customer_at_once(customer: User, service: Service) -> None:
    """Locks are taken in one order, the order's row and then the wallet's: nobody waits for ever."""
    at_provider = [accept(place(customer, service)) for _ in range(3)]
    queued = [place(customer, service) for _ in range(2)]
    actions: list[Callable[[], Any]] = [
        *[lambda order=order: record_answer(order.pk, said("canceled")) for order in at_provider],
        *[lambda order=order: record_answer(order.pk, said("partial", remains=500)) for order in at_provider],
        *[lambda order=order: request_cancel(order.pk, actor=customer) for order in queued],
        *[lambda: place(customer, service) for _ in range(2)],
    ]

    came_of = together(*actions)

    assert not [each for each in came_of if isinstance(each, Exception)]
    assert [fresh(order).refunded for order in [*at_provider, *queued]] == [130] * 5
    assert held_by(customer) == 1000 - 2 * 130
