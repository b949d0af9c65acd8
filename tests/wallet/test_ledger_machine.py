"""The ledger agrees with a model in plain Python whatever is moved, however often, and whoever dies at it."""

import sys
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from accounts.models import User
from money.amounts import MAX_AMOUNT, round_cost
from money.fields import MoneyField
from tests.factories import make_user
from tests.interrupting import Died, cutting_in, dying
from tests.machines import CONTROL, THOROUGHNESS
from wallet import ledger
from wallet.auditing import audit_ledger
from wallet.errors import AlreadyMoved, InsufficientFunds, InvalidAmount, InvalidNote
from wallet.models import Entry, LedgerAccount, Transfer
from wallet.statement import balance_of, statement

people = st.integers(0, 1)
numbers = st.integers(1, 5)
"""Few, so that the same thing is often done again."""
amounts = st.decimals(min_value="0.000001", max_value=1000, places=6)
most = st.sampled_from([Decimal(1), Decimal(500), MAX_AMOUNT - 1])
shares = st.sampled_from([Decimal("0.4"), Decimal("0.6"), Decimal(1)])
"""Of what a wallet holds: two of them are often more than all."""
no_amounts = st.sampled_from([Decimal(0), Decimal("-1"), Decimal("0.0000001"), MAX_AMOUNT, Decimal("NaN")])
deaths = st.none() | st.integers(0, 12)

Cause = tuple[str, str]


class Ledger(RuleBasedStateMachine):
    """Two customers, and every movement that the ledger has, in any order."""

    def __init__(self, users: list[User]) -> None:
        super().__init__()
        self.users = users
        self.moved: dict[Cause, tuple[int, Decimal]] = {}
        self.given_back: dict[int, Decimal] = defaultdict(Decimal)
        self.payments = 0
        self.example = transaction.atomic()
        self.example.__enter__()

    def teardown(self) -> None:
        """Prove the whole, and undo the example."""
        try:
            if sys.exc_info()[0] is None:
                self.prove_all()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    def holds(self, who: int) -> Decimal:
        """Return what a wallet must hold."""
        return sum((amount for owner, amount in self.moved.values() if owner == who), Decimal(0))

    def move(
        self, cause: Cause, who: int, gains: Decimal, *, by: Callable[[], Any], dies: int | None
    ) -> bool:
        """Make a movement that should change a wallet by `gains`; tell whether it was made."""
        try:
            with dying(dies):
                by()
        except Died:
            return False
        except AlreadyMoved:
            assert cause in self.moved
            return False
        except InsufficientFunds:
            assert self.holds(who) < -gains
            return False
        except InvalidAmount:
            assert self.holds(who) + gains >= MAX_AMOUNT
            return False
        assert cause not in self.moved
        assert 0 <= self.holds(who) + gains < MAX_AMOUNT
        self.moved[cause] = (who, gains)
        return True

    @rule(who=people, number=numbers, amount=amounts | most, gains=st.booleans(), dies=deaths)
    def adjust(self, who: int, number: int, amount: Decimal, gains: bool, dies: int | None) -> None:
        amount = amount if gains else -amount

        def by() -> None:
            ledger.adjust(self.users[who], amount=amount, reference=str(number), note="by hand")

        self.move(("adjustment", str(number)), who, amount, by=by, dies=dies)

    @rule(who=people, order_id=numbers, amount=amounts, dies=deaths)
    def charge(self, who: int, order_id: int, amount: Decimal, dies: int | None) -> None:
        def by() -> None:
            ledger.charge_order(self.users[who], order_id=order_id, amount=amount)

        self.move(("order_charge", f"order:{order_id}"), who, -amount, by=by, dies=dies)

    @rule(who=people, order_id=numbers, amount=amounts, again=st.booleans(), dies=deaths)
    def refund(self, who: int, order_id: int, amount: Decimal, again: bool, dies: int | None) -> None:
        """Take the next step of an order's refunds, or the last one again."""
        to = self.given_back[order_id] + (0 if again else amount)

        def by() -> None:
            ledger.refund_order(self.users[who], order_id=order_id, amount=amount, refunded_to=to)

        cause = ("order_refund", f"order:{order_id}:to:{int(to * 1_000_000)}")
        if self.move(cause, who, amount, by=by, dies=dies):
            self.given_back[order_id] = to

    @rule(who=people, first=shares, second=shares)
    def pay_twice_at_once(self, who: int, first: Decimal, second: Decimal) -> None:
        """Another payment is made after the first one has looked at the wallet, and before it takes."""
        holds = self.holds(who)
        if holds >= 1:
            with cutting_in(lambda: self.pay(who, round_cost(holds * second)), before="SAVEPOINT"):
                self.pay(who, round_cost(holds * first))

    def pay(self, who: int, amount: Decimal) -> None:
        self.payments += 1
        reference = f"payment {self.payments}"

        def by() -> None:
            ledger.adjust(self.users[who], amount=-amount, reference=reference, note="paid")

        self.move(("adjustment", reference), who, -amount, by=by, dies=None)

    @rule(who=people, amount=no_amounts)
    def move_no_amount(self, who: int, amount: Decimal) -> None:
        user = self.users[who]
        refusing: list[Callable[[], Any]] = [
            lambda: ledger.charge_order(user, order_id=9, amount=amount),
            lambda: ledger.refund_order(user, order_id=9, amount=amount, refunded_to=Decimal(1)),
        ]
        for move in refusing:
            with pytest.raises(InvalidAmount):
                move()

    @rule(who=people, note=st.sampled_from(["", "  ", "x" * 501]))
    def say_nothing(self, who: int, note: str) -> None:
        with pytest.raises(InvalidNote):
            ledger.adjust(self.users[who], amount=Decimal(1), reference="1", note=note)

    @invariant()
    def ledger_agrees_with_the_model(self) -> None:
        per_transfer: dict[Cause, Decimal] = defaultdict(Decimal)
        gained: dict[Cause, tuple[int, Decimal]] = {}
        for kind, reference, owner, amount in Entry.objects.values_list(
            "transfer__kind", "transfer__reference", "account__owner", "amount"
        ):
            per_transfer[kind, reference] += amount
            if owner is not None:
                gained[kind, reference] = ([user.pk for user in self.users].index(owner), amount)
        assert gained == self.moved
        assert Transfer.objects.count() == len(self.moved)
        assert not any(per_transfer.values())
        for who, user in enumerate(self.users):
            assert balance_of(user) == self.holds(who) >= 0

    def prove_all(self) -> None:
        """Prove by the customers' statements and by the audit what the model says."""
        for user in self.users:
            lines = statement(user, limit=1000)
            assert sum((line.amount for line in lines), Decimal(0)) == balance_of(user)
            assert all(line.balance >= 0 for line in lines)
        connection.check_constraints()  # what waits for the commit is proved now
        assert list(audit_ledger()) == []


def test_ledger_agrees_with_a_model_whatever_is_moved(db: None) -> None:
    users = [make_user(), make_user()]
    run_state_machine_as_test(lambda: Ledger(users), settings=THOROUGHNESS)


# --- Controls: without a guard the machine must see the fault ---------------------------------------------


def look_then_take(wallet: LedgerAccount, amount: Decimal) -> None:
    """Take from a wallet by what it held when it was read, and not by what it holds."""
    if (wallet.balance or Decimal(0)) < amount:
        raise InsufficientFunds(needed=amount, available=wallet.balance or Decimal(0))
    less = F("balance") - Value(amount, output_field=MoneyField())
    LedgerAccount.objects.filter(pk=wallet.pk).update(balance=less)


def write_again(transfer: Transfer) -> Transfer:
    """Write what was written before under a reference of its own."""
    again = Transfer.objects.filter(kind=transfer.kind, reference=transfer.reference).count()
    transfer.reference += " again" * again
    transfer.save(force_insert=True)
    return transfer


WITHOUT_GUARD: dict[str, tuple[str, Callable[..., Any]]] = {
    "the conditional update": ("_take", look_then_take),
    "the unique reference": ("_write", write_again),
    "the one transaction": ("_move", ledger._move.__wrapped__),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("guard", WITHOUT_GUARD)
def test_control_the_machine_sees_what_a_guard_keeps_off(
    db: None, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(ledger, *WITHOUT_GUARD[guard])
    users = [make_user(), make_user()]
    with pytest.raises((AssertionError, IntegrityError)):
        run_state_machine_as_test(lambda: Ledger(users), settings=CONTROL)
