from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from money.amounts import MAX_AMOUNT
from tests.factories import credit
from tests.interrupting import cutting_in
from wallet import ledger
from wallet.errors import AlreadyMoved, InsufficientFunds, InvalidAmount, InvalidNote
from wallet.models import Entry, LedgerAccount, Transfer
from wallet.statement import balance_of

Kind = LedgerAccount.Kind

NOT_MOVED = "moves nothing|no amount of money|finer than|not below"
NO_AMOUNTS = ["0", "-0", "NaN", "sNaN", "Infinity", "-Infinity", "0.0000001", "1e12", "1e9999999"]


def test_a_story_of_one_wallet(alice: User, olga: User) -> None:
    ledger.adjust(alice, amount=Decimal(100), reference="gift", note="Welcome", made_by=olga)
    assert held(alice) == {"wallet": 100, "adjustments": -100}

    ledger.charge_order(alice, order_id=7, amount=Decimal("60.5"))
    assert held(alice) == {"wallet": Decimal("39.5"), "adjustments": -100, "sales": Decimal("60.5")}

    ledger.refund_order(alice, order_id=7, amount=Decimal(20), refunded_to=Decimal(20))
    ledger.refund_order(alice, order_id=7, amount=Decimal("40.5"), refunded_to=Decimal("60.5"))
    assert held(alice) == {"wallet": 100, "adjustments": -100, "sales": 0}

    ledger.adjust(alice, amount=Decimal("-0.000001"), reference="fee", note="Rounding")
    assert held(alice)["wallet"] == Decimal("99.999999")


def test_a_wallet_is_opened_once_and_empty(alice: User) -> None:
    wallet = ledger.wallet_of(alice)

    assert (wallet.kind, wallet.balance) == (Kind.WALLET, 0)
    assert ledger.wallet_of(alice) == wallet


def test_the_sites_own_accounts_store_no_balance(db: None) -> None:
    account = ledger.system_account(Kind.SALES)

    assert (account.owner, account.balance) == (None, None)
    assert ledger.system_account(Kind.SALES) == account


def test_a_transfer_says_what_caused_it(alice: User, olga: User) -> None:
    ledger.adjust(alice, amount=Decimal(100), reference="gift", note="Welcome", made_by=olga)
    ledger.charge_order(alice, order_id=7, amount=Decimal(60))
    ledger.refund_order(
        alice, order_id=7, amount=Decimal(1), refunded_to=Decimal("1.5"), made_by=olga, note="late"
    )
    ledger.refund_order(alice, order_id=7, amount=Decimal(1), refunded_to=Decimal("2.5"))

    said = Transfer.objects.order_by("pk").values_list("kind", "reference", "subject_id", "made_by", "note")
    assert list(said) == [
        ("adjustment", "gift", None, olga.pk, "Welcome"),
        ("order_charge", "order:7", 7, None, ""),
        ("order_refund", "order:7:to:1500000", 7, olga.pk, "late"),
        ("order_refund", "order:7:to:2500000", 7, None, ""),
    ]


def test_all_money_can_be_spent_and_no_more(alice: User) -> None:
    credit(alice, "10")

    with pytest.raises(InsufficientFunds) as refusal:
        ledger.charge_order(alice, order_id=1, amount=Decimal("10.000001"))

    assert (refusal.value.needed, refusal.value.available) == (Decimal("10.000001"), 10)
    assert balance_of(alice) == 10
    assert Transfer.objects.count() == 1
    ledger.charge_order(alice, order_id=1, amount=Decimal(10))
    assert balance_of(alice) == 0


def test_who_never_had_money_cannot_pay(alice: User, boris: User) -> None:
    credit(boris, 1000)

    with pytest.raises(InsufficientFunds) as refusal:
        ledger.charge_order(alice, order_id=1, amount=Decimal("0.000001"))

    assert refusal.value.available == 0
    assert (balance_of(alice), balance_of(boris)) == (0, 1000)


def test_a_refusal_says_what_another_payment_left(alice: User) -> None:
    credit(alice, 100)
    another = partial(ledger.charge_order, alice, order_id=1, amount=Decimal(60))

    with (
        cutting_in(another, before='UPDATE "wallet_ledgeraccount"'),
        pytest.raises(InsufficientFunds) as refusal,
    ):
        ledger.charge_order(alice, order_id=2, amount=Decimal(50))

    assert (refusal.value.needed, refusal.value.available) == (50, 40)


def test_taking_money_out_needs_money(alice: User) -> None:
    credit(alice, 10)

    with pytest.raises(InsufficientFunds):
        ledger.adjust(alice, amount=Decimal(-11), reference="out", note="Back to the card")

    assert balance_of(alice) == 10
    assert not Transfer.objects.filter(reference="out").exists()


def test_an_order_is_paid_for_once(alice: User) -> None:
    credit(alice, 100)
    ledger.charge_order(alice, order_id=7, amount=Decimal(60))

    with pytest.raises(AlreadyMoved) as refusal:
        ledger.charge_order(alice, order_id=7, amount=Decimal(30))

    assert (refusal.value.kind, refusal.value.reference) == ("order_charge", "order:7")
    assert balance_of(alice) == 40
    assert Transfer.objects.count() == 2


def test_one_step_of_an_orders_refunds_is_taken_once(alice: User) -> None:
    credit(alice, 100)
    ledger.charge_order(alice, order_id=7, amount=Decimal(60))
    ledger.refund_order(alice, order_id=7, amount=Decimal(20), refunded_to=Decimal(20))

    with pytest.raises(AlreadyMoved):
        ledger.refund_order(alice, order_id=7, amount=Decimal(20), refunded_to=Decimal("20.00"))

    assert balance_of(alice) == 60


def test_an_adjustment_is_made_once_whoever_it_is_for(alice: User, boris: User) -> None:
    ledger.adjust(alice, amount=Decimal(5), reference="gift", note="Welcome")

    for user in (alice, boris):
        with pytest.raises(AlreadyMoved):
            ledger.adjust(user, amount=Decimal(5), reference="gift", note="Welcome")

    assert (balance_of(alice), balance_of(boris)) == (5, 0)


def test_the_same_words_name_two_causes_of_two_kinds(alice: User) -> None:
    ledger.adjust(alice, amount=Decimal(5), reference="order:7", note="Welcome")
    ledger.charge_order(alice, order_id=7, amount=Decimal(5))

    assert balance_of(alice) == 0


@pytest.mark.parametrize("amount", NO_AMOUNTS)
def test_what_is_no_amount_moves_nothing(alice: User, amount: str) -> None:
    credit(alice, 100)

    with pytest.raises(InvalidAmount, match=NOT_MOVED):
        ledger.adjust(alice, amount=Decimal(amount), reference="x", note="Welcome")
    with pytest.raises(InvalidAmount, match=NOT_MOVED):
        ledger.charge_order(alice, order_id=1, amount=Decimal(amount))
    with pytest.raises(InvalidAmount):
        ledger.refund_order(alice, order_id=1, amount=Decimal(amount), refunded_to=Decimal(1))

    assert balance_of(alice) == 100
    assert (Transfer.objects.count(), Entry.objects.count()) == (1, 2)


def test_a_negative_charge_or_refund_moves_nothing(alice: User) -> None:
    credit(alice, 100)

    with pytest.raises(InvalidAmount):
        ledger.charge_order(alice, order_id=1, amount=Decimal(-1))
    with pytest.raises(InvalidAmount):
        ledger.refund_order(alice, order_id=1, amount=Decimal(-1), refunded_to=Decimal(1))

    assert balance_of(alice) == 100


@pytest.mark.parametrize("note", ["", " \n", "x" * 501])
def test_an_adjustment_says_why(alice: User, note: str) -> None:
    with pytest.raises(InvalidNote, match="500 characters"):
        ledger.adjust(alice, amount=Decimal(5), reference="gift", note=note)

    assert not Transfer.objects.exists()
    assert balance_of(alice) == 0


def test_a_note_may_be_as_long_as_is_kept(alice: User) -> None:
    transfer = ledger.adjust(alice, amount=Decimal(5), reference="gift", note="x" * 500)

    assert Transfer.objects.get(pk=transfer.pk).note == "x" * 500


def test_a_wallet_never_holds_more_than_an_amount_can_be(alice: User) -> None:
    most = MAX_AMOUNT - Decimal("0.000001")
    credit(alice, most)

    with pytest.raises(InvalidAmount, match="would hold"):
        credit(alice, "0.000001")

    assert balance_of(alice) == most
    assert Transfer.objects.count() == 1


def test_what_fails_later_takes_the_transfer_back(alice: User) -> None:
    credit(alice, 100)

    with transaction.atomic():
        ledger.charge_order(alice, order_id=7, amount=Decimal(60))
        transaction.set_rollback(True)  # the order could not be written

    assert balance_of(alice) == 100
    assert Transfer.objects.count() == 1


def test_a_refusal_leaves_the_callers_transaction_usable(alice: User) -> None:
    with transaction.atomic():
        credit(alice, 100)
        ledger.charge_order(alice, order_id=7, amount=Decimal(60))
        with pytest.raises(AlreadyMoved):
            ledger.charge_order(alice, order_id=7, amount=Decimal(40))
        with pytest.raises(InsufficientFunds):
            ledger.charge_order(alice, order_id=8, amount=Decimal(60))
        ledger.charge_order(alice, order_id=9, amount=Decimal(40))

    assert balance_of(alice) == 0


def test_another_fault_than_a_repeat_is_not_called_one(alice: User) -> None:
    credit(alice, 100)

    with pytest.raises(IntegrityError), transaction.atomic():
        ledger.adjust(alice, amount=Decimal(1), reference="", note="Welcome")

    assert balance_of(alice) == 100


def test_a_payment_takes_as_many_statements_with_200_transfers_as_with_10(alice: User) -> None:
    credit(alice, 1000)
    counted = []
    for first, size in ((1, 10), (1000, 200)):
        for number in range(first, first + size):
            ledger.charge_order(alice, order_id=number, amount=Decimal(1))
        with CaptureQueriesContext(connection) as asked:
            ledger.charge_order(alice, order_id=first + size, amount=Decimal(1))
        counted.append(len(asked))

    assert counted[0] == counted[1]


def held(user: User) -> dict[str, Decimal]:
    """Return what each account holds by its entries; the wallet's stored balance must agree."""
    sums: dict[str, Decimal] = {}
    for entry in Entry.objects.select_related("account"):
        sums[entry.account.kind] = sums.get(entry.account.kind, Decimal(0)) + entry.amount
    assert sums["wallet"] == balance_of(user)
    assert sum(sums.values()) == 0
    return sums
