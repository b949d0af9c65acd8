from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from catalog.halting import halt, pace_down, resume
from catalog.models import Provider, Service
from operations.models import Alert
from orders import forwarding
from orders.forwarding import claim_next, due_to_send, expire_attempts
from orders.models import Attempt, LostAnswer, Order
from orders.outcomes import record_outcome
from tests.factories import credit, make_provider, make_service, place
from tests.orders.acting import answered, forward, fresh, held_by, kinds, outcomes
from upstream.answers import Placed
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import saying


def test_due_orders_are_sent_as_they_were_placed(
    customer: User, service: Service, sandbox: SandboxServer
) -> None:
    orders = [
        place(customer, service, quantity=100 + number, link=f"https://example.com/{number}?a=b&c=я+%20")
        for number in range(5)
    ]

    assert forward(service.provider) == 5

    accepted = {row.order: (row.service, row.link, row.quantity) for row in sandbox.journal.accepted}
    assert accepted == {fresh(order).provider_order_id: (1, order.link, order.quantity) for order in orders}
    assert {fresh(order).status for order in orders} == {"pending"}
    assert held_by(customer) == 1000 - sum(order.charge for order in orders)


def test_the_one_that_waits_longest_goes_first(customer: User, service: Service) -> None:
    first, second, third = (place(customer, service) for _ in range(3))
    now = timezone.now()
    for order, seconds in ((first, 1), (second, 3), (third, 2)):
        Order.objects.filter(pk=order.pk).update(due_at=now - timedelta(seconds=seconds))

    taken = [claim_next(service.provider_id) for _ in range(3)]

    attempts = [Attempt.objects.get(pk=send.attempt_id).order for send in taken if send]
    assert attempts == [second, third, first]
    assert claim_next(service.provider_id) is None


def test_a_claim_leaves_a_row_before_the_call(order: Order, sandbox: SandboxServer) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        send = claim_next(order.provider_id)
        assert send is not None
        attempt = Attempt.objects.get()
        assert (send.attempt_id, send.service_id, send.link, send.quantity) == (
            attempt.pk,
            "1",
            order.link,
            1000,
        )
        assert (attempt.order, attempt.outcome, attempt.started_at) == (order, "", timezone.now())
        assert attempt.lease_until == timezone.now() + timedelta(minutes=5)
    order = fresh(order)
    assert (order.status, order.due_at) == ("sending", None)
    assert kinds(order) == ["placed", "sending"]
    assert not sandbox.calls


def test_a_claim_keeps_what_the_account_held_before(order: Order) -> None:
    at = timezone.now()
    Provider.objects.update(balance=Decimal("1.5"), balance_text="1.500", balance_at=at)

    claim_next(order.provider_id)

    attempt = Attempt.objects.get()
    kept = (attempt.balance_before, attempt.balance_before_text, attempt.balance_before_at)
    assert kept == (Decimal("1.5"), "1.500", at)


def test_one_that_is_being_sent_is_not_taken_again(order: Order) -> None:
    claim_next(order.provider_id)
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert claim_next(order.provider_id) is None
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize(
    "status", [status for status in Order.Status.values if status not in ("queued", *Order.ENDED)]
)
def test_only_what_is_queued_is_sent(order: Order, status: str) -> None:
    sent = "1" if status in Order.OPEN_UPSTREAM else None
    Order.objects.update(status=status, provider_order_id=sent, due_at=timezone.now())
    if sent:
        answered(order, sent)
    assert claim_next(order.provider_id) is None
    assert Attempt.objects.count() == bool(sent)


def test_one_that_is_not_due_waits(order: Order) -> None:
    Order.objects.update(due_at=timezone.now() + timedelta(seconds=5))
    assert claim_next(order.provider_id) is None


def test_the_orders_of_another_provider_are_left(order: Order) -> None:
    other = make_provider()
    assert claim_next(other.pk) is None
    assert forward(other) == 0
    assert fresh(order).status == "queued"


def test_an_inactive_provider_is_not_sent_to(order: Order, sandbox: SandboxServer) -> None:
    Provider.objects.update(is_active=False)
    assert forward(order.provider) == 0
    assert (fresh(order).status, held_by(order.customer)) == ("queued", 870)
    assert not sandbox.calls


def test_a_halted_provider_is_sent_to_when_it_goes_on(order: Order, sandbox: SandboxServer) -> None:
    halt(order.provider, rule="key", text="Invalid API key")
    assert forward(order.provider) == 0
    assert not sandbox.calls

    resume(order.provider)
    assert forward(order.provider) == 1
    assert fresh(order).status == "pending"


def test_a_halt_between_two_claims_stops_the_second(order: Order, customer: User, service: Service) -> None:
    other = place(customer, service)
    assert claim_next(service.provider_id) is not None

    halt(service.provider, rule="key", text="Invalid API key")

    assert claim_next(service.provider_id) is None
    assert fresh(other).status == "queued"


def test_a_paced_provider_is_sent_to_after_its_wait(order: Order) -> None:
    pace_down(order.provider, 60)
    assert claim_next(order.provider_id) is None
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert claim_next(order.provider_id) is not None


def test_a_service_that_is_not_sold_any_more_is_still_sent(order: Order) -> None:
    # It was paid for; whether it can be had, the provider says.
    Service.objects.update(is_listed=False, price=None)
    assert forward(order.provider) == 1
    assert fresh(order).status == "pending"


def test_what_was_ordered_of_a_held_service_waits(order: Order, sandbox: SandboxServer) -> None:
    Service.objects.update(held_text="charged 100 times too much")
    assert claim_next(order.provider_id) is None
    Service.objects.update(held_text="")
    assert claim_next(order.provider_id) is not None


def test_one_refusal_stops_none_of_the_others(
    customer: User, service: Service, sandbox: SandboxServer
) -> None:
    orders = [place(customer, service, link=f"https://example.com/{number}") for number in range(4)]
    Provider.objects.update(calls_at_once=1)
    sandbox.script("add", saying('{"error": "Bad link"}'))

    assert forward(service.provider) == 4

    assert [fresh(order).status for order in orders] == ["canceled", "pending", "pending", "pending"]
    assert held_by(customer) == 1000 - 3 * 130


def test_a_hundred_orders(customer: User, service: Service, sandbox: SandboxServer) -> None:
    credit(customer, 100_000)
    Provider.objects.update(calls_at_once=8)
    for _ in range(100):
        place(customer, service)

    assert forward(service.provider) == 100

    ids = [row.order for row in sandbox.journal.accepted]
    assert sorted(Order.objects.values_list("provider_order_id", flat=True)) == sorted(ids)
    assert (len(ids), Order.objects.filter(status="pending").count()) == (100, 100)


def test_who_is_due_is_asked_for_each_provider(order: Order, customer: User) -> None:
    elsewhere = place(customer, make_service())
    assert set(Order.objects.filter(due_to_send())) == {order, elsewhere}
    assert set(Order.objects.filter(due_to_send(order.provider_id))) == {order}


@pytest.mark.parametrize("size", [10, 200])
def test_a_claim_takes_the_same_statements(
    customer: User, service: Service, django_assert_max_num_queries: Any, size: int
) -> None:
    credit(customer, 100_000)
    for _ in range(size):
        place(customer, service)
    with django_assert_max_num_queries(6):
        assert claim_next(service.provider_id) is not None


# --- Workers that die -------------------------------------------------------------------------------------


def test_what_a_dead_worker_left_becomes_uncertain(order: Order, sandbox: SandboxServer) -> None:
    with time_machine.travel(timezone.now(), tick=False) as time:
        claim_next(order.provider_id)
        lease_until = Attempt.objects.get().lease_until
        time.shift(timedelta(minutes=5))
        assert expire_attempts() == 0  # its last moment is still its own
        time.shift(1)
        assert expire_attempts() == 1

    order = fresh(order)
    assert (order.status, order.due_at, order.refunded) == ("uncertain", None, 0)
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.rule, attempt.ended_at) == ("uncertain", "worker_died", lease_until)
    assert kinds(order) == ["placed", "sending", "uncertain"]
    assert order.events.get(kind="uncertain").detail.startswith("the worker that sent it died")
    assert attempt.last_seen == attempt.pk
    assert LostAnswer.objects.get().attempt == attempt
    assert Alert.objects.get().cause == f"order:{order.pk}"
    assert forward(order.provider) == 0  # never a second `add` by itself
    assert not sandbox.calls


def test_expiring_again_changes_nothing(order: Order) -> None:
    claim_next(order.provider_id)
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert expire_attempts() == 1
    events = kinds(order)

    assert expire_attempts() == 0
    assert (kinds(order), Alert.objects.get().times) == (events, 1)


def test_one_that_is_under_way_does_not_expire_with_a_dead_one(customer: User, service: Service) -> None:
    dead, alive = (place(customer, service) for _ in range(2))
    claim_next(service.provider_id)
    claim_next(service.provider_id)
    Attempt.objects.filter(order=dead).update(lease_until=timezone.now() - timedelta(seconds=1))

    assert expire_attempts() == 1

    assert (outcomes(dead), outcomes(alive)) == ([("uncertain", "worker_died")], [("", "")])
    assert dead.attempts.get().last_seen == alive.attempts.get().pk


def test_an_answer_that_comes_before_the_lock_counts(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    send = claim_next(order.provider_id)
    assert send is not None
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    real = forwarding.locked

    def locked(order_id: int) -> Order:
        record_outcome(send.attempt_id, Placed("77", raw=""))
        return real(order_id)

    monkeypatch.setattr(forwarding, "locked", locked)

    assert expire_attempts() == 0
    assert (outcomes(order), fresh(order).status) == ([("placed", "")], "pending")


def test_an_order_that_is_elsewhere_by_now_stays_there(order: Order) -> None:
    claim_next(order.provider_id)
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    Order.objects.update(status="held")

    assert expire_attempts() == 0

    assert (outcomes(order), fresh(order).status) == ([("uncertain", "worker_died")], "held")


def test_only_open_attempts_are_looked_at(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look is at the oldest thousand: answered ones must not be among them."""
    forward(order.provider)
    Attempt.objects.update(lease_until=timezone.now() - timedelta(days=1))
    looked_at: list[Attempt] = []
    monkeypatch.setattr(forwarding, "_expire", looked_at.append)

    expire_attempts()

    assert looked_at == []


def test_an_attempt_that_was_answered_does_not_expire(order: Order) -> None:
    forward(order.provider)
    Attempt.objects.update(lease_until=timezone.now() - timedelta(days=1))
    assert expire_attempts() == 0
    assert fresh(order).status == "pending"
    assert outcomes(order) == [("placed", "")]


def test_a_killed_worker_leaves_no_more_than_its_calls_at_once(
    customer: User, service: Service, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each claim is made right before its call: with three calls under way, a kill leaves three rows."""
    Provider.objects.update(calls_at_once=3)
    for _ in range(7):
        place(customer, service)
    seen = []

    def look_and_record(*args: Any) -> None:
        seen.append(Attempt.objects.filter(outcome="").count())
        record_outcome(*args)

    monkeypatch.setattr("orders.forwarding.record_outcome", look_and_record)
    forward(service.provider)

    assert len(seen) == 7
    assert max(seen) <= 3


def test_a_worker_that_was_frozen_until_its_lease_had_ended_does_not_send(
    order: Order, sandbox: SandboxServer, settings: Any
) -> None:
    settings.FORWARD_LEASE_SECONDS = 0
    forward(order.provider)
    assert sandbox.calls["add"] == 0
    assert outcomes(order) == [("later", "lease_over")]
    assert fresh(order).status == "queued"
