from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.factories import credit, make_user
from tests.wallet.tampering import past_foreign_keys, run, unchecked, write_transfer
from wallet import ledger
from wallet.auditing import SIDES, audit_ledger
from wallet.models import Entry, LedgerAccount, Transfer
from wallet.statement import balance_of

Kind = LedgerAccount.Kind

TABLES = ("wallet_entry", "wallet_transfer")

Unprotect = Callable[..., None]


@pytest.fixture
def wallet(alice: User) -> LedgerAccount:
    """Alice's wallet after 100 came and 60 went for order 7."""
    credit(alice, 100)
    ledger.charge_order(alice, order_id=7, amount=Decimal(60))
    return ledger.wallet_of(alice)


def test_an_empty_ledger_is_right(db: None) -> None:
    assert list(audit_ledger()) == []


def test_what_the_rules_wrote_is_right(wallet: LedgerAccount, boris: User) -> None:
    assert balance_of(wallet.owner) == 40
    ledger.refund_order(wallet.owner, order_id=7, amount=Decimal(9), refunded_to=Decimal(9))
    credit(boris, "0.000001")
    ledger.wallet_of(make_user())
    assert sorted(balance_of(owner) for owner in User.objects.all()) == [0, Decimal("0.000001"), 49]
    assert list(audit_ledger()) == []


@pytest.mark.parametrize("micros", [1, -1, -40_000_000])
def test_a_changed_balance_is_found(wallet: LedgerAccount, tampering: Unprotect, micros: int) -> None:
    run("UPDATE wallet_ledgeraccount SET balance = balance + %s WHERE id = %s", micros, wallet.pk)

    (finding,) = audit_ledger()
    stored = Decimal(40_000_000 + micros).scaleb(-6)
    assert finding == f"wallet {wallet.pk}: stored balance {stored}, entries sum to 40.000000"


def test_a_wallet_with_a_balance_and_no_entries_is_found(alice: User, tampering: Unprotect) -> None:
    wallet = ledger.wallet_of(alice)
    run("UPDATE wallet_ledgeraccount SET balance = 1")

    (finding,) = audit_ledger()
    assert finding == f"wallet {wallet.pk}: stored balance 0.000001, entries sum to 0.000000"


def test_a_changed_entry_is_found_twice(wallet: LedgerAccount, tampering: Unprotect) -> None:
    tampering("wallet_entry")
    entry = Entry.objects.filter(account=wallet).earliest("pk")
    run("UPDATE wallet_entry SET amount = amount + 1 WHERE id = %s", entry.pk)

    transfer, stored = without_triggers()
    assert transfer.startswith(f"transfer {entry.transfer_id} (")
    assert transfer.endswith("2 entries that sum to 0.000001")
    assert stored == f"wallet {wallet.pk}: stored balance 40.000000, entries sum to 40.000001"


def test_a_deleted_entry_is_found(wallet: LedgerAccount, tampering: Unprotect) -> None:
    tampering("wallet_entry")
    entry = Entry.objects.filter(account__kind=Kind.SALES).get()
    run("DELETE FROM wallet_entry WHERE id = %s", entry.pk)

    unbalanced, misled = without_triggers()
    assert unbalanced.startswith(f"transfer {entry.transfer_id} (")
    assert unbalanced.endswith("1 entries that sum to -60.000000")
    assert misled.startswith(f"transfer {entry.transfer_id} (")


def test_a_transfer_without_entries_is_found(tampering: Unprotect) -> None:
    tampering(*TABLES)
    number = write_transfer()

    unbalanced, misled = without_triggers()
    assert unbalanced.startswith(f"transfer {number} (")
    assert "0 entries that sum to 0" in unbalanced
    assert misled.startswith(f"transfer {number} (")


def test_money_that_goes_from_wallet_to_wallet_is_found(
    wallet: LedgerAccount, boris: User, tampering: Unprotect
) -> None:
    credit(boris, 5)
    number = write_transfer((wallet, "-1"), (ledger.wallet_of(boris), "1"))
    run("UPDATE wallet_ledgeraccount SET balance = balance - 1000000 WHERE id = %s", wallet.pk)
    run("UPDATE wallet_ledgeraccount SET balance = balance + 1000000 WHERE id <> %s", wallet.pk)

    (finding,) = audit_ledger()
    assert finding.startswith(f"transfer {number} (")
    assert "not between one wallet and the account of its kind" in finding


@pytest.mark.parametrize(
    ("kind", "side", "amount"),
    [
        ("order_charge", Kind.SALES, "1"),  # a charge that gives
        ("order_refund", Kind.SALES, "-1"),  # a refund that takes
        ("order_refund", Kind.ADJUSTMENTS, "1"),
        ("adjustment", Kind.SALES, "1"),
        ("gift", Kind.SALES, "1"),  # a kind that no rule knows
    ],
)
def test_money_that_goes_the_wrong_way_is_found(
    wallet: LedgerAccount, tampering: Unprotect, kind: str, side: LedgerAccount.Kind, amount: str
) -> None:
    other = "-1" if amount == "1" else "1"
    number = write_transfer((wallet, amount), (ledger.system_account(side), other), kind=kind)
    change = int(amount) * 1_000_000
    run("UPDATE wallet_ledgeraccount SET balance = balance + %s WHERE id = %s", change, wallet.pk)

    (finding,) = audit_ledger()
    assert finding.startswith(f"transfer {number} (")


def test_each_kind_of_transfer_has_its_side() -> None:
    assert set(SIDES) == set(Transfer.Kind)


@pytest.mark.parametrize("legs", [("-1", "1"), ("-1", "2", "-1")])
def test_a_transfer_of_which_no_wallet_knows_is_found(
    wallet: LedgerAccount, tampering: Unprotect, legs: tuple[str, ...]
) -> None:
    accounts = map(ledger.system_account, (Kind.SALES, Kind.ADJUSTMENTS, Kind.TOPUPS))
    number = write_transfer(*zip(accounts, legs, strict=False))

    assert list(audit_ledger()) == [
        f"transfer {number} (adjustment x): not between one wallet and the account of its kind"
    ]


def test_a_third_account_in_a_transfer_is_found(wallet: LedgerAccount, tampering: Unprotect) -> None:
    adjustments, topups = map(ledger.system_account, (Kind.ADJUSTMENTS, Kind.TOPUPS))
    number = write_transfer((wallet, "-1"), (adjustments, "2"), (topups, "-1"))
    run("UPDATE wallet_ledgeraccount SET balance = balance - 1000000 WHERE id = %s", wallet.pk)

    assert list(audit_ledger()) == [
        f"transfer {number} (adjustment x): not between one wallet and the account of its kind"
    ]


def test_an_account_of_no_kind_is_found(wallet: LedgerAccount, tampering: Unprotect) -> None:
    sales = ledger.system_account(Kind.SALES)
    run("UPDATE wallet_ledgeraccount SET kind = 'pocket' WHERE id = %s", sales.pk)

    misled, account = audit_ledger()
    assert misled.startswith("transfer ")
    assert account == f"account {sales.pk}: kind 'pocket' with owner None and balance None"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("balance = 5 WHERE kind = 'sales'", "owner None and balance 0.000005"),
        ("balance = NULL WHERE kind = 'wallet'", "and balance None"),
        ("owner_id = NULL WHERE kind = 'wallet'", "owner None and balance 40.000000"),
    ],
)
def test_an_account_that_is_half_a_wallet_is_found(
    wallet: LedgerAccount, tampering: Unprotect, change: str, found: str
) -> None:
    with unchecked("wallet_ledgeraccount", "wallet_account_wallets_have_owner_and_balance"):
        run(f"UPDATE wallet_ledgeraccount SET {change}")

    (finding,) = audit_ledger()
    assert finding.startswith("account ")
    assert finding.endswith(found)


def test_a_wallet_below_zero_is_found_though_its_entries_say_so(
    wallet: LedgerAccount, tampering: Unprotect
) -> None:
    with unchecked("wallet_ledgeraccount", "wallet_account_balance_not_negative"):
        run("UPDATE wallet_ledgeraccount SET balance = balance - 50000000 WHERE id = %s", wallet.pk)
    write_transfer((wallet, "-50"), (ledger.system_account(Kind.ADJUSTMENTS), "50"))

    assert list(audit_ledger()) == [
        f"wallet {wallet.pk}: stored balance -10.000000, entries sum to -10.000000"
    ]


def test_amounts_whose_sum_no_database_could_keep_are_found(
    wallet: LedgerAccount, tampering: Unprotect
) -> None:
    tampering("wallet_entry")
    run("UPDATE wallet_entry SET amount = %s WHERE account_id = %s", 2**63 - 1, wallet.pk)

    charge, *_, stored = without_triggers()
    assert charge.startswith("transfer ")
    assert stored.endswith(f"entries sum to {Decimal(2 * (2**63 - 1)).scaleb(-6)}")


def test_a_wallet_whose_row_is_gone_is_found(wallet: LedgerAccount, tampering: Unprotect) -> None:
    mine = sorted(Entry.objects.filter(account=wallet).values_list("pk", flat=True))
    with past_foreign_keys() as found:
        run("DELETE FROM wallet_ledgeraccount WHERE id = %s", wallet.pk)
        found += audit_ledger()

    assert [finding for finding in found if finding.startswith("entry ")] == [
        f"entry {pk}: its account {wallet.pk} is not there" for pk in mine
    ]
    assert sum("not between one wallet" in finding for finding in found) == len(mine) == 2


def test_entries_whose_transfer_is_gone_are_found(wallet: LedgerAccount, tampering: Unprotect) -> None:
    charge = Transfer.objects.get(kind="order_charge")
    legs = sorted(charge.entries.values_list("pk", flat=True))
    with past_foreign_keys() as found:
        tampering("wallet_transfer")
        run("DELETE FROM wallet_transfer WHERE id = %s", charge.pk)
        found += without_triggers()

    assert found == [f"entry {pk}: its transfer {charge.pk} is not there" for pk in legs]


@pytest.mark.parametrize("size", [10, 200])
def test_as_many_statements_for_many_as_for_few(alice: User, size: int) -> None:
    for _ in range(size):
        credit(alice, 1)
    with CaptureQueriesContext(connection) as statements:
        assert list(audit_ledger()) == []
    assert len(statements) == 5


def without_triggers() -> list[str]:
    """Return what the audit finds but for the triggers that the test itself dropped."""
    return [finding for finding in audit_ledger() if not finding.startswith("trigger ")]
