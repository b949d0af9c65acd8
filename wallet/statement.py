"""Reading the ledger: a customer's balance and statement."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from accounts.models import User
from wallet.models import Entry, LedgerAccount, Transfer


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement: what moved, why, and what the wallet held after it."""

    entry_id: int
    at: datetime
    kind: Transfer.Kind
    order_id: int | None
    note: str
    amount: Decimal
    balance: Decimal


def balance_of(user: User) -> Decimal:
    """Return what a customer can spend, in the site's currency."""
    balance = LedgerAccount.objects.filter(owner=user).values_list("balance", flat=True).first()
    return balance or Decimal(0)


def statement(user: User, *, before: int | None = None, limit: int = 50) -> list[Line]:
    """Return a wallet's newest `limit` lines, those older than entry `before` where given.

    The running balance is counted back from the entries themselves: nothing is stored that could disagree.
    """
    mine = Entry.objects.filter(account__owner=user)
    page = mine if before is None else mine.filter(id__lt=before)
    entries = list(page.select_related("transfer").order_by("-id")[:limit])
    if not entries:
        return []
    balance = mine.filter(id__lte=entries[0].pk).aggregate(held=Sum("amount"))["held"]
    lines = []
    for entry in entries:
        lines.append(_line(entry, balance))
        balance -= entry.amount
    return lines


def _line(entry: Entry, balance: Decimal) -> Line:
    transfer = entry.transfer
    return Line(
        entry_id=entry.pk,
        at=transfer.created_at,
        kind=Transfer.Kind(transfer.kind),
        order_id=transfer.subject_id,
        note=transfer.note,
        amount=entry.amount,
        balance=balance,
    )
