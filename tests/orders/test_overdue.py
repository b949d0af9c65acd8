"""Orders that wait too long to be sent."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone, translation

from accounts.models import User
from catalog.halting import halt
from catalog.models import Provider, Service
from money.amounts import MAX_AMOUNT
from operations.models import Alert
from orders import overdue
from orders import tasks as orders_tasks
from orders.forwarding import claim_next
from orders.models import Attempt, Order, OrderEvent
from orders.outcomes import record_outcome
from orders.overdue import refund_overdue
from orders.settling import settle_send_again
from orders.timeline import timeline, what_next
from tests.factories import credit, fill_table, make_provider, make_service, place
from tests.operations.reading import in_english
from tests.orders.acting import accept, fault, forward, fresh, held_by, kinds, outcomes, refunds
from tests.orders.test_races import unguarded_move
from tests.wallet.threads import side_by_side
from upstream.answers import Placed
from upstream.errors import Later, Uncertain
from upstream.sandbox import SandboxServer

HOURS = 72


@pytest.fixture(autouse=True)
def _no_messages(tasks: list[Any]) -> None:
    """Keep the broker out: the database is the queue."""


def aged(order: Order, *, hours: float = HOURS, seconds: float = 1) -> Order:
    """Let an order have been placed so long ago."""
    at = timezone.now() - timedelta(hours=hours, seconds=seconds)
    Order.objects.filter(pk=order.pk).update(created_at=at, due_at=at)
    OrderEvent.objects.filter(order=order).update(at=at)
    Attempt.objects.filter(order=order).update(started_at=at)
    return fresh(order)


def stands(order: Order) -> str:
    return fresh(order).status


# --- What is ended ----------------------------------------------------------------------------------------


def test_what_was_not_sent_in_time_is_canceled_and_refunded(order: Order) -> None:
    halt(order.provider, rule="funds", text="Insuffcient Funds", funds=True)
    aged(order)

    assert refund_overdue() == 1

    order = fresh(order)
    assert (order.status, order.due_at, order.refunded) == ("canceled", None, 130)
    assert order.ended_at is not None
    assert (refunds(order), held_by(order.customer)) == ([130], 1000)
    assert kinds(order) == ["placed", "canceled_here", "refunded"]
    event = OrderEvent.objects.get(kind="canceled_here")
    assert (event.from_status, event.to_status, event.actor) == ("queued", "canceled", None)
    assert event.detail == "not sent within 72 hours"


def test_its_customer_reads_what_happened(order: Order) -> None:
    aged(order)
    refund_overdue()

    with translation.override("en"):
        steps = [step.text.replace("\xa0", " ") for step in timeline(fresh(order))]
        then = what_next(fresh(order))

    assert steps == [
        "The order was placed and paid for.",
        "The order was canceled before it was begun.",
        "130.00 RUB returned to your wallet.",
    ]
    assert then == "It ended. The charge was returned to your wallet in full."


@pytest.mark.parametrize(
    "why",
    [{"halted_at": timezone.now(), "halt_rule": "key"}, {"is_active": False}, {}],
    ids=["halted", "inactive", "held"],
)
def test_whatever_keeps_it_back(order: Order, why: dict[str, Any]) -> None:
    Provider.objects.update(**why)
    if not why:
        Service.objects.update(held_text="its rate rose a hundred times")
    aged(order)

    assert forward(order.provider) == 0
    assert refund_overdue() == 1


def test_what_was_put_off_again_and_again_is_ended_too(order: Order) -> None:
    send = claim_next(order.provider_id)
    assert send is not None
    record_outcome(send.attempt_id, fault(Later, "Spam protection", wait_seconds=8))
    aged(order)

    assert refund_overdue() == 1
    assert (stands(order), refunds(order)) == ("canceled", [130])


def test_what_a_person_says_was_not_placed_was_not(order: Order, olga: User) -> None:
    send = claim_next(order.provider_id)
    assert send is not None
    record_outcome(send.attempt_id, fault(Uncertain, "cut off"))
    aged(order)
    assert refund_overdue() == 0
    settle_send_again(order.pk, actor=olga, why="not in the provider's list")
    # The hours begin anew: it was decided to send it, not to end it.
    assert refund_overdue() == 0
    aged(order)

    assert refund_overdue() == 1
    assert (stands(order), refunds(order)) == ("canceled", [130])


def test_a_decision_about_one_is_none_about_another(order: Order, customer: User, olga: User) -> None:
    other = aged(place(customer, order.service))
    aged(order)
    OrderEvent.objects.create(order=other, kind="settled", actor=olga)

    assert refund_overdue() == 1
    assert (stands(order), stands(other)) == ("canceled", "queued")


def test_nothing_is_sent_afterwards(order: Order, sandbox: SandboxServer) -> None:
    aged(order)
    refund_overdue()

    assert forward(order.provider) == 0
    assert not sandbox.calls


def test_one_that_cannot_be_refunded_keeps_no_other_from_it(
    order: Order,
    customer: User,
    boris: User,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overdue, "AT_MOST", 1)
    credit(boris, 1000)
    other = aged(place(boris, order.service))
    aged(order)
    credit(customer, MAX_AMOUNT - held_by(customer) - Decimal("0.000001"))

    for _ in range(2):
        refund_overdue()

    assert (stands(order), refunds(order)) == ("queued", [])
    assert (stands(other), refunds(other)) == ("canceled", [130])
    alert = Alert.objects.get(cause=f"order:{order.pk}")
    assert (alert.kind, alert.times) == ("orders_overdue", 2)
    assert f"order.overdue_not_refunded order={order.pk}" in caplog.text


def test_trouble_with_the_database_is_no_orders(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(pk: int) -> Order:
        raise OperationalError("database is locked")

    monkeypatch.setattr(overdue, "locked", locked)
    aged(order)

    with pytest.raises(OperationalError):
        refund_overdue()
    assert not Alert.objects.exists()


# --- What goes on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "waited", "ended"),
    [(72, 72.1, 1), (72, 71.9, 0), (1, 1.1, 1), (1, 0.9, 0), (0, 10_000, 0)],
)
def test_the_setting_says_how_long(
    order: Order, settings: Any, hours: int, waited: float, ended: int
) -> None:
    settings.QUEUED_REFUND_AFTER_HOURS = hours
    aged(order, hours=waited)

    assert refund_overdue() == ended
    assert stands(order) == ("canceled" if ended else "queued")
    assert held_by(order.customer) == (1000 if ended else 870)


@pytest.mark.parametrize("status", ["sending", "uncertain", "held"])
def test_what_may_have_been_sent_goes_on(order: Order, status: str) -> None:
    aged(order)
    Order.objects.update(status=status, due_at=None)

    assert refund_overdue() == 0
    assert (stands(order), refunds(order)) == (status, [])


def test_what_the_provider_has_goes_on(order: Order) -> None:
    accept(order, ago=timedelta(hours=1000))

    assert refund_overdue() == 0
    assert stands(order) == "pending"


# --- Who is told ------------------------------------------------------------------------------------------


def test_staff_are_told_once_for_each_provider(customer: User, service: Service) -> None:
    other = make_service(make_provider(name="Other"))
    for sold in (service, service, other):
        aged(place(customer, sold))

    assert refund_overdue() == 3
    assert refund_overdue() == 0

    said = {alert.cause: in_english(alert) for alert in Alert.objects.filter(kind="orders_overdue")}
    words = "Orders to {} that were not sent within 72 hours: {}, canceled and refunded."
    assert said == {
        f"provider:{service.provider_id}": words.format("Sandbox", 2),
        f"provider:{other.provider_id}": words.format("Other", 1),
    }
    assert set(Alert.objects.values_list("times", flat=True)) == {1}


def test_nobody_is_told_of_nothing(order: Order) -> None:
    assert refund_overdue() == 0
    assert not Alert.objects.exists()


def test_the_providers_key_is_not_read(order: Order, settings: Any) -> None:
    aged(order)
    settings.SECRET_KEY = "another one: the key cannot be decrypted"

    assert refund_overdue() == 1


# --- How much at once -------------------------------------------------------------------------------------


def test_a_run_is_bounded_and_begins_with_the_oldest(
    customer: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "AT_MOST", 2)
    orders = [aged(place(customer, service)) for _ in range(3)]

    assert refund_overdue() == 2
    assert [stands(order) for order in orders] == ["canceled", "canceled", "queued"]
    assert refund_overdue() == 1


@pytest.mark.tampers  # the orders that fill the table were paid by nobody
def test_the_list_meets_its_index(order: Order) -> None:
    long_ago = timezone.now() - timedelta(days=30)
    row = {"status": "canceled", "due_at": None, "created_at": long_ago, "ended_at": long_ago}
    fill_table([row] * 500, like=order)

    plan = overdue.overdue().values_list("pk", "provider")[:10].explain()

    assert re.search("orders_order_by_status", plan)
    assert "SCAN orders_order\n" not in f"{plan}\n"
    assert not re.search("sort|temp b-tree", plan, re.IGNORECASE)


def test_beat_has_it_done(order: Order, settings: Any) -> None:
    aged(order)
    [entry] = [
        each
        for each in settings.CELERY_BEAT_SCHEDULE.values()
        if each["task"] == orders_tasks.refund_overdue.name
    ]
    assert entry["schedule"] == 600

    orders_tasks.refund_overdue()
    orders_tasks.refund_overdue()

    assert (stands(order), refunds(order)) == ("canceled", [130])


# --- Against others ---------------------------------------------------------------------------------------


def claimed_in_between(monkeypatch: pytest.MonkeyPatch, *, lock: bool) -> None:
    """Let a worker claim an order once it is listed; without `lock`, after it was looked at again too."""

    def locked(pk: int) -> Order:
        seen = Order.objects.get(pk=pk)
        assert claim_next(seen.provider_id) is not None
        return Order.objects.get(pk=pk) if lock else seen

    monkeypatch.setattr(overdue, "locked", locked)


@pytest.mark.parametrize("lock", [True, False])
def test_a_claim_since_the_list_was_made_stands(
    order: Order, monkeypatch: pytest.MonkeyPatch, lock: bool
) -> None:
    """The lock is not the only guard: the condition on the status holds alone."""
    aged(order)
    claimed_in_between(monkeypatch, lock=lock)

    assert refund_overdue() == 0
    assert (stands(order), outcomes(order), refunds(order)) == ("sending", [("", "")], [])
    assert not Alert.objects.exists()


def test_control_without_the_condition_a_sent_order_is_refunded(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged(order)
    claimed_in_between(monkeypatch, lock=False)
    monkeypatch.setattr("orders.outcomes.move", unguarded_move)  # what `cancel_unsent` goes by

    assert refund_overdue() == 1
    assert (stands(order), refunds(order)) == ("canceled", [130])
    assert outcomes(order) == [("", "")]  # and its `add` is on its way


@pytest.mark.django_db(transaction=True)
def test_two_runs_and_two_workers_at_once(customer: User, service: Service) -> None:
    credit(customer, 1000)
    orders = [aged(place(customer, service)) for _ in range(12)]

    def claim_all() -> int:
        return sum(claim_next(service.provider_id) is not None for _ in range(12))

    came_of = side_by_side(refund_overdue, refund_overdue, claim_all, claim_all)

    assert not [each for each in came_of if isinstance(each, Exception)]
    sent = {attempt.order_id for attempt in Attempt.objects.all()}
    assert len(sent) == came_of[2] + came_of[3]
    assert came_of[0] + came_of[1] == len(orders) - len(sent) - Order.objects.filter(status="queued").count()
    for order in orders:
        assert refunds(order) == ([130] if stands(order) == "canceled" else [])
        assert (order.pk in sent) == (stands(order) == "sending")


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_late_for_a_refunded_order_is_told(
    customer: User, service: Service, olga: User
) -> None:
    """A person was wrong: the money is back, and the provider has the order. Nobody but a person can help."""
    order = place(customer, service)
    send = claim_next(service.provider_id)
    assert send is not None
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    orders_tasks.expire_attempts()
    settle_send_again(order.pk, actor=olga, why="looks lost")
    aged(order)
    refund_overdue()

    record_outcome(send.attempt_id, Placed("p-1", raw=""))

    assert (stands(order), refunds(order)) == ("canceled", [130])
    assert Alert.objects.filter(cause=f"order:{order.pk}:placed_late").exists()
