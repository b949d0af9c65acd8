from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone

from accounts.models import User
from catalog.models import Service
from operations.turns import in_turn
from orders import tasks as orders_tasks
from orders.canceling import request_cancel
from orders.forwarding import claim_next
from orders.models import Attempt, Order
from tests.factories import make_service, place
from tests.orders.acting import accept, fresh, held_by
from upstream.sandbox import SandboxServer

EVERY = {
    "forward": orders_tasks.forward_every_provider,
    "poll": orders_tasks.poll_every_provider,
    "cancel": orders_tasks.cancel_every_provider,
    "search": orders_tasks.search_every_provider,
}


@pytest.fixture
def woken(commits: Any) -> Callable[[str], list[int]]:
    """Run a task that beat sends, and return the providers whose tasks it sent."""

    def run(name: str) -> list[int]:
        with commits as sent:
            sent.clear()
            EVERY[name]()
        assert {task for task, _ in sent} <= {f"orders.tasks.{name}_provider"}
        return [provider_id for _, (provider_id,) in sent]

    return run


@pytest.fixture
def two(customer: User, service: Service) -> tuple[Order, Order]:
    """An order at each of two providers."""
    return place(customer, service), place(customer, make_service())


def test_a_forwarder_is_woken_for_each_provider_with_due_orders(
    two: tuple[Order, Order], woken: Callable[[str], list[int]]
) -> None:
    first, second = two
    place(first.customer, first.service)
    assert sorted(woken("forward")) == [first.provider_id, second.provider_id]
    Order.objects.filter(pk=second.pk).update(due_at=timezone.now() + timedelta(minutes=1))
    assert woken("forward") == [first.provider_id]


def test_a_poller_is_woken_for_each_provider_with_due_orders(
    two: tuple[Order, Order], woken: Callable[[str], list[int]]
) -> None:
    assert woken("poll") == []
    accept(two[1])
    assert woken("poll") == [two[1].provider_id]


def test_a_canceler_is_woken_for_each_provider_with_due_cancels(
    two: tuple[Order, Order], woken: Callable[[str], list[int]]
) -> None:
    accept(two[0])
    assert woken("cancel") == []
    request_cancel(two[0].pk, actor=two[0].customer)
    assert woken("cancel") == [two[0].provider_id]


def test_a_searcher_is_woken_for_each_provider_with_lost_answers(
    two: tuple[Order, Order], woken: Callable[[str], list[int]]
) -> None:
    assert woken("search") == []
    assert claim_next(two[0].provider_id) is not None
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    orders_tasks.expire_attempts()
    assert woken("search") == [two[0].provider_id]
    orders_tasks.search_provider(two[0].provider_id)
    assert woken("search") == []


def test_no_more_than_two_tasks_of_a_machine_forward_for_a_provider(
    order: Order, sandbox: SandboxServer
) -> None:
    def forward_beside() -> None:
        in_turn(name, at_once=2, work=lambda: orders_tasks.forward_provider(order.provider_id))

    name = f"forward-{order.provider_id}"
    assert in_turn(name, at_once=2, work=forward_beside)
    assert fresh(order).status == "queued"
    orders_tasks.forward_provider(order.provider_id)
    assert fresh(order).status == "pending"


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
    named |= {f"orders.tasks.{name}_provider" for name in EVERY}
    named |= {"catalog.tasks.sync_provider", "orders.tasks.forward_every_provider"}
    assert named <= set(current_app.tasks)
