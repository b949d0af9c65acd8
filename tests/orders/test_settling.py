from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import User
from catalog.models import Service
from operations.models import Alert
from orders.canceling import request_cancel
from orders.errors import NotForSettling, ProviderIdTaken
from orders.models import Order, OrderEvent
from orders.settling import settle_placed, settle_refund, settle_send_again
from tests.factories import place
from tests.orders.acting import accept, cancel_at_once, forward, fresh, held_by, kinds, poll_at_once, refunds
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import DROPPED, LOST, saying

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
UNKNOWN = saying('{"error": "The moon is too bright"}')


@pytest.fixture(params=["uncertain", "held"])
def waiting(request: pytest.FixtureRequest, order: Order, sandbox: SandboxServer) -> Order:
    """Alice's order, which waits for a person."""
    sandbox.script("add", {"uncertain": LOST, "held": UNKNOWN}[request.param])
    forward(order.provider)
    order = fresh(order)
    assert order.status == request.param
    assert Alert.objects.filter(closed_at=None).count() == 1
    return order


def settled_by(order: Order) -> tuple[Any, str, str]:
    event = OrderEvent.objects.get(order=order, kind="settled")
    return event.actor, event.detail, event.to_status


def test_it_was_placed(waiting: Order, olga: User) -> None:
    with time_machine.travel(NOW, tick=False):
        settle_placed(waiting.pk, provider_order_id="77", actor=olga, why="seen there")
    order = fresh(waiting)
    assert (order.status, order.provider_order_id, order.reason) == ("pending", "77", "")
    assert (order.sent_at, order.due_at) == (NOW, NOW + timedelta(seconds=30))
    assert settled_by(order) == (olga, "seen there", "pending")
    assert not Alert.objects.filter(closed_at=None).exists()
    assert (order.refunded, held_by(order.customer)) == (0, 870)


def test_a_lost_order_that_was_found_goes_on_to_its_end(
    order: Order, olga: User, sandbox: SandboxServer
) -> None:
    sandbox.script("add", LOST)
    forward(order.provider)
    accepted = sandbox.journal.accepted[0].order
    settle_placed(order.pk, provider_order_id=accepted, actor=olga, why="seen there")
    sandbox.end_order(accepted, "Partial", 300)
    assert poll_at_once(order).refunded == 39
    assert len(sandbox.journal.accepted) == 1


def test_an_id_that_another_order_has(waiting: Order, customer: User, service: Service, olga: User) -> None:
    accept(place(customer, service), "77")
    with pytest.raises(ProviderIdTaken):
        settle_placed(waiting.pk, provider_order_id="77", actor=olga, why="seen there")
    order = fresh(waiting)
    assert (order.status, order.provider_order_id) == (waiting.status, None)
    assert "settled" not in kinds(order)
    assert Alert.objects.filter(closed_at=None).count() == 1


def test_it_was_not_placed(waiting: Order, olga: User, sandbox: SandboxServer, commits: Any) -> None:
    with commits as sent:
        settle_send_again(waiting.pk, actor=olga, why="not there")
    order = fresh(waiting)
    assert (order.status, order.waits, order.reason) == ("queued", 0, "")
    assert settled_by(order) == (olga, "not there", "queued")
    assert sent == [("orders.tasks.forward_provider", (order.provider_id,))]
    assert not Alert.objects.filter(closed_at=None).exists()

    assert forward(order.provider) == 1
    assert (fresh(order).status, held_by(order.customer)) == ("pending", 870)
    assert sandbox.calls["add"] == 2


def test_it_is_refunded(waiting: Order, olga: User) -> None:
    settle_refund(waiting.pk, actor=olga, why="too long")
    order = fresh(waiting)
    assert (order.status, refunds(order), held_by(order.customer)) == ("canceled", [130], 1000)
    assert settled_by(order) == (olga, "too long", "canceled")
    refund = order.events.get(kind="refunded")
    assert (refund.actor, refund.amount) == (olga, 130)
    assert not Alert.objects.filter(closed_at=None).exists()
    assert forward(order.provider) == 0


DECISIONS: dict[str, Any] = {
    "placed": lambda order, actor: settle_placed(order.pk, provider_order_id="77", actor=actor, why="x"),
    "send again": lambda order, actor: settle_send_again(order.pk, actor=actor, why="x"),
    "refund": lambda order, actor: settle_refund(order.pk, actor=actor, why="x"),
}


@pytest.mark.parametrize("second", DECISIONS)
@pytest.mark.parametrize("first", DECISIONS)
def test_of_two_people_the_first_counts(
    order: Order, sandbox: SandboxServer, olga: User, boris: User, first: str, second: str
) -> None:
    sandbox.script("add", DROPPED)
    forward(order.provider)
    DECISIONS[first](order, olga)
    before, events, held = fresh(order), kinds(order), held_by(order.customer)

    with pytest.raises(NotForSettling):
        DECISIONS[second](order, boris)

    assert (fresh(order).status, kinds(order), held_by(order.customer)) == (before.status, events, held)


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("status", sorted(set(Order.Status.values) - Order.FOR_A_PERSON - Order.ENDED))
def test_only_what_waits_for_a_person(order: Order, olga: User, status: str, decision: str) -> None:
    Order.objects.update(status=status, provider_order_id="1")
    with pytest.raises(NotForSettling):
        DECISIONS[decision](order, olga)
    assert (fresh(order).status, fresh(order).provider_order_id, kinds(order)) == (status, "1", ["placed"])
    assert held_by(order.customer) == 870


# --- When the customer wanted it canceled meanwhile -------------------------------------------------------


@pytest.fixture
def unwanted(waiting: Order) -> Order:
    """The same, and Alice wants it canceled."""
    return request_cancel(waiting.pk, actor=waiting.customer)


def test_placed_and_unwanted_the_provider_is_asked(
    unwanted: Order, olga: User, sandbox: SandboxServer
) -> None:
    settle_placed(unwanted.pk, provider_order_id="1242", actor=olga, why="seen there")
    assert (fresh(unwanted).status, fresh(unwanted).refunded) == ("pending", 0)
    order = cancel_at_once(unwanted)
    assert sandbox.calls["cancel"] == 1
    assert order.cancel_state in ("taken", "refused")


def test_not_placed_and_unwanted_it_ends(unwanted: Order, olga: User, sandbox: SandboxServer) -> None:
    settle_send_again(unwanted.pk, actor=olga, why="not there")
    order = fresh(unwanted)
    assert (order.status, refunds(order), held_by(order.customer)) == ("canceled", [130], 1000)
    assert kinds(order)[-3:] == ["settled", "canceled_here", "refunded"]
    assert forward(order.provider) == 0
    assert sandbox.calls["add"] == 1


def test_refunded_and_unwanted_it_is_refunded_once(unwanted: Order, olga: User) -> None:
    settle_refund(unwanted.pk, actor=olga, why="too long")
    assert (refunds(unwanted), held_by(unwanted.customer)) == ([130], 1000)
