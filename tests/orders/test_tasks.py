from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from accounts.models import User
from catalog.models import Service
from orders import tasks as orders_tasks
from orders.canceling import request_cancel
from orders.forwarding import claim_next
from orders.models import Attempt, Order
from tests.factories import make_service, place
from tests.orders.acting import accept, fresh, held_by
from upstream.sandbox import SandboxServer

EACH = {
    "forward": (orders_tasks.forward_every_provider, orders_tasks.forward_provider),
    "poll": (orders_tasks.poll_every_provider, orders_tasks.poll_provider),
    "cancel": (orders_tasks.cancel_every_provider, orders_tasks.cancel_provider),
}


def woken(name: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Run a task that beat sends, and return the providers whose tasks it sent."""
    every, one = EACH[name]
    sent: list[int] = []

    def apply_async(args: tuple[int], *, expires: float) -> None:
        assert expires > 0  # a busy worker is not woken for each time that beat looked
        sent.extend(args)

    monkeypatch.setattr(one, "apply_async", apply_async)
    every()
    return sent


@pytest.fixture
def two(customer: User, service: Service) -> tuple[Order, Order]:
    """An order at each of two providers."""
    return place(customer, service), place(customer, make_service())


def test_a_forwarder_is_woken_for_each_provider_with_due_orders(
    two: tuple[Order, Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two
    place(first.customer, first.service)
    assert sorted(woken("forward", monkeypatch)) == [first.provider_id, second.provider_id]
    Order.objects.filter(pk=second.pk).update(due_at=timezone.now() + timedelta(minutes=1))
    assert woken("forward", monkeypatch) == [first.provider_id]


def test_a_poller_is_woken_for_each_provider_with_due_orders(
    two: tuple[Order, Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert woken("poll", monkeypatch) == []
    accept(two[1])
    assert woken("poll", monkeypatch) == [two[1].provider_id]


def test_a_canceler_is_woken_for_each_provider_with_due_cancels(
    two: tuple[Order, Order], monkeypatch: pytest.MonkeyPatch, tasks: list[Any]
) -> None:
    accept(two[0])
    assert woken("cancel", monkeypatch) == []
    request_cancel(two[0].pk, actor=two[0].customer)
    assert woken("cancel", monkeypatch) == [two[0].provider_id]


def test_one_task_each(order: Order, sandbox: SandboxServer) -> None:
    sandbox.plan_next(end="Partial", end_remains=300)
    orders_tasks.forward_provider(order.provider_id)
    assert fresh(order).status == "pending"

    request_cancel(order.pk, actor=order.customer)
    orders_tasks.cancel_provider(order.provider_id)
    assert fresh(order).cancel_state == "taken"

    Order.objects.update(due_at=timezone.now())
    orders_tasks.poll_provider(order.provider_id)
    assert (fresh(order).status, held_by(order.customer)) == ("canceled", 1000)


def test_dead_attempts_expire(order: Order) -> None:
    claim_next(order.provider_id)
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    orders_tasks.expire_attempts()
    assert fresh(order).status == "uncertain"


def test_tasks_may_run_twice(order: Order, sandbox: SandboxServer) -> None:
    for _ in range(3):
        orders_tasks.forward_provider(order.provider_id)
        orders_tasks.poll_provider(order.provider_id)
        orders_tasks.cancel_provider(order.provider_id)
        orders_tasks.expire_attempts()
    assert len(sandbox.journal.accepted) == 1


def test_every_task_that_beat_or_a_rule_names_is_there(settings: Any) -> None:
    current_app.loader.import_default_modules()
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    named |= {f"orders.tasks.{name}_provider" for name in ("forward", "poll", "cancel")}
    named |= {"catalog.tasks.sync_provider", "orders.tasks.forward_every_provider"}
    assert named <= set(current_app.tasks)
