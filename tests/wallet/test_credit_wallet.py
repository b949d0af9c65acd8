from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from accounts.models import User
from tests.factories import credit
from wallet.models import Transfer
from wallet.statement import balance_of


def credit_wallet(*words: str) -> str:
    said = StringIO()
    with translation.override("ru"):  # as in a process of its own, whatever a page before spoke
        call_command("credit_wallet", *words, stdout=said)
    return said.getvalue()


def test_money_comes_in_and_the_balance_is_said(alice: User) -> None:
    said = credit_wallet("alice@example.com", "1234.5", "--note", "Bank transfer 17")

    assert said == "alice@example.com has 1\xa0234,50\xa0RUB.\n"
    assert balance_of(alice) == Decimal("1234.5")
    transfer = Transfer.objects.get()
    assert (transfer.kind, transfer.note) == (Transfer.Kind.ADJUSTMENT, "Bank transfer 17")


def test_the_same_order_twice_is_two_credits(alice: User) -> None:
    for _ in range(2):
        credit_wallet("alice@example.com", "10", "--note", "Welcome")

    assert balance_of(alice) == 20


def test_a_negative_amount_takes_out(alice: User) -> None:
    credit(alice, 10)

    credit_wallet("alice@example.com", "-2.5", "--note", "Paid back")

    assert balance_of(alice) == Decimal("7.5")


def test_an_address_is_found_whatever_its_case(alice: User) -> None:
    credit_wallet(" Alice@Example.COM", "1", "--note", "Welcome")

    assert balance_of(alice) == 1


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("-10.000001", "holds only 10,00\xa0RUB; nothing was moved"),
        ("0", "moves nothing"),
        ("NaN", "no amount"),
        ("-NaN", "no amount"),
        ("Infinity", "no amount"),
        ("1e9999999", "no amount"),
        ("0.0000001", "finer than 0.000001"),
        ("10,5", "write it with a decimal point"),
        ("ten", "write it with a decimal point"),
        ("", "write it with a decimal point"),
    ],
)
def test_what_cannot_be_moved_is_refused(alice: User, amount: str, said: str) -> None:
    credit(alice, 10)

    with pytest.raises(CommandError, match=said):
        credit_wallet("--note", "Welcome", "--", "alice@example.com", amount)

    assert balance_of(alice) == 10
    assert Transfer.objects.count() == 1


@pytest.mark.parametrize("note", ["", "   ", "x" * 501])
def test_a_note_is_needed(alice: User, note: str) -> None:
    with pytest.raises(CommandError, match="Nothing was moved: a note has 1 to 500 characters"):
        credit_wallet("alice@example.com", "10", "--note", note)

    assert not Transfer.objects.exists()


def test_a_note_cannot_be_left_out(alice: User) -> None:
    with pytest.raises(CommandError, match="--note"):
        credit_wallet("alice@example.com", "10")

    assert not Transfer.objects.exists()


def test_a_stranger_gets_no_wallet(alice: User) -> None:
    with pytest.raises(CommandError, match=r"Nobody is registered as mallory@example\.com"):
        credit_wallet("mallory@example.com", "10", "--note", "Welcome")

    assert not Transfer.objects.exists()
    assert User.objects.count() == 1
