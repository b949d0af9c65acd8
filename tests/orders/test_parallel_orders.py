"""Many orders of one customer at once, beside top-ups and refunds: threads over connections of their own.

Beside each race stands a control: the same with the wallet's conditional update taken away.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.utils import translation

from accounts.models import User
from catalog.models import Service
from orders.messages import message_of
from orders.models import Order
from orders.polling import record_answer
from tests.factories import credit, place
from tests.orders.acting import accept, charges, findings, fresh, held_by, refunds, said
from tests.wallet.threads import meeting, side_by_side
from wallet import ledger
from wallet.errors import InsufficientFunds
from wallet.models import LedgerAccount

pytestmark = pytest.mark.django_db(transaction=True)

CHARGE = 130
ORDERS, PAID_FOR = 50, 10
TOPUPS, TOPUP = 10, 7

Action = Callable[[], Any]


@pytest.fixture(autouse=True)
def _no_messages(tasks: list[Any]) -> None:
    """Keep the broker out: the database is the queue."""


def without_guard(monkeypatch: pytest.MonkeyPatch) -> threading.local:
    """Take and give by the balance that a thread saw, as a ledger without conditional updates would."""
    saw = threading.local()

    def take(wallet: LedgerAccount, amount: Decimal) -> None:
        if saw.balance < amount:
            raise InsufficientFunds(needed=amount, available=saw.balance)
        LedgerAccount.objects.filter(pk=wallet.pk).update(balance=saw.balance - amount)

    def give(wallet: LedgerAccount, amount: Decimal) -> None:
        LedgerAccount.objects.filter(pk=wallet.pk).update(balance=saw.balance + amount)

    monkeypatch.setattr(ledger, "_take", take)
    monkeypatch.setattr(ledger, "_give", give)
    return saw


def all_at_once(user: User, actions: list[Action], *, saw: threading.local | None = None) -> list[Any]:
    """Do the actions once every thread has looked at the wallet; return what each returned or raised.

    They look before their transactions: on SQLite a transaction has the whole database from its start.
    """
    meet = meeting(len(actions))

    def once_all_looked(action: Action) -> Any:
        balance = held_by(user)
        if saw is not None:
            saw.balance = balance
        meet()
        return action()

    return side_by_side(*[partial(once_all_looked, action) for action in actions])


def tally(came_of: list[Any]) -> Counter[str]:
    return Counter(type(each).__name__ for each in came_of)


# --- More orders than money -------------------------------------------------------------------------------


def test_fifty_orders_with_money_for_ten(alice: User, service: Service) -> None:
    credit(alice, PAID_FOR * CHARGE)

    came_of = all_at_once(alice, [partial(place, alice, service)] * ORDERS)

    assert tally(came_of) == {"Order": PAID_FOR, "InsufficientFunds": ORDERS - PAID_FOR}
    assert (Order.objects.count(), charges(), held_by(alice)) == (PAID_FOR, PAID_FOR, 0)
    with translation.override("en"):
        refusals = {message_of(each) for each in came_of if isinstance(each, InsufficientFunds)}
    assert {words.replace("\xa0", " ") for words in refusals} == {
        "The order costs 130.00 RUB and your wallet holds 0.00 RUB. Top up and order again."
    }


@pytest.mark.tampers
def test_control_without_the_conditional_update_all_fifty_are_sold(
    alice: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    credit(alice, PAID_FOR * CHARGE)
    saw = without_guard(monkeypatch)

    came_of = all_at_once(alice, [partial(place, alice, service)] * ORDERS, saw=saw)

    assert tally(came_of) == {"Order": ORDERS}
    assert (charges(), held_by(alice)) == (ORDERS, (PAID_FOR - 1) * CHARGE)
    assert any("stored balance" in finding for finding in findings())


# --- Orders beside top-ups and refunds --------------------------------------------------------------------


def top_up(user: User) -> None:
    ledger.adjust(user, amount=Decimal(TOPUP), reference=uuid.uuid4().hex, note="for a test")


def mixed(customer: User, at_provider: list[Order], service: Service) -> list[Action]:
    """Return top-ups, refunds of all and of a part, and as many orders as there are top-ups."""
    canceled, partly = at_provider[::2], at_provider[1::2]
    return [
        *[partial(record_answer, order.pk, said("canceled")) for order in canceled],
        *[partial(record_answer, order.pk, said("partial", remains=500)) for order in partly],
        *[partial(top_up, customer)] * TOPUPS,
        *[partial(place, customer, service)] * TOPUPS,
    ]


@pytest.mark.parametrize("money_for", [0, 3, TOPUPS])
def test_topups_refunds_and_orders_at_once(alice: User, service: Service, money_for: int) -> None:
    credit(alice, 4 * CHARGE)
    at_provider = [accept(place(alice, service)) for _ in range(4)]
    if money_for:
        credit(alice, money_for * CHARGE)

    came_of = all_at_once(alice, mixed(alice, at_provider, service))

    assert set(tally(came_of)) <= {"NoneType", "Order", "InsufficientFunds"}
    assert [sum(refunds(order)) for order in at_provider] == [CHARGE, CHARGE // 2] * 2
    assert [fresh(order).refunded for order in at_provider] == [CHARGE, CHARGE // 2] * 2
    came_in = money_for * CHARGE + 3 * CHARGE + TOPUPS * TOPUP
    placed = tally(came_of)["Order"]
    assert money_for <= placed <= came_in // CHARGE
    assert held_by(alice) == came_in - placed * CHARGE


@pytest.mark.tampers
def test_control_without_the_conditional_update_money_is_lost_or_invented(
    alice: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    credit(alice, (4 + TOPUPS) * CHARGE)
    at_provider = [accept(place(alice, service)) for _ in range(4)]
    saw = without_guard(monkeypatch)

    came_of = all_at_once(alice, mixed(alice, at_provider, service), saw=saw)

    assert tally(came_of)["Order"] == TOPUPS
    assert held_by(alice) != 3 * CHARGE + TOPUPS * TOPUP
    assert any("stored balance" in finding for finding in findings())
