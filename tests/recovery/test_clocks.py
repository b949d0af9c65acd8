"""Workers on machines whose clocks differ by minutes, more than an attempt's lease."""

from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from catalog.connecting import client_for
from catalog.models import Provider, Service
from operations.models import Alert
from orders.canceling import cancel_due, request_cancel
from orders.forwarding import claim_next, expire_attempts, forward_due
from orders.models import Attempt, Order
from orders.outcomes import record_outcome
from orders.polling import poll_due
from tests.factories import credit, place
from tests.orders.acting import fresh, kinds, refunds
from upstream.sandbox import SandboxServer

pytestmark = pytest.mark.usefixtures("tasks")

APART = [
    pytest.param(here, there, id=f"{here:+d}m,{there:+d}m")
    for here, there in [(-10, 10), (10, -10), (0, 10), (-10, 0)]
]


def clock_off_by(minutes: int) -> AbstractContextManager[object]:
    """Do something on a machine whose clock is off."""
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=True)


@pytest.fixture
def order(alice: User, service: Service) -> Order:
    """An order that every machine takes for due."""
    credit(alice, 1000)
    with clock_off_by(-60):
        return place(alice, service)


@pytest.mark.parametrize(("here", "there"), APART)
def test_a_send_that_another_machine_takes_for_dead_is_settled_by_its_answer(
    order: Order,
    provider: Provider,
    sandbox: SandboxServer,
    here: int,
    there: int,
) -> None:
    with clock_off_by(here):
        send = claim_next(provider.pk)
        assert send is not None
    answer = client_for(provider).add(service_id=send.service_id, link=send.link, quantity=send.quantity)
    with clock_off_by(there):
        expired = expire_attempts()
        assert forward_due(provider.pk, seconds=5) == 0, "whatever its clock says, it sends nothing again"
    # A clock that runs ahead of the sender's by more than the lease takes it for dead.
    assert expired == (there - here >= 10)
    assert fresh(order).status == ("uncertain" if expired else "sending")

    with clock_off_by(here):
        record_outcome(send.attempt_id, answer)

    order = fresh(order)
    assert (order.status, order.provider_order_id) == ("pending", answer.order_id)
    assert Attempt.objects.get().outcome == Attempt.Outcome.PLACED
    assert not Alert.objects.filter(kind=Alert.Kind.ORDER_UNCERTAIN, closed_at=None).exists()
    assert (sandbox.calls["add"], len(sandbox.journal.accepted)) == (1, 1)


@pytest.mark.parametrize(("here", "there"), APART)
def test_two_machines_take_turns_and_send_and_refund_once(
    order: Order,
    alice: User,
    provider: Provider,
    sandbox: SandboxServer,
    here: int,
    there: int,
) -> None:
    def each_machine(*steps: str) -> None:
        for minutes in (here, there, here):
            with clock_off_by(minutes):
                for step in steps:
                    STEPS[step](provider.pk)

    each_machine("forward", "expire", "poll")
    order = fresh(order)
    assert (order.status, sandbox.calls["add"]) == ("pending", 1)
    with clock_off_by(here):
        request_cancel(order.pk, actor=alice)
    each_machine("cancel", "poll", "expire", "forward")
    with clock_off_by(60):  # every machine's next look at it is over by then
        each_machine("cancel", "poll")

    order = fresh(order)
    assert (order.status, refunds(order)) == ("canceled", [order.charge])
    assert (sandbox.calls["add"], len(sandbox.journal.accepted)) == (1, 1)
    assert kinds(order).count("refunded") == 1


STEPS = {
    "forward": lambda provider_id: forward_due(provider_id, seconds=5),
    "expire": lambda provider_id: expire_attempts(),
    "poll": lambda provider_id: poll_due(provider_id, seconds=5),
    "cancel": lambda provider_id: cancel_due(provider_id, seconds=5),
}
