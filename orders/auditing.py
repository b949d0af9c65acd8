"""Orders proved against the ledger, from the raw rows. Each finding names the order that is wrong."""

import heapq
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, Subquery

from money.amounts import charge_for, from_micros
from orders.models import Attempt, Order, OrderEvent
from orders.refunding import owed
from wallet.auditing import CHUNK, named
from wallet.models import LedgerAccount, Transfer

CHARGE, REFUND = Transfer.Kind.ORDER_CHARGE, Transfer.Kind.ORDER_REFUND
STATUSES = frozenset(Order.Status.values)
AT_PROVIDER = Order.OPEN_UPSTREAM | {Order.Status.COMPLETED, Order.Status.PARTIAL}


class Leg(NamedTuple):
    """An entry of an order's transfer; from `entry_id` on None where the transfer has no entry."""

    order_id: int
    transfer_id: int
    kind: str
    reference: str
    entry_id: int | None
    account_id: int | None
    account_kind: str | None
    owner_id: int | None
    amount: Decimal | None
    made_by_id: int | None


class ByHand(NamedTuple):
    """A refund by hand, as the order's timeline tells it."""

    order_id: int
    event_id: int
    actor_id: int | None
    amount: Decimal | None


def audit_orders() -> Iterator[str]:
    """Yield what is wrong between orders and ledger, a sentence each; nothing when they agree.

    Proves that each order was charged once, what its quantity costs at its price, by the transfer that bears
    its number, from its own customer's wallet, that its refunds in the ledger are those it counts, went to
    the same wallet, fit its status and the refunds by hand that its timeline tells, and are not above its
    charge, that no order's money moved without an order, that no order was given up, or waits to be sent,
    that the provider has, that none was placed twice but after a person's decision, that the id of each that
    the provider is said to have was given, by a call's answer, a person or a search, and that no call for
    another order was told it.

    Orders, the ledger and refunds by hand are streams, read side by side: memory does not grow with them. On
    a busy site they agree only within one snapshot (`panel/auditing.py`).
    """
    for order, legs, by_hand in _side_by_side(_orders(), _legs(), _by_hand()):
        if order is None:
            yield from _without_order(legs)
        else:
            yield from _wrong_money(order, legs)
            backed = _backed(legs, by_hand)
            yield from _wrong_end(order, given=_given_by_hand(backed))
            yield from _not_in_ledger(order, backed)
    yield from _transfers_of_no_order()
    yield from _refused_yet_placed()
    yield from _placed_unknown()
    yield from _placed_twice()
    yield from _known_to_two()
    yield from _given_by_nobody()


def _orders() -> Iterator[Order]:
    columns = (
        "customer_id",
        "charge",
        "refunded",
        "quantity",
        "price",
        "status",
        "remains",
        "provider_order_id",
    )
    return Order.objects.only(*columns).order_by("pk").iterator(chunk_size=CHUNK)


def _legs() -> Iterator[Leg]:
    rows = (
        Transfer.objects.filter(kind__in=[CHARGE, REFUND], subject_id__isnull=False)
        .order_by("subject_id", "pk")
        .values_list(
            "subject_id",
            "pk",
            "kind",
            "reference",
            "entries",
            "entries__account_id",
            "entries__account__kind",
            "entries__account__owner",
            "entries__amount",
            "made_by",
        )
    )
    return map(Leg._make, rows.iterator(chunk_size=CHUNK))


def _by_hand() -> Iterator[ByHand]:
    told = OrderEvent.objects.filter(kind=OrderEvent.Kind.REFUNDED_BY_HAND).order_by("order", "pk")
    rows = told.values_list("order", "pk", "actor", "amount")
    return map(ByHand._make, rows.iterator(chunk_size=CHUNK))


def _side_by_side(
    orders: Iterable[Order], legs: Iterable[Leg], by_hand: Iterable[ByHand]
) -> Iterator[tuple[Order | None, list[Leg], list[ByHand]]]:
    """Yield each order with what belongs to it, with None the legs of no order; all come sorted by order."""
    rows: Iterator[tuple[int, Order | Leg | ByHand]] = heapq.merge(
        ((order.pk, order) for order in orders),
        ((leg.order_id, leg) for leg in legs),
        ((told.order_id, told) for told in by_hand),
        key=itemgetter(0),
    )
    for _, group in groupby(rows, key=itemgetter(0)):
        found = [row for _, row in group]
        order = next((row for row in found if isinstance(row, Order)), None)
        yield (
            order,
            [row for row in found if isinstance(row, Leg)],
            [row for row in found if isinstance(row, ByHand)],
        )


def _without_order(legs: list[Leg]) -> Iterator[str]:
    for transfer in sorted({(leg.transfer_id, leg.kind, leg.reference) for leg in legs}):
        yield f"{named(*transfer)}: there is no such order"


def _wrong_money(order: Order, legs: list[Leg]) -> Iterator[str]:
    charges = len({leg.transfer_id for leg in legs if leg.kind == CHARGE})
    paid, given_back = (_moved(order, legs, kind=kind) for kind in (CHARGE, REFUND))
    if charges != 1:
        yield f"order {order.pk}: charged {charges} times"
    if order.charge != charge_for(order.price, order.quantity):
        yield f"order {order.pk}: charge {order.charge} for {order.quantity} at {order.price} per 1000"
    for leg in _of_another_order(order, legs):
        yield f"{named(leg.transfer_id, leg.kind, leg.reference)}: of order {order.pk} by its subject"
    if paid != -order.charge:
        yield f"order {order.pk}: charge {order.charge}, its customer's wallet moved {paid:.6f}"
    if given_back != order.refunded:
        yield f"order {order.pk}: counts refunds of {order.refunded}, the ledger has {given_back:.6f}"
    if max(given_back, order.refunded) > order.charge:
        yield f"order {order.pk}: refunds above its charge {order.charge}"
    for leg in legs:
        if leg.entry_id and leg.account_kind != LedgerAccount.Kind.SALES and not _is_own(order, leg):
            yield f"entry {leg.entry_id}: an order's money moved through account {leg.account_id}"


def _of_another_order(order: Order, legs: list[Leg]) -> Iterator[Leg]:
    """Give the first leg of each charge that does not bear its order's number: swapped ones sum up."""
    charges = (leg for leg in legs if leg.kind == CHARGE and leg.reference != f"order:{order.pk}")
    return iter({leg.transfer_id: leg for leg in charges}.values())


def _moved(order: Order, legs: list[Leg], *, kind: str) -> Decimal:
    """Return the sum that an order's transfers of a kind moved in its own customer's wallet."""
    own = (leg.amount for leg in legs if leg.kind == kind and leg.amount and _is_own(order, leg))
    return sum(own, Decimal(0))


def _is_own(order: Order, leg: Leg) -> bool:
    return leg.account_kind == LedgerAccount.Kind.WALLET and leg.owner_id == order.customer_id


def _backed(legs: list[Leg], by_hand: list[ByHand]) -> list[tuple[ByHand, Leg | None]]:
    """Return the transfer that each refund by hand made: of that amount, by that person; None without one.

    Of transfers that are alike the latest: an earlier one may have been made by ending the order by hand.
    """
    refunds = [leg for leg in legs if leg.kind == REFUND and leg.account_kind == LedgerAccount.Kind.WALLET]
    backed = []
    for told in by_hand:
        made = (told.amount, told.actor_id)
        leg = next((leg for leg in reversed(refunds) if (leg.amount, leg.made_by_id) == made), None)
        if leg is not None:
            refunds.remove(leg)
        backed.append((told, leg))
    return backed


def _given_by_hand(backed: list[tuple[ByHand, Leg | None]]) -> Decimal:
    """Return up to which sum people gave back: what the order owes by its status may lie below it.

    The reference of a refund ends in the sum of the order's refunds with it (`wallet.ledger.refund_order`).
    """
    sums = (leg.reference.rpartition(":to:")[2] for _, leg in backed if leg is not None)
    return max((from_micros(int(micros)) for micros in sums if micros.isdecimal()), default=Decimal(0))


def _not_in_ledger(order: Order, backed: list[tuple[ByHand, Leg | None]]) -> Iterator[str]:
    for told, leg in backed:
        if leg is None:
            yield f"event {told.event_id}: a refund by hand of order {order.pk} that the ledger has not"


def _wrong_end(order: Order, *, given: Decimal) -> Iterator[str]:
    is_partial = order.status == Order.Status.PARTIAL
    if is_partial and order.remains is None:
        yield f"order {order.pk}: partial without remains"
    elif is_partial and order.remains not in range(order.quantity + 1):
        yield f"order {order.pk}: partial with remains {order.remains} of {order.quantity}"
    elif order.refunded != max(owed(order, status=order.status, remains=order.remains), given):
        yield f"order {order.pk}: {order.status} with refunds of {order.refunded}"
    if order.status not in STATUSES:
        yield f"order {order.pk}: status {order.status!r} that no rule knows"
    if order.status in Order.UNSENT and order.provider_order_id is not None:
        yield f"order {order.pk}: {order.status}, yet the provider has it as {order.provider_order_id}"


def _transfers_of_no_order() -> Iterator[str]:
    lost = Transfer.objects.filter(kind__in=[CHARGE, REFUND], subject_id=None).order_by("pk")
    for transfer in lost.values_list("pk", "kind", "reference").iterator(chunk_size=CHUNK):
        yield f"{named(*transfer)}: there is no such order"


def _refused_yet_placed() -> Iterator[str]:
    # A refusal gives everything back because nothing was placed: an id says that the provider charges for it.
    refused = OrderEvent.objects.filter(
        kind=OrderEvent.Kind.REFUSED,
        order__status=Order.Status.CANCELED,
        order__provider_order_id__isnull=False,
    )
    for order_id, number in (
        refused.order_by("order").values_list("order", "order__provider_order_id").iterator(chunk_size=CHUNK)
    ):
        yield f"order {order_id}: canceled as refused, yet the provider has it as {number}"


def _placed_unknown() -> Iterator[str]:
    for pk, order_id, number in _undecided_placings(Q(order__provider_order_id=None)):
        yield f"order {order_id}: attempt {pk} was placed as {number}, of which the order has nothing"


def _placed_twice() -> Iterator[str]:
    # From the first one on: of two clocks only a decision's, made minutes later, is surely ahead.
    later = Attempt.objects.filter(
        order=OuterRef("order"), pk__gt=OuterRef("pk"), outcome=Attempt.Outcome.PLACED
    ).exclude(provider_order_id=OuterRef("provider_order_id"))
    for pk, order_id, number in _undecided_placings(Q(Exists(later))):
        yield f"order {order_id}: attempt {pk} was placed as {number}, and the order was placed again"


def _known_to_two() -> Iterator[str]:
    """Name the ids that a call for one order was told and another order has: one of them is not served."""
    other = Order.objects.filter(
        provider=OuterRef("provider"), provider_order_id=OuterRef("provider_order_id")
    ).exclude(pk=OuterRef("order"))
    placed = Attempt.objects.exclude(provider_order_id="").annotate(other=Subquery(other.values("pk")[:1]))
    rows = placed.exclude(other=None).order_by("pk").values_list("pk", "order", "provider_order_id", "other")
    for pk, order_id, number, other_id in rows.iterator(chunk_size=CHUNK):
        yield f"order {other_id}: has {number}, as which attempt {pk} of order {order_id} was placed"


def _undecided_placings(condition: Q) -> Iterator[tuple[int, int, str]]:
    """Yield the attempt, order and provider's id of each placing that no person decided about since.

    After a decision an answer may come too late to count, or an order be sent again; staff was alerted then.
    """
    placed = Attempt.objects.filter(condition, outcome=Attempt.Outcome.PLACED).exclude(_decided_since())
    rows = placed.order_by("pk").values_list("pk", "order", "provider_order_id")
    yield from rows.iterator(chunk_size=CHUNK)


def _given_by_nobody() -> Iterator[str]:
    """Name the orders that the provider is said to have, by an id of which nothing says where it is from."""
    # Each in a NOT EXISTS of its own: PostgreSQL joins once for each, where one with OR asks for each row.
    answered = Attempt.objects.filter(
        order=OuterRef("pk"),
        outcome=Attempt.Outcome.PLACED,
        provider_order_id=OuterRef("provider_order_id"),
    )
    # What was found is noted here: a late answer may put another id on the attempt.
    found = OrderEvent.objects.filter(
        order=OuterRef("pk"), kind=OrderEvent.Kind.FOUND, detail=OuterRef("provider_order_id")
    )
    decided = OrderEvent.objects.filter(
        order=OuterRef("pk"),
        kind=OrderEvent.Kind.SETTLED,
        to_status=Order.Status.PENDING,
        actor__isnull=False,
    )
    orders = Order.objects.filter(
        ~Exists(answered), ~Exists(found), ~Exists(decided), status__in=AT_PROVIDER
    ).order_by("pk")
    for pk, status, number in orders.values_list("pk", "status", "provider_order_id").iterator(
        chunk_size=CHUNK
    ):
        yield f"order {pk}: {status} as {number}, an id that nobody gave"


def _decided_since() -> Exists:
    """Return whether a person decided about an attempt's order after the attempt began."""
    decided = OrderEvent.objects.filter(order=OuterRef("order"), kind=OrderEvent.Kind.SETTLED)
    return Exists(decided.filter(at__gte=OuterRef("started_at")))
