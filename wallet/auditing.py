"""The ledger proved from its raw rows. Each finding names the row that is wrong.

Rows are read in streams, in the order of what they belong to, and summed here: memory does not grow with the
ledger, no sum can overflow, and each table is read a fixed number of times.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from django.db.models import Exists, OuterRef

from wallet.guards import audit_triggers
from wallet.models import Entry, LedgerAccount, Transfer

Kind = LedgerAccount.Kind

CHUNK = 2000
"""Rows that a stream holds at a time."""

# The account of the site's own that a kind of transfer is about, and the signs of what it does to the wallet.
SIDES: dict[str, tuple[str, frozenset[int]]] = {
    Transfer.Kind.ORDER_CHARGE: (Kind.SALES, frozenset({-1})),
    Transfer.Kind.ORDER_REFUND: (Kind.SALES, frozenset({1})),
    Transfer.Kind.ADJUSTMENT: (Kind.ADJUSTMENTS, frozenset({-1, 1})),
}


def audit_ledger() -> Iterator[str]:
    """Yield what is wrong in the ledger, a sentence each; nothing when it is right.

    Proves that entries sum to zero per transfer, in at least two legs, that each transfer runs between one
    wallet and the account that its kind is about, that stored balances equal their entries and none is below
    zero, that no entry is without its transfer or account, that each account is of a known kind, and that
    the triggers that keep entries unchanged stand as they were made.

    Each table is read by a query of its own: on a busy site only one snapshot for all of them agrees with
    itself (`panel/auditing.py`).
    """
    yield from _wrong_transfers()
    yield from _wrong_accounts()
    yield from _stray_entries()
    yield from audit_triggers()


def _wrong_transfers() -> Iterator[str]:
    # From the transfer to its entries both joins are outer ones: a leg whose account is gone is still a leg.
    rows = Transfer.objects.order_by("pk").values_list(
        "pk", "kind", "reference", "entries__amount", "entries__account__kind"
    )
    for transfer, group in groupby(rows.iterator(chunk_size=CHUNK), key=itemgetter(0, 1, 2)):
        legs = [(amount, account) for *_, amount, account in group if amount is not None]
        total = sum((amount for amount, _ in legs), Decimal(0))
        if len(legs) < 2 or total:
            yield f"{named(*transfer)}: {len(legs)} entries that sum to {total:.6f}"
        if not _runs_as_its_kind_says(transfer[1], legs):
            yield f"{named(*transfer)}: not between one wallet and the account of its kind"


def named(pk: int, kind: str, reference: str) -> str:
    """Return how a finding names a transfer: as its row has it, in nobody's language."""
    return f"transfer {pk} ({kind} {reference})"


def _runs_as_its_kind_says(kind: str, legs: Sequence[tuple[Decimal, str | None]]) -> bool:
    side, signs = SIDES.get(kind, ("", frozenset()))
    wallets = [amount for amount, account in legs if account == Kind.WALLET]
    sides = [amount for amount, account in legs if account == side]
    return len(legs) == 2 and len(wallets) == len(sides) == 1 and (1 if wallets[0] > 0 else -1) in signs


def _wrong_accounts() -> Iterator[str]:
    rows = LedgerAccount.objects.order_by("pk").values_list(
        "pk", "kind", "owner", "balance", "entries__amount"
    )
    for account, group in groupby(rows.iterator(chunk_size=CHUNK), key=itemgetter(0, 1, 2, 3)):
        pk, kind, owner, balance = account
        held = sum((amount for *_, amount in group if amount is not None), Decimal(0))
        is_wallet = kind == Kind.WALLET
        if kind not in Kind.values or (owner is None) == is_wallet or (balance is None) == is_wallet:
            yield f"account {pk}: kind {kind!r} with owner {owner} and balance {balance}"
        elif balance is not None and (balance != held or balance < 0):
            yield f"wallet {pk}: stored balance {balance}, entries sum to {held:.6f}"


def _stray_entries() -> Iterator[str]:
    there = {
        "account": LedgerAccount.objects.filter(pk=OuterRef("account_id")),
        "transfer": Transfer.objects.filter(pk=OuterRef("transfer_id")),
    }
    for what, rows in there.items():
        stray = Entry.objects.filter(~Exists(rows)).order_by("pk").values_list("pk", f"{what}_id")
        for pk, missing in stray.iterator(chunk_size=CHUNK):
            yield f"entry {pk}: its {what} {missing} is not there"
