"""What the database itself refuses, tried by raw SQL round the rules."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from accounts.models import User
from tests.factories import credit
from tests.wallet.tampering import run, write_transfer
from wallet import ledger
from wallet.auditing import audit_ledger
from wallet.models import Entry, LedgerAccount, Transfer
from wallet.statement import balance_of

Kind = LedgerAccount.Kind


@pytest.fixture
def wallet(alice: User) -> LedgerAccount:
    """Alice's wallet with 100."""
    ledger.adjust(alice, amount=Decimal(100), reference="gift", note="Welcome")
    return ledger.wallet_of(alice)


def refused(sql: str, *values: object) -> None:
    """Demand that the database refuses a statement."""
    with pytest.raises(IntegrityError), transaction.atomic():
        run(sql, *values)


def test_no_balance_below_zero(wallet: LedgerAccount) -> None:
    refused("UPDATE wallet_ledgeraccount SET balance = -1 WHERE id = %s", wallet.pk)
    refused("UPDATE wallet_ledgeraccount SET balance = balance - 100000001 WHERE id = %s", wallet.pk)

    assert balance_of(wallet.owner) == 100


def test_a_wallet_has_owner_and_balance(wallet: LedgerAccount) -> None:
    refused("UPDATE wallet_ledgeraccount SET balance = NULL WHERE id = %s", wallet.pk)
    refused("UPDATE wallet_ledgeraccount SET owner_id = NULL WHERE id = %s", wallet.pk)
    refused("INSERT INTO wallet_ledgeraccount (kind, balance) VALUES ('wallet', 0)")


def test_the_sites_own_accounts_have_neither(alice: User, boris: User) -> None:
    refused("INSERT INTO wallet_ledgeraccount (kind, balance) VALUES ('sales', 0)")
    refused("INSERT INTO wallet_ledgeraccount (kind, owner_id) VALUES ('sales', %s)", boris.pk)
    assert not LedgerAccount.objects.exists()


def test_one_account_of_each_of_the_sites_kinds(db: None) -> None:
    ledger.system_account(Kind.SALES)

    refused("INSERT INTO wallet_ledgeraccount (kind) VALUES ('sales')")


def test_one_wallet_of_each_user(wallet: LedgerAccount) -> None:
    refused(
        "INSERT INTO wallet_ledgeraccount (kind, owner_id, balance) VALUES ('wallet', %s, 0)", wallet.owner_id
    )


def test_one_transfer_of_each_kind_and_reference(wallet: LedgerAccount) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        write_transfer(kind="adjustment", reference="gift")

    assert Transfer.objects.count() == 1


def test_a_transfer_names_its_cause(wallet: LedgerAccount) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        write_transfer(reference="")
    with pytest.raises(IntegrityError), transaction.atomic():
        write_transfer(reference=None)


def test_an_entry_moves_something_and_once_for_each_account(wallet: LedgerAccount) -> None:
    sales = ledger.system_account(Kind.SALES)
    with pytest.raises(IntegrityError), transaction.atomic():
        write_transfer((wallet, "0"), (sales, "0"))
    with pytest.raises(IntegrityError), transaction.atomic():
        write_transfer((wallet, "1"), (sales, "1"), (wallet, "-2"))

    assert Entry.objects.count() == 2


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE wallet_entry SET amount = amount + 1",
        "UPDATE wallet_entry SET amount = amount",
        "UPDATE wallet_entry SET account_id = account_id",
        "DELETE FROM wallet_entry",
        "UPDATE wallet_transfer SET note = 'something else'",
        "UPDATE wallet_transfer SET created_at = CURRENT_TIMESTAMP",
        "DELETE FROM wallet_transfer",
    ],
)
def test_what_was_written_is_never_changed_or_deleted(wallet: LedgerAccount, sql: str) -> None:
    before = rows()

    with pytest.raises(IntegrityError, match="rows are never changed or deleted"), transaction.atomic():
        run(sql)

    assert rows() == before


def test_what_was_written_is_never_replaced(wallet: LedgerAccount) -> None:
    before = rows()
    entry = Entry.objects.filter(account=wallet).get()
    replace = (
        "INSERT OR REPLACE INTO wallet_entry (id, transfer_id, account_id, amount) VALUES (%s, %s, %s, 1)"
        if connection.vendor == "sqlite"
        else "INSERT INTO wallet_entry (id, transfer_id, account_id, amount) OVERRIDING SYSTEM VALUE"
        " VALUES (%s, %s, %s, 1) ON CONFLICT (id) DO UPDATE SET amount = 1"
    )

    with pytest.raises(IntegrityError, match="rows are never changed or deleted"), transaction.atomic():
        run(replace, entry.pk, entry.transfer_id, wallet.pk)

    assert rows() == before


def test_the_orm_is_refused_as_well(wallet: LedgerAccount) -> None:
    for change in (
        lambda: Entry.objects.update(amount=Decimal(1)),
        lambda: Entry.objects.all().delete(),
        lambda: Transfer.objects.update(note="something else"),
        lambda: Transfer.objects.get().save(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()

    assert balance_of(wallet.owner) == 100


def test_who_owns_money_or_moved_it_stays(wallet: LedgerAccount, boris: User) -> None:
    ledger.adjust(wallet.owner, amount=Decimal(1), reference="x", note="Welcome", made_by=boris)

    for user in (wallet.owner, boris):
        with pytest.raises(ProtectedError):
            user.delete()

    assert User.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_database_keeps_them_as_well(wallet: LedgerAccount, boris: User) -> None:
    ledger.adjust(wallet.owner, amount=Decimal(1), reference="x", note="Welcome", made_by=boris)

    for user in (wallet.owner, boris):
        refused("DELETE FROM accounts_user WHERE id = %s", user.pk)

    assert User.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("legs", [(), ("1",), ("1", "-1.000001"), ("1", "2")])
def test_what_does_not_balance_is_refused_at_commit_or_found(
    tampering: Callable[..., None], alice: User, legs: tuple[str, ...]
) -> None:
    accounts = [ledger.wallet_of(alice), ledger.system_account(Kind.SALES)]
    entries = list(zip(accounts, legs, strict=False))
    if connection.vendor == "postgresql":
        with pytest.raises(IntegrityError, match="entries that sum to"), transaction.atomic():
            write_transfer(*entries)
        assert (Transfer.objects.count(), Entry.objects.count()) == (0, 0)
        return
    # SQLite knows no trigger that waits for the commit: there the audit finds it.
    number = write_transfer(*entries)
    assert any(finding.startswith(f"transfer {number} (") for finding in audit_ledger())


@pytest.mark.django_db(transaction=True)
def test_an_entry_added_later_is_refused_at_commit_or_found(
    tampering: Callable[..., None], wallet: LedgerAccount
) -> None:
    topups = ledger.system_account(Kind.TOPUPS)
    add = "INSERT INTO wallet_entry (transfer_id, account_id, amount) VALUES (%s, %s, 1)"
    transfer = Transfer.objects.get()
    if connection.vendor == "postgresql":
        with pytest.raises(IntegrityError, match="3 entries that sum to 1"), transaction.atomic():
            run(add, transfer.pk, topups.pk)
        assert Entry.objects.count() == 2
        return
    run(add, transfer.pk, topups.pk)
    assert any("3 entries that sum to 0.000001" in finding for finding in audit_ledger())


def test_rows_say_what_they_are(wallet: LedgerAccount) -> None:
    credit(wallet.owner, 1)

    assert str(wallet) == "alice@example.com"
    assert str(ledger.system_account(Kind.SALES)) == Kind.SALES.label
    transfer = Transfer.objects.earliest("pk")
    assert str(transfer) == f"{Transfer.Kind.ADJUSTMENT.label} gift"
    assert str(transfer.entries.get(account=wallet)) == f"{transfer} 100.000000"


def rows() -> list[tuple[object, ...]]:
    """Return all that transfers and entries hold."""
    return [*Transfer.objects.values_list(), *Entry.objects.values_list()]
