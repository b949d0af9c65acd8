"""A worker, a web process or a person's request that is killed at any point: before each statement in turn.

Each loop goes on until the work came to its end without being killed, and so sees every point there is.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from catalog.models import Provider, Service
from operations.models import Alert
from orders import canceling, forwarding, polling
from orders.canceling import request_cancel
from orders.errors import NotForSettling
from orders.forwarding import expire_attempts
from orders.models import Attempt, Order
from orders.settling import settle_placed, settle_refund, settle_send_again
from tests.factories import LINK, credit, make_user, place
from tests.orders.acting import (
    cancel_at_once,
    findings,
    forward,
    fresh,
    held_by,
    kinds,
    poll_at_once,
    refunds,
)
from tests.recovery.crashing import Killed, every_point, killed
from upstream.client import Client
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import LOST, saying

pytestmark = pytest.mark.django_db(transaction=True)  # what is committed is committed

PRICE = Decimal(130)
FUNDS = Decimal(100_000)


@pytest.fixture(autouse=True)
def _no_tasks(tasks: list[object]) -> None:
    """The work is done by the test itself."""


@pytest.fixture
def buyer(transactional_db: None, service: Service) -> User:
    """A customer who can pay for an order at every point."""
    user = make_user("buyer@example.com")
    credit(user, FUNDS)
    return user


@pytest.fixture
def fresh_order(buyer: User, service: Service) -> Callable[[], Order]:
    """Makes another queued order."""
    return lambda: place(buyer, service)


def recovered(order: Order) -> Order:
    """Let the lease of whatever died end, do what beat then has done, and return the order."""
    lease = timedelta(seconds=settings.FORWARD_LEASE_SECONDS + 1)
    with time_machine.travel(timezone.now() + lease, tick=False):
        expire_attempts()
        forward(order.provider)
    return fresh(order)


def adds_of(order: Order, sandbox: SandboxServer) -> list[str]:
    """Return the provider's ids of what it accepted since the order was made, which are this order's."""
    return [row.order for row in sandbox.journal.accepted if row.link == order.link]


def linked(order: Order) -> Order:
    """Give the order a link of its own, by which the provider's journal tells it."""
    Order.objects.filter(pk=order.pk).update(link=f"{LINK}/{order.pk}")
    return fresh(order)


def assert_it_has_a_way_out(order: Order, sandbox: SandboxServer) -> None:
    """Look at a recovered order: placed once and followed, or with a person, and no money moved wrongly."""
    there = adds_of(order, sandbox)
    assert len(there) <= 1
    assert not Attempt.objects.filter(outcome=Attempt.Outcome.OPEN).exists()
    if order.status == Order.Status.UNCERTAIN:
        open_alerts = Alert.objects.filter(cause=f"order:{order.pk}", closed_at=None)
        assert open_alerts.filter(kind=Alert.Kind.ORDER_UNCERTAIN).count() == 1
        assert (order.due_at, order.refunded) == (None, 0)
    else:
        assert (order.status, order.provider_order_id) == (Order.Status.PENDING, there[0])
        assert order.due_at is not None
    assert findings() == []


def test_sending(
    fresh_order: Callable[[], Order],
    provider: Provider,
    sandbox: SandboxServer,
) -> None:
    seen = set()
    for point in every_point():
        order = linked(fresh_order())
        was_killed = killed(lambda: forward(provider), after=point)
        order = recovered(order)
        assert_it_has_a_way_out(order, sandbox)
        seen.add((order.status, len(adds_of(order, sandbox))))
        if not was_killed:
            break
    # Killed before the attempt's commit it is sent later, after it never again, whether or not it arrived.
    assert seen == {("pending", 1), ("uncertain", 1)}
    assert point > 10


@pytest.mark.parametrize("arrived", [False, True])
def test_sending_killed_in_its_call(
    fresh_order: Callable[[], Order],
    provider: Provider,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
    arrived: bool,
) -> None:
    def call(client: Client, send: forwarding.Send) -> None:
        if arrived:
            client.add(service_id=send.service_id, link=send.link, quantity=send.quantity)
        raise Killed

    order = linked(fresh_order())
    with monkeypatch.context() as patch:
        patch.setattr(forwarding, "_call_add", call)
        with pytest.raises(Killed):
            forward(provider)

    order = recovered(order)

    assert order.status == Order.Status.UNCERTAIN
    assert len(adds_of(order, sandbox)) == arrived
    assert_it_has_a_way_out(order, sandbox)


def test_sending_what_is_refused(
    fresh_order: Callable[[], Order],
    provider: Provider,
    sandbox: SandboxServer,
) -> None:
    for point in every_point():
        order = fresh_order()
        sandbox.script("add", saying('{"error": "Bad link"}'))
        was_killed = killed(lambda: forward(provider), after=point)
        if order.attempts.exists():
            order = recovered(order)
        sandbox.unscript()
        order = recovered(order)
        if order.status == Order.Status.CANCELED:
            assert refunds(order) == [order.charge]
        else:
            assert order.status in (Order.Status.UNCERTAIN, Order.Status.PENDING)
            assert refunds(order) == []
        assert order.attempts.count() == 1
        assert findings() == []
        if not was_killed:
            break
    assert order.status == Order.Status.CANCELED
    assert point > 10


def test_expiring(
    fresh_order: Callable[[], Order],
    provider: Provider,
    sandbox: SandboxServer,
) -> None:
    lease = timedelta(seconds=settings.FORWARD_LEASE_SECONDS + 1)
    for point in every_point():
        order = linked(fresh_order())
        assert forwarding.claim_next(provider.pk) is not None  # and the worker dies
        with time_machine.travel(timezone.now() + lease, tick=False):
            was_killed = killed(expire_attempts, after=point)
        order = recovered(order)
        assert order.status == Order.Status.UNCERTAIN
        assert_it_has_a_way_out(order, sandbox)
        if not was_killed:
            break
    assert point > 4


@pytest.mark.parametrize(
    ("end", "remains", "refund"), [("Partial", 400, Decimal(52)), ("Canceled", 1000, PRICE)]
)
def test_asking_with_a_refund(
    fresh_order: Callable[[], Order],
    provider: Provider,
    sandbox: SandboxServer,
    end: str,
    remains: int,
    refund: Decimal,
) -> None:
    for point in every_point():
        order = linked(fresh_order())
        forward(provider)
        order = fresh(order)
        sandbox.end_order(order.provider_order_id or "", end, remains)
        Order.objects.filter(pk=order.pk).update(due_at=timezone.now())
        was_killed = killed(lambda: polling.poll_due(provider.pk, seconds=20), after=point)
        with time_machine.travel(timezone.now() + polling.POLL_LEASE, tick=False):
            polling.poll_due(provider.pk, seconds=20)
        order = fresh(order)
        assert (order.status, refunds(order)) == (end.lower(), [refund])
        assert findings() == []
        if not was_killed:
            break
    assert point > 10


def test_canceling_what_was_not_sent(fresh_order: Callable[[], Order], buyer: User) -> None:
    for point in every_point():
        order, before = fresh_order(), held_by(buyer)
        was_killed = killed(lambda order=order: request_cancel(order.pk, actor=buyer), after=point)
        order = fresh(order)
        if was_killed:
            assert (order.status, held_by(buyer)) == (Order.Status.QUEUED, before)
            request_cancel(order.pk, actor=buyer)
        assert fresh(order).status == Order.Status.CANCELED
        assert held_by(buyer) == before + order.charge
        if not was_killed:
            break
    assert point > 5


def test_canceling_what_the_provider_has(
    fresh_order: Callable[[], Order],
    buyer: User,
    provider: Provider,
    sandbox: SandboxServer,
) -> None:
    def ask_and_call(order: Order) -> None:
        request_cancel(order.pk, actor=buyer)
        canceling.cancel_due(provider.pk, seconds=20)

    for point in every_point():
        order = linked(fresh_order())
        forward(provider)
        was_killed = killed(lambda order=order: ask_and_call(order), after=point)
        if fresh(order).cancel_state == Order.CancelState.NONE:
            request_cancel(order.pk, actor=buyer)  # nothing was written: the customer asks again
        with time_machine.travel(timezone.now() + canceling.CANCEL_LEASE, tick=False):
            cancel_at_once(order)
        order = poll_at_once(order)
        assert (order.status, order.cancel_state) == (Order.Status.CANCELED, Order.CancelState.TAKEN)
        assert refunds(order) == [order.charge]
        assert findings() == []
        if not was_killed:
            break
    assert point > 10


def test_placing(buyer: User, service: Service) -> None:
    for point in every_point():
        before, request_id = held_by(buyer), f"request-{point}"
        was_killed = killed(lambda name=request_id: place(buyer, service, request_id=name), after=point)
        written = Order.objects.filter(request_id=request_id).count()
        assert held_by(buyer) == before - PRICE * written
        order = place(buyer, service, request_id=request_id)  # the customer sends the form again
        assert Order.objects.filter(request_id=request_id).count() == 1
        assert held_by(buyer) == before - order.charge
        assert findings() == []
        if not was_killed:
            break
    assert point > 5


def _placed(order: Order, actor: User) -> None:
    settle_placed(order.pk, provider_order_id=f"by-hand-{order.pk}", actor=actor, why="seen in their list")


def _send_again(order: Order, actor: User) -> None:
    settle_send_again(order.pk, actor=actor, why="it is not in their list")


def _refund(order: Order, actor: User) -> None:
    settle_refund(order.pk, actor=actor, why="the customer has waited enough")


@pytest.mark.parametrize(
    ("settle", "status", "refunded"),
    [(_placed, "pending", False), (_send_again, "queued", False), (_refund, "canceled", True)],
)
def test_settling(
    fresh_order: Callable[[], Order],
    olga: User,
    provider: Provider,
    sandbox: SandboxServer,
    settle: Callable[[Order, User], None],
    status: str,
    refunded: bool,
) -> None:
    for point in every_point():
        order = linked(fresh_order())
        sandbox.script("add", LOST)
        forward(provider)
        was_killed = killed(lambda order=order: settle(order, olga), after=point)
        if fresh(order).status == Order.Status.UNCERTAIN:
            assert refunds(order) == []
            settle(order, olga)
        with pytest.raises(NotForSettling):
            settle(order, olga)
        order = fresh(order)
        assert (order.status, refunds(order)) == (status, [order.charge] if refunded else [])
        assert kinds(order).count("settled") == 1, "who decided it is told with it, or neither"
        assert not Alert.objects.filter(cause=f"order:{order.pk}", closed_at=None).exists()
        assert findings() == []
        Order.objects.filter(pk=order.pk, status="queued").update(due_at=None)  # the next one is sent alone
        if not was_killed:
            break
    assert point > 3
