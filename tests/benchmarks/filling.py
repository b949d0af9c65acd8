"""Many orders at once, with the money that belongs to them: in bulk, as the rules would write them."""

import uuid
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice

from django.db import transaction
from django.db.models import F, Value
from django.utils import timezone

from accounts.models import User
from catalog.models import Service
from money.amounts import to_micros
from money.fields import MoneyField
from orders.models import Attempt, Order, OrderEvent
from orders.refunding import owed
from tests.factories import LINK, credit, make_service
from wallet.ledger import system_account
from wallet.models import Entry, LedgerAccount, Transfer

BATCH = 1000
CHARGE = Decimal(130)
STATUSES = ("queued", "pending", "in_progress", "completed", "completed", "completed", "partial", "canceled")
"""What orders come to, in turn: two of eight are refunded."""


def fill_orders(count: int, *, customers: int = 100) -> None:
    """Write `count` orders of `customers`, each with its charge, any refund, its events and its attempt."""
    service, sales = make_service(), system_account(LedgerAccount.Kind.SALES)
    wallets = []
    for _ in range(customers):
        customer = User.objects.create_user(
            f"{uuid.uuid4().hex}@example.com"
        )  # no password: hashing takes long
        credit(customer, CHARGE * (count // customers + 1))
        wallets.append(LedgerAccount.objects.get(owner=customer))
    orders = (
        _order(service, wallets[number % customers], status=STATUSES[number % len(STATUSES)])
        for number in range(count)
    )
    by_owner = {wallet.owner_id: wallet for wallet in wallets}
    while batch := list(islice(orders, BATCH)):
        with transaction.atomic():
            Order.objects.bulk_create(batch)
            _move(Transfer.Kind.ORDER_CHARGE, [(order, -order.charge) for order in batch], by_owner, sales)
            refunded = [(order, order.refunded) for order in batch if order.refunded]
            _move(Transfer.Kind.ORDER_REFUND, refunded, by_owner, sales)
            _tell(batch)


def _order(service: Service, wallet: LedgerAccount, *, status: str) -> Order:
    key = uuid.uuid4().hex
    order = Order(
        customer_id=wallet.owner_id,
        service=service,
        provider_id=service.provider_id,
        request_id=key,
        link=LINK,
        quantity=1000,
        price=CHARGE,
        cost=Decimal(100),
        charge=CHARGE,
        status=status,
        provider_order_id=None if status == "queued" else key,
        remains=300 if status == "partial" else None,
        ended_at=timezone.now() if status in Order.ENDED else None,
    )
    order.refunded = owed(order, status=status, remains=order.remains)
    return order


def _move(
    kind: str,
    moved: list[tuple[Order, Decimal]],
    wallets: dict[int | None, LedgerAccount],
    sales: LedgerAccount,
) -> None:
    """Write the transfers, their entries, and the balances; an amount is what the wallet gains."""
    transfers = Transfer.objects.bulk_create(
        Transfer(kind=kind, subject_id=order.pk, reference=_reference(kind, order)) for order, _ in moved
    )
    gains: Counter[int] = Counter()
    entries = []
    for transfer, (order, amount) in zip(transfers, moved, strict=True):
        wallet = wallets[order.customer_id]
        entries += [
            Entry(transfer=transfer, account=wallet, amount=amount),
            Entry(transfer=transfer, account=sales, amount=-amount),
        ]
        gains[wallet.pk] += to_micros(amount)
    Entry.objects.bulk_create(entries)
    for wallet_id, micros in gains.items():
        gain = Value(Decimal(micros).scaleb(-6), output_field=MoneyField())
        LedgerAccount.objects.filter(pk=wallet_id).update(balance=F("balance") + gain)


def _reference(kind: str, order: Order) -> str:
    step = f":to:{to_micros(order.refunded)}" if kind == Transfer.Kind.ORDER_REFUND else ""
    return f"order:{order.pk}{step}"


def _tell(orders: Iterable[Order]) -> None:
    """Write what happened to orders, and the calls made for those that were sent."""
    now, sent = timezone.now(), [order for order in orders if order.provider_order_id]
    OrderEvent.objects.bulk_create(OrderEvent(order=order, kind="placed") for order in orders)
    OrderEvent.objects.bulk_create(OrderEvent(order=order, kind="accepted") for order in sent)
    Attempt.objects.bulk_create(
        Attempt(
            order=order,
            provider_id=order.provider_id,
            started_at=now,
            lease_until=now,
            ended_at=now,
            outcome="placed",
            provider_order_id=order.provider_order_id or "",
        )
        for order in sent
    )
