"""Orders' lives in any order of events: what the machine's steps share, and how each example ends.

The steps are in `life_customers.py`, `life_workers.py` and `life_operators.py`: each may happen next, and may
die in the middle. `life_model.py` says what must be so after each.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import time_machine
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant

from accounts.models import User
from catalog.halting import resume
from catalog.models import Provider, Service
from orders import canceling, forwarding, polling, settling
from orders.models import Attempt, Order
from orders.outcomes import record_outcome
from tests.factories import LINK, credit, make_provider, make_service, make_user
from tests.interrupting import Died, dying
from tests.orders.acting import findings, said
from tests.orders.life_answers import CANCEL_ANSWERS
from tests.orders.life_model import Books, Call
from upstream.answers import Placed

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
MOST_ROUNDS = 12
ROUND = timedelta(hours=2)
"""Longer than any wait of an order."""

people = st.integers(0, 1)
wares = st.integers(0, 2)
accounts = st.integers(0, 1)
quantities = st.sampled_from([100, 333, 1000, 5000])
links = st.sampled_from([LINK, f"{LINK}/2"])
deaths = st.none() | st.integers(0, 25)
"""The statement before which a worker dies; most steps have fewer than 25."""

orders = Bundle("orders")
calls = Bundle("calls")


@dataclass(frozen=True)
class Cast:
    """Who takes part; the same in each example, which is rolled back."""

    customers: tuple[User, ...]
    operator: User
    providers: tuple[Provider, ...]
    services: tuple[Service, ...]


def make_cast() -> Cast:
    """Save two customers, an operator, and two providers with three services that treat links differently."""
    providers = (make_provider(), make_provider())
    services = (
        make_service(providers[0], duplicate_links="off"),
        make_service(providers[0], duplicate_links="refuse", price=Decimal("0.99999")),
        make_service(providers[1], duplicate_links="warn"),
    )
    return Cast((make_user(), make_user()), make_user(is_staff=True), providers, services)


AT_PROVIDER = {"provider_order_id__isnull": False}


class Life(RuleBasedStateMachine):
    """What all steps share; an example is rolled back when it is over."""

    def __init__(self, cast: Cast) -> None:
        super().__init__()
        self.cast, self.books, self.number = cast, Books(), 1000
        self.travel = time_machine.travel(BEGIN, tick=False)
        self.time = self.travel.start()
        self.example = transaction.atomic()
        self.example.__enter__()
        for customer in cast.customers:
            self.earn(customer, Decimal(700))

    def teardown(self) -> None:
        """Lead what went well so far to its end, and undo the example."""
        try:
            if sys.exc_info()[0] is None:
                self.end_all()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)
            self.travel.stop()

    @invariant()
    def promises_hold(self) -> None:
        self.books.check()

    def earn(self, customer: User, amount: Decimal) -> None:
        credit(customer, amount)
        self.books.credited[customer.pk] += amount

    def next_number(self) -> str:
        self.number += 1
        return str(self.number)

    def id_of_another(self, order: Order) -> str | None:
        """Return the provider's id of another order there, or None if there is none."""
        others = Order.objects.filter(provider=order.provider_id, provider_order_id__isnull=False)
        return others.exclude(pk=order.pk).values_list("provider_order_id", flat=True).first()

    def nearest(self, order_id: int, **wanted: Any) -> Order:
        """Return an order if it is as wanted, else another one that is, if there is one: fewer idle steps."""
        fitting = {order.pk: order for order in Order.objects.filter(**wanted).order_by("pk")}
        fit = fitting.get(order_id) or next(iter(fitting.values()), None)
        return fit or Order.objects.get(pk=order_id)

    def lives(self, work: Callable[[], object], *, dies: int | None) -> bool:
        """Do a worker's work, which may die in the middle; tell whether it lived."""
        try:
            with dying(dies):
                work()
        except Died:
            return False
        return True

    def call_of(self, send: forwarding.Send) -> Call:
        order_id = Attempt.objects.values_list("order", flat=True).get(pk=send.attempt_id)
        return self.books.called(Call(send.attempt_id, order_id))

    # --- The end ------------------------------------------------------------------------------------------

    def end_all(self) -> None:
        """Let everybody do their work until every order has ended, which must be soon."""
        for _ in range(MOST_ROUNDS):
            if not Order.objects.filter(ended_at=None).exists():
                break
            self.time.shift(ROUND)
            self.open_again()
            forwarding.expire_attempts()
            for order in Order.objects.filter(status__in=Order.FOR_A_PERSON):
                self.settle(order)
            for provider in self.cast.providers:
                self.work_off(provider)
            self.books.check()
        left = Order.objects.filter(ended_at=None).values_list("pk", "status")
        assert not left, f"without a way out: {list(left)}"
        connection.check_constraints()  # what waits for the commit is proved now
        assert findings() == []

    def open_again(self) -> None:
        Service.objects.update(is_listed=True, held_text="")
        for provider in Provider.objects.all():
            resume(provider)
        Provider.objects.update(is_active=True)

    def settle(self, order: Order) -> None:
        if order.pk % 2:
            settling.settle_refund(order.pk, actor=self.cast.operator, why="the end")
        else:
            settling.settle_send_again(order.pk, actor=self.cast.operator, why="the end")

    def work_off(self, provider: Provider) -> None:
        while send := forwarding.claim_next(provider.pk):
            call = self.call_of(send)
            call.answer = Placed(self.next_number(), raw="")
            record_outcome(call.attempt_id, call.answer)
        while cancel := canceling.take_next(provider.pk):
            canceling.record_answer(cancel.order_id, CANCEL_ANSWERS["too late"])
        while ask := polling.take_next(provider.pk):
            polling.record_answer(ask.order_id, said("completed", remains=0))
