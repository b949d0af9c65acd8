"""Orders proved against the ledger, from the raw rows. Each finding names the order that is wrong."""

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from money.fields import MoneyField
from orders.models import Order
from orders.refunding import owed
from wallet.models import Entry, LedgerAccount, Transfer

NOTHING = Value(Decimal(0), output_field=MoneyField())


def audit_orders() -> Iterator[str]:
    """Yield what is wrong between orders and ledger, a sentence each; nothing when they agree.

    Proves that each order was charged once, from its own customer's wallet, that its refunds in the ledger
    are those it counts, that they fit its status, and that no order's money moved without an order.
    """
    orders = Order.objects.order_by("pk").annotate(
        charges=_times(Transfer.Kind.ORDER_CHARGE),
        paid=_moved(Transfer.Kind.ORDER_CHARGE),
        given_back=_moved(Transfer.Kind.ORDER_REFUND),
    )
    for order in orders.iterator(chunk_size=2000):
        yield from _findings(order)
    yield from _transfers_without_order()


def _times(kind: Transfer.Kind) -> Coalesce:
    """Return how many transfers of a kind an order has."""
    mine = Transfer.objects.filter(kind=kind, subject_id=OuterRef("pk")).order_by().values("subject_id")
    return Coalesce(Subquery(mine.annotate(times=Count("pk")).values("times")), Value(0))


def _moved(kind: Transfer.Kind) -> Coalesce:
    """Return the sum that an order's transfers of a kind moved in its own customer's wallet."""
    legs = (
        Entry.objects.filter(
            transfer__kind=kind,
            transfer__subject_id=OuterRef("pk"),
            account__kind=LedgerAccount.Kind.WALLET,
            account__owner=OuterRef("customer"),
        )
        .order_by()
        .values("transfer__subject_id")
        .annotate(total=Sum("amount"))
    )
    return Coalesce(Subquery(legs.values("total"), output_field=MoneyField()), NOTHING)


def _findings(order: Order) -> Iterator[str]:
    charges, paid, given_back = (getattr(order, name) for name in ("charges", "paid", "given_back"))
    if charges != 1:
        yield f"order {order.pk}: charged {charges} times"
    if paid != -order.charge:
        yield f"order {order.pk}: charge {order.charge}, its customer's wallet moved {paid}"
    if given_back != order.refunded:
        yield f"order {order.pk}: counts refunds of {order.refunded}, the ledger has {given_back}"
    if order.status == Order.Status.PARTIAL and order.remains is None:
        yield f"order {order.pk}: partial without remains"
    elif order.refunded != owed(order, status=order.status, remains=order.remains):
        yield f"order {order.pk}: {order.status} with refunds of {order.refunded}"


def _transfers_without_order() -> Iterator[str]:
    of_orders = Q(kind__in=[Transfer.Kind.ORDER_CHARGE, Transfer.Kind.ORDER_REFUND])
    there = Exists(Order.objects.filter(pk=OuterRef("subject_id")))
    lost = Transfer.objects.filter(of_orders).filter(Q(subject_id=None) | ~there).order_by("pk")
    for transfer in lost.iterator():
        yield f"transfer {transfer.pk} ({transfer}): there is no such order"
    own = Exists(
        Order.objects.filter(pk=OuterRef("transfer__subject_id"), customer=OuterRef("account__owner"))
    )
    elsewhere = (
        Entry.objects.filter(transfer__kind__in=[Transfer.Kind.ORDER_CHARGE, Transfer.Kind.ORDER_REFUND])
        .exclude(account__kind=LedgerAccount.Kind.SALES)
        .filter(~own)
        .order_by("pk")
    )
    for entry in elsewhere.iterator():
        yield f"entry {entry.pk}: an order's money moved through account {entry.account_id}"
