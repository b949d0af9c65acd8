"""Two at one wallet. Beside each race stands the same race without the guard, which must go wrong."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import F, QuerySet, Sum, Value

from accounts.models import User
from money.fields import MoneyField
from tests.factories import credit
from tests.wallet.threads import meeting, side_by_side
from wallet import ledger
from wallet.auditing import audit_ledger
from wallet.errors import AlreadyMoved, InsufficientFunds
from wallet.models import Entry, LedgerAccount, Transfer
from wallet.statement import balance_of

Kind = LedgerAccount.Kind
Patch = pytest.MonkeyPatch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rich(alice: User) -> User:
    """Alice with 100, and every account of the site there."""
    credit(alice, 100)
    for kind in (Kind.SALES, Kind.ADJUSTMENTS):
        ledger.system_account(kind)
    return alice


@pytest.fixture
def together(monkeypatch: Patch) -> Callable[[int], None]:
    """Let so many threads look at the wallet before any of them moves money."""

    def arrange(count: int) -> None:
        meet, plain = meeting(count), ledger.wallet_of

        def wallet_of(user: User) -> LedgerAccount:
            wallet = plain(user)
            meet()
            return wallet

        monkeypatch.setattr(ledger, "wallet_of", wallet_of)

    return arrange


@pytest.fixture
def unguarded(monkeypatch: Patch) -> None:
    """Take and give by the balance that was seen, as a ledger without conditional updates would."""

    def take(wallet: LedgerAccount, amount: Decimal) -> None:
        if wallet.balance < amount:
            raise InsufficientFunds(needed=amount, available=wallet.balance)
        LedgerAccount.objects.filter(pk=wallet.pk).update(balance=wallet.balance - amount)

    def give(wallet: LedgerAccount, amount: Decimal) -> None:
        LedgerAccount.objects.filter(pk=wallet.pk).update(balance=wallet.balance + amount)

    monkeypatch.setattr(ledger, "_take", take)
    monkeypatch.setattr(ledger, "_give", give)


def pay(user: User, order_id: int, amount: int) -> Transfer:
    return ledger.charge_order(user, order_id=order_id, amount=Decimal(amount))


def put_in(user: User, amount: int, reference: str = "") -> Transfer:
    return ledger.adjust(
        user, amount=Decimal(amount), reference=reference or uuid.uuid4().hex, note="for a test"
    )


def entries_sum(user: User) -> Decimal:
    return Entry.objects.filter(account__owner=user).aggregate(held=Sum("amount"))["held"]


def kinds(outcomes: list[Any]) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in outcomes)


# --- Payments from one wallet -----------------------------------------------------------------------------


def test_parallel_payments_never_overspend(rich: User, together: Callable[[int], None]) -> None:
    together(4)

    outcomes = side_by_side(*(partial(pay, rich, number, 60) for number in range(1, 5)))

    assert kinds(outcomes) == ["InsufficientFunds"] * 3 + ["Transfer"]
    assert balance_of(rich) == entries_sum(rich) == 40


def test_without_the_conditional_update_they_overspend(
    rich: User, together: Callable[[int], None], unguarded: None, tampering: object
) -> None:
    together(4)

    outcomes = side_by_side(*(partial(pay, rich, number, 60) for number in range(1, 5)))

    assert kinds(outcomes) == ["Transfer"] * 4
    assert balance_of(rich) == 40
    assert entries_sum(rich) == 100 - 4 * 60
    assert list(audit_ledger()) != []


def test_without_the_condition_the_check_still_refuses(
    rich: User, together: Callable[[int], None], monkeypatch: Patch
) -> None:
    def take(wallet: LedgerAccount, amount: Decimal) -> None:
        less = F("balance") - Value(amount, output_field=MoneyField())
        LedgerAccount.objects.filter(pk=wallet.pk).update(balance=less)

    monkeypatch.setattr(ledger, "_take", take)
    together(2)

    outcomes = side_by_side(partial(pay, rich, 1, 60), partial(pay, rich, 2, 60))

    assert kinds(outcomes) == ["IntegrityError", "Transfer"]
    assert balance_of(rich) == entries_sum(rich) == 40


# --- Top-ups beside payments ------------------------------------------------------------------------------


def test_a_topup_beside_a_payment_is_not_lost(rich: User, together: Callable[[int], None]) -> None:
    together(2)

    outcomes = side_by_side(partial(pay, rich, 1, 60), partial(put_in, rich, 5))

    assert kinds(outcomes) == ["Transfer", "Transfer"]
    assert balance_of(rich) == entries_sum(rich) == 45


def test_without_the_guard_one_of_both_is_lost(
    rich: User, together: Callable[[int], None], unguarded: None, tampering: object
) -> None:
    together(2)

    outcomes = side_by_side(partial(pay, rich, 1, 60), partial(put_in, rich, 5))

    assert kinds(outcomes) == ["Transfer", "Transfer"]
    assert balance_of(rich) in {40, 105}
    assert entries_sum(rich) == 45


def test_many_payments_and_topups_side_by_side(rich: User, boris: User) -> None:
    credit(boris, 100)

    def busy(seed: int) -> None:
        chance = Random(seed)
        for number in range(15):
            user, amount = chance.choice([rich, boris]), chance.randint(1, 60)
            try:
                if chance.random() < 0.6:
                    pay(user, seed * 1000 + number, amount)
                else:
                    put_in(user, amount)
            except InsufficientFunds:
                continue

    assert side_by_side(*(partial(busy, seed) for seed in range(4))) == [None] * 4

    for user in (rich, boris):
        assert balance_of(user) == entries_sum(user) >= 0


# --- The same adjustment twice ----------------------------------------------------------------------------


def test_the_same_adjustment_twice_moves_once(rich: User, together: Callable[[int], None]) -> None:
    together(2)

    outcomes = side_by_side(*[partial(put_in, rich, 5, "gift")] * 2)

    assert kinds(outcomes) == ["AlreadyMoved", "Transfer"]
    assert balance_of(rich) == entries_sum(rich) == 105


def test_the_same_order_is_paid_for_once(rich: User, together: Callable[[int], None]) -> None:
    together(2)

    outcomes = side_by_side(*[partial(pay, rich, 7, 30)] * 2)

    assert kinds(outcomes) == ["AlreadyMoved", "Transfer"]
    assert balance_of(rich) == entries_sum(rich) == 70


def test_without_a_reference_it_moves_twice(
    rich: User, together: Callable[[int], None], monkeypatch: Patch
) -> None:
    def looked_up_first(user: User) -> Transfer:
        # As code does that looks whether it was done, and gives no reference that means anything.
        if Transfer.objects.filter(note="gift").exists():
            raise AlreadyMoved(kind="adjustment", reference="gift")
        return ledger.adjust(user, amount=Decimal(5), reference=uuid.uuid4().hex, note="gift")

    together(2)

    outcomes = side_by_side(*[partial(looked_up_first, rich)] * 2)

    assert kinds(outcomes) == ["Transfer", "Transfer"]
    assert balance_of(rich) == 110


# --- Two who open one wallet ------------------------------------------------------------------------------


@pytest.fixture
def both_miss(monkeypatch: Patch) -> None:
    """Let two threads both see that there is no such account before either opens it."""
    meet, plain = meeting(2), QuerySet.get

    def get(self: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return plain(self, *args, **kwargs)
        except LedgerAccount.DoesNotExist:
            meet()
            raise

    monkeypatch.setattr(QuerySet, "get", get)


def test_two_open_one_wallet(alice: User, both_miss: None) -> None:
    first, second = side_by_side(*[partial(ledger.wallet_of, alice)] * 2)

    assert first == second == LedgerAccount.objects.get()


def test_two_open_one_of_the_sites_accounts(alice: User, both_miss: None) -> None:
    first, second = side_by_side(*[partial(ledger.system_account, Kind.SALES)] * 2)

    assert first == second == LedgerAccount.objects.get()


def test_looking_before_opening_fails_one_of_two(alice: User, both_miss: None) -> None:
    def looked_up_first(user: User) -> LedgerAccount:
        try:
            return LedgerAccount.objects.get(owner=user)
        except LedgerAccount.DoesNotExist:
            return LedgerAccount.objects.create(owner=user, kind=Kind.WALLET, balance=Decimal(0))

    outcomes = side_by_side(*[partial(looked_up_first, alice)] * 2)

    assert kinds(outcomes) == ["IntegrityError", "LedgerAccount"]
    assert any(isinstance(outcome, IntegrityError) for outcome in outcomes)
