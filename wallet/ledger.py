"""Moving money: the only code that writes transfers, entries and balances.

Every movement is a `Transfer` whose kind and reference are unique in the database, with entries that sum to
zero. A wallet's balance changes in the statement that checks it, before the entries are written, so that two
payments of one customer queue at the wallet's row and the second sees what the first left.
"""

from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import F, Value

from accounts.models import User
from money.amounts import MAX_AMOUNT, to_micros
from money.fields import MoneyField
from wallet.errors import AlreadyMoved, InsufficientFunds, InvalidAmount, InvalidNote
from wallet.models import NOTE_LENGTH, Entry, LedgerAccount, Transfer

Kind = LedgerAccount.Kind


def wallet_of(user: User) -> LedgerAccount:
    """Return a user's wallet, opened empty at the first need."""
    wallet, _ = LedgerAccount.objects.get_or_create(
        owner=user, defaults={"kind": Kind.WALLET, "balance": Decimal(0)}
    )
    return wallet


def system_account(kind: LedgerAccount.Kind) -> LedgerAccount:
    """Return the site's own account of a kind, opened at the first need."""
    account, _ = LedgerAccount.objects.get_or_create(kind=kind, owner=None)
    return account


def charge_order(user: User, *, order_id: int, amount: Decimal) -> Transfer:
    """Pay for an order: wallet to sales, once per order.

    Runs inside the caller's transaction, the one that writes the order. Raises `InsufficientFunds`,
    `AlreadyMoved`, `InvalidAmount`.
    """
    return _move(
        kind=Transfer.Kind.ORDER_CHARGE,
        reference=f"order:{order_id}",
        subject_id=order_id,
        source=wallet_of(user),
        target=system_account(Kind.SALES),
        amount=amount,
    )


def refund_order(
    user: User,
    *,
    order_id: int,
    amount: Decimal,
    refunded_to: Decimal,
    made_by: User | None = None,
    note: str = "",
) -> Transfer:
    """Give `amount` of an order's charge back: sales to wallet.

    `refunded_to` is the sum of the order's refunds with this one. It is part of the reference, so that one
    step of an order's refunds is taken once, whoever takes it. Raises `AlreadyMoved`, `InvalidAmount`.
    """
    return _move(
        kind=Transfer.Kind.ORDER_REFUND,
        reference=f"order:{order_id}:to:{to_micros(refunded_to)}",
        subject_id=order_id,
        source=system_account(Kind.SALES),
        target=wallet_of(user),
        amount=amount,
        made_by=made_by,
        note=note,
    )


def adjust(
    user: User, *, amount: Decimal, reference: str, note: str, made_by: User | None = None
) -> Transfer:
    """Put money into a wallet (`amount` above zero) or take it out (below), on a person's word.

    `reference` names this one adjustment; `note` says why and is shown to the customer. Raises
    `InsufficientFunds`, `AlreadyMoved`, `InvalidAmount`, `InvalidNote`.
    """
    if not note.strip() or len(note) > NOTE_LENGTH:
        raise InvalidNote(f"a note has 1 to {NOTE_LENGTH} characters")
    wallet, adjustments = wallet_of(user), system_account(Kind.ADJUSTMENTS)
    source, target = (wallet, adjustments) if amount.is_signed() else (adjustments, wallet)
    return _move(
        kind=Transfer.Kind.ADJUSTMENT,
        reference=reference,
        source=source,
        target=target,
        amount=amount.copy_abs(),
        made_by=made_by,
        note=note,
    )


@transaction.atomic
def _move(
    *,
    kind: Transfer.Kind,
    reference: str,
    source: LedgerAccount,
    target: LedgerAccount,
    amount: Decimal,
    subject_id: int | None = None,
    made_by: User | None = None,
    note: str = "",
) -> Transfer:
    _require_movable(amount)
    # The wallet's row first, in every transfer: it is the one lock, and too small a balance ends here.
    if source.kind == Kind.WALLET:
        _take(source, amount)
    if target.kind == Kind.WALLET:
        _give(target, amount)
    transfer = _write(
        Transfer(kind=kind, reference=reference, subject_id=subject_id, made_by=made_by, note=note)
    )
    Entry.objects.bulk_create(
        [
            Entry(transfer=transfer, account=source, amount=-amount),
            Entry(transfer=transfer, account=target, amount=amount),
        ]
    )
    return transfer


def _require_movable(amount: Decimal) -> None:
    try:
        fits = to_micros(amount) > 0
    except ValueError as error:
        raise InvalidAmount(str(error)) from error
    if not fits:
        raise InvalidAmount(f"{amount} moves nothing")


def _take(wallet: LedgerAccount, amount: Decimal) -> None:
    # One statement checks and takes. Zero rows: the money is not there, or another payment was first.
    taken = LedgerAccount.objects.filter(pk=wallet.pk, balance__gte=amount).update(
        balance=F("balance") - Value(amount, output_field=MoneyField())
    )
    if not taken:
        wallet.refresh_from_db(fields=["balance"])
        raise InsufficientFunds(needed=amount, available=wallet.balance or Decimal(0))


def _give(wallet: LedgerAccount, amount: Decimal) -> None:
    # Zero rows: the wallet would hold more than an amount can be.
    given = LedgerAccount.objects.filter(pk=wallet.pk, balance__lt=MAX_AMOUNT - amount).update(
        balance=F("balance") + Value(amount, output_field=MoneyField())
    )
    if not given:
        raise InvalidAmount(f"with {amount} more the wallet would hold {MAX_AMOUNT} or more")


def _write(transfer: Transfer) -> Transfer:
    try:
        with transaction.atomic():
            transfer.save(force_insert=True)
    except IntegrityError as error:
        if Transfer.objects.filter(kind=transfer.kind, reference=transfer.reference).exists():
            raise AlreadyMoved(kind=transfer.kind, reference=transfer.reference) from error
        raise
    return transfer
