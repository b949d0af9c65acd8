"""Orders keep their promises whatever happens to them, in whichever order; and the machine sees it if not."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis.stateful import run_state_machine_as_test

from orders import placing
from orders.life import Event, move, note
from orders.models import Attempt, Order
from tests.machines import CONTROL, IS_THOROUGH, THOROUGHNESS
from tests.orders.life_customers import Customers
from tests.orders.life_machine import Life, make_cast
from tests.orders.life_operators import Operators
from tests.orders.life_workers import Pollers, Senders
from wallet import ledger


class OrdersLife(Customers, Senders, Pollers, Operators):
    """All that may happen to orders."""


class Sending(Customers, Senders):
    """Fewer steps, for controls: what they look for comes up sooner."""


class Polling(Customers, Senders, Pollers):
    """What it takes to see an order end."""


def test_orders_keep_their_promises_whatever_happens(db: None) -> None:
    cast = make_cast()
    run_state_machine_as_test(lambda: OrdersLife(cast), settings=THOROUGHNESS)


# --- Controls: without a guard the machine must see the fault ---------------------------------------------


def send_again_what_died(attempt: Attempt) -> bool:
    """Take a dead worker's call for one that was never made."""
    Attempt.objects.filter(pk=attempt.pk).update(outcome=Attempt.Outcome.LATER, rule="worker_died")
    order = Order.objects.get(pk=attempt.order_id)
    return move(order, to=Order.Status.QUEUED, event=Event.WAITS, due_at=timezone.now())


def move_whatever_it_is(order: Order, *, to: str, event: Event, **fields: Any) -> bool:
    """Change a status without a look at what it is by now."""
    seen = order.status
    note(order, event, from_status=seen, to_status=to, detail=fields.pop("detail", ""))
    Order.objects.filter(pk=order.pk).update(status=to, **fields)
    return True


def count_whatever_went_back(order: Order, *, target: Decimal, **more: Any) -> Decimal:
    """Give back without a look at what went back by now."""
    amount = target - order.refunded
    if amount > 0:
        Order.objects.filter(pk=order.pk).update(refunded=target)
        ledger.refund_order(order.customer, order_id=order.pk, amount=amount, refunded_to=target)
        note(order, Event.REFUNDED, amount=amount)
    return amount


WITHOUT_GUARD: dict[str, tuple[type[Life], str, Callable[..., Any], str]] = {
    "the attempt's commit": (
        Sending,
        "orders.forwarding._expire",
        send_again_what_died,
        "sent again, and may have been placed",
    ),
    "the conditional update": (Sending, "orders.forwarding.move", move_whatever_it_is, "one_open|order_id"),
    "the conditional count": (
        Polling,
        "orders.polling.refund_up_to",
        count_whatever_went_back,
        "refunds of|went back",
    ),
    "the one transaction": (Sending, "orders.placing._write", placing._write.__wrapped__, "lost ones"),  # type: ignore[attr-defined]
    "the end of leases": (Sending, "orders.forwarding.expire_attempts", lambda: 0, "without a way out"),
}


SLOW = frozenset({"the conditional update", "the conditional count"})
"""Guards whose want is seen after hundreds of examples; `test_races.py` has quick controls of them."""


@pytest.mark.parametrize("guard", [guard for guard in WITHOUT_GUARD if IS_THOROUGH or guard not in SLOW])
def test_control_the_machine_sees_what_a_guard_keeps_off(
    db: None, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    steps, where, instead, seen = WITHOUT_GUARD[guard]
    monkeypatch.setattr(where, instead)
    cast = make_cast()
    with pytest.raises((AssertionError, IntegrityError, ValueError), match=seen):
        run_state_machine_as_test(lambda: steps(cast), settings=CONTROL)


def test_control_the_machine_sees_an_order_sent_again_after_a_hint(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seldom met by chance alone: the steps are given.
    monkeypatch.setattr("orders.outcomes._may_be_placed_before", lambda *_: False)
    life = OrdersLife(make_cast())
    try:
        life.begin(first=0, second=0)
        [call] = life.send_and_die(account=0).values
        life.send(account=0, name="placed")
        life.decide(order_id=call.order_id, decision="send again", dies=None)
        life.send(account=0, name="spam")
        life.send(account=0, name="placed")
        life.send(account=0, name="placed")
        with pytest.raises(AssertionError, match="sent again"):
            life.promises_hold()
    finally:
        transaction.set_rollback(True)
        life.example.__exit__(None, None, None)
        life.travel.stop()
