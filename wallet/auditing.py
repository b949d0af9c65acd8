"""The ledger proved from its raw rows. Each finding names the row that is wrong."""

from collections.abc import Iterator
from decimal import Decimal

from django.db import connection
from django.db.models import Count, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from money.fields import MoneyField
from wallet.models import Entry, LedgerAccount, Transfer

TRIGGERS = frozenset(
    {
        "wallet_entry_no_update",
        "wallet_entry_no_delete",
        "wallet_transfer_no_update",
        "wallet_transfer_no_delete",
    }
)
# The account of the site's own that a kind of transfer is about, and what it may do to the wallet.
SIDES = {
    Transfer.Kind.ORDER_CHARGE: (LedgerAccount.Kind.SALES, Q(entries__amount__lt=Decimal(0))),
    Transfer.Kind.ORDER_REFUND: (LedgerAccount.Kind.SALES, Q(entries__amount__gt=Decimal(0))),
    Transfer.Kind.ADJUSTMENT: (LedgerAccount.Kind.ADJUSTMENTS, Q()),
}

POSTGRES_TRIGGERS = TRIGGERS | {"wallet_transfer_balanced", "wallet_entry_balanced"}

NOTHING = Value(Decimal(0), output_field=MoneyField())


def audit_ledger() -> Iterator[str]:
    """Yield what is wrong in the ledger, a sentence each; nothing when it is right.

    Proves that entries sum to zero per transfer, in at least two legs, that each transfer runs between one
    wallet and the account that its kind is about, that stored balances equal their entries and none is below
    zero, and that the triggers that keep entries unchanged are in place.
    """
    yield from _unbalanced_transfers()
    yield from _misled_transfers()
    yield from _wrong_balances()
    yield from _missing_triggers()


def _unbalanced_transfers() -> Iterator[str]:
    wrong = (
        Transfer.objects.order_by("pk")
        .annotate(legs=Count("entries"), total=Coalesce(Sum("entries__amount"), NOTHING))
        .filter(Q(legs__lt=2) | ~Q(total=Decimal(0)))
    )
    for transfer in wrong.iterator():
        yield f"transfer {transfer.pk} ({transfer}): {transfer.legs} entries that sum to {transfer.total}"


def _misled_transfers() -> Iterator[str]:
    at_wallet, at_side = Q(), Q()
    for kind, (side, way) in SIDES.items():
        at_wallet |= Q(kind=kind, entries__account__kind=LedgerAccount.Kind.WALLET) & way
        at_side |= Q(kind=kind, entries__account__kind=side)
    counted = Transfer.objects.order_by("pk").annotate(
        legs=Count("entries"),
        wallets=Count("entries", filter=at_wallet),
        sides=Count("entries", filter=at_side),
    )
    for transfer in counted.exclude(legs=2, wallets=1, sides=1).iterator():
        yield f"transfer {transfer.pk} ({transfer}): not between one wallet and the account of its kind"


def _wrong_balances() -> Iterator[str]:
    held = (
        Entry.objects.filter(account=OuterRef("pk")).order_by().values("account").annotate(sum=Sum("amount"))
    )
    wallets = LedgerAccount.objects.filter(kind=LedgerAccount.Kind.WALLET).annotate(
        held=Coalesce(Subquery(held.values("sum"), output_field=MoneyField()), NOTHING)
    )
    for wallet in wallets.filter(~Q(balance=F("held")) | Q(balance__lt=Decimal(0))).order_by("pk").iterator():
        yield f"wallet {wallet.pk}: stored balance {wallet.balance}, entries sum to {wallet.held}"


def _missing_triggers() -> Iterator[str]:
    on_postgres = connection.vendor == "postgresql"
    catalogue = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        if on_postgres
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(catalogue)
        there = {row[0] for row in cursor.fetchall()}
    for name in sorted((POSTGRES_TRIGGERS if on_postgres else TRIGGERS) - there):
        yield f"trigger {name} is missing: entries could be changed"
