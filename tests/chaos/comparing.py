"""The provider's journal, our books and what customers were told, compared; pure, so that it can be tried."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from money.amounts import share_of
from tests.chaos.planning import Plan
from tests.chaos.reading import Books, OrderRow
from tests.chaos.shopping import Told
from upstream.sandbox.journal import Accepted, Ended, Row

OPEN = ("pending", "processing", "in_progress")
ENDED = ("completed", "partial", "canceled")
FOR_A_PERSON = ("uncertain", "held")
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known when a run is over; `cancels` are the orders that customers asked to cancel."""

    plans: Sequence[Plan]
    told: Sequence[Told]
    cancels: frozenset[int]
    journal: Sequence[Row]
    books: Books

    @property
    def accepted(self) -> list[Accepted]:
        """Return what the provider accepted, oldest first."""
        return [row for row in self.journal if isinstance(row, Accepted)]

    @property
    def ends(self) -> dict[str, Ended]:
        """Return the last end of each of the provider's orders."""
        return {row.order: row for row in self.journal if isinstance(row, Ended)}


def findings(evidence: Evidence) -> list[str]:
    """Return every difference, a sentence each that names its rows; nothing when all agree."""
    return [
        *_answers_and_orders(evidence),
        *_orders_nobody_wished(evidence),
        *_journal_and_orders(evidence),
        *_ends_and_refunds(evidence),
        *_balances(evidence),
        *_no_way_out(evidence),
    ]


def _answers_and_orders(evidence: Evidence) -> Iterator[str]:
    """Each order that a customer was told of is there, once, as it was wished for; each wish was answered."""
    orders = {order.id: order for order in evidence.books.orders}
    for told in evidence.told:
        wish, order = told.wish, orders.get(told.order_id or 0)
        if told.order_id is None:
            if not wish.is_too_dear:
                yield f"{wish.email} was refused {wish.link} for want of funds that were there"
        elif wish.is_too_dear:
            yield f"order {told.order_id} of {wish.email} costs more than there ever was"
        elif order is None:
            yield f"order {told.order_id} was placed by {wish.email} and is not in the books"
        elif (order.email, order.service, order.link, order.quantity, order.charge) != (
            *(wish.email, wish.service.provider_id, wish.link, wish.quantity),
            wish.charge,
        ):
            yield f"order {order.id} is not what {wish.email} placed: {wish.link}, {wish.quantity}"
    times = Counter(told.order_id for told in evidence.told if told.order_id is not None)
    yield from (f"order {order_id} answered {count} wishes" for order_id, count in times.items() if count > 1)
    wished = sum(len(plan.at_once) + len(plan.later) for plan in evidence.plans)
    if len(evidence.told) != wished:
        yield f"{wished} orders were wished for, {len(evidence.told)} were answered"


def _orders_nobody_wished(evidence: Evidence) -> Iterator[str]:
    """No order is in the books of which nobody was told."""
    known = {told.order_id for told in evidence.told}
    for order in evidence.books.orders:
        if order.id not in known:
            yield f"order {order.id} of {order.email} for {order.link}: nobody was told of it"


def _journal_and_orders(evidence: Evidence) -> Iterator[str]:
    """Each accepted order is one of ours, or one that may still turn out to be; and the other way round."""
    rows = {row.order: row for row in evidence.accepted}
    for number, count in Counter(row.order for row in evidence.accepted).items():
        if count > 1:
            yield f"the provider accepted {number} {count} times"
    explained: dict[str, OrderRow] = {}
    for order in evidence.books.orders:
        if order.provider_order_id is None:
            continue
        row = rows.get(order.provider_order_id)
        if row is None:
            yield f"order {order.id} is lost: the provider never accepted {order.provider_order_id}"
        elif not _is_of(row, order):
            yield f"order {order.id} has the id {row.order}, which the provider gave to {row.link}"
        if twin := explained.get(order.provider_order_id):
            yield f"orders {twin.id} and {order.id} have the same id {order.provider_order_id}"
        explained[order.provider_order_id] = order
    yield from _unexplained([row for row in evidence.accepted if row.order not in explained], evidence.books)


def _unexplained(rows: Sequence[Accepted], books: Books) -> Iterator[str]:
    """Give each row whose id no order has to an order that waits for its own; tell of those left over."""
    by_link: defaultdict[str, list[OrderRow]] = defaultdict(list)
    for order in books.orders:
        by_link[order.link].append(order)
    waiting = {order.id: order for order in books.orders if _waits(order)}
    for row in rows:
        mine = [order for order in by_link[row.link] if _is_of(row, order)]
        taker = next((order for order in mine if order.id in waiting), None)
        if taker is not None:
            del waiting[taker.id]
        elif mine:
            had = ", ".join(f"order {order.id} ({order.status}, {order.provider_order_id})" for order in mine)
            yield f"the provider accepted {row.order} for {row.link} once more than ordered: {had}"
        else:
            yield f"the provider accepted {row.order} for {row.link}, and no order of ours explains it"


def _ends_and_refunds(evidence: Evidence) -> Iterator[str]:
    """Each order ended as the provider says, and gave back what that means, to the last digit."""
    ends = evidence.ends
    for order in evidence.books.orders:
        end = ends.get(order.provider_order_id or "")
        if end is not None and order.status != end.status.lower():
            yield f"order {order.id} is {order.status}, the provider's {end.order} is {end.status}"
        if end is None and order.status in ("completed", "partial"):
            yield f"order {order.id} is {order.status}, and the provider has not ended it"
        due = _due(order, end)
        if order.refunded != due:
            yield f"order {order.id} ({order.status}) gave back {order.refunded}, due is {due}"
        if _is_canceled_by_nobody(order, end, evidence.cancels):
            yield f"order {order.id} is canceled, and neither its customer nor the provider asked for it"


def _due(order: OrderRow, end: Ended | None) -> Decimal:
    if end is None:
        return order.charge if order.status == "canceled" else NOTHING
    if end.status == "Canceled":
        return order.charge
    return share_of(order.charge, end.remains, order.quantity) if end.status == "Partial" else NOTHING


def _is_canceled_by_nobody(order: OrderRow, end: Ended | None, cancels: frozenset[int]) -> bool:
    if order.id in cancels or order.status != "canceled":
        return False
    if end is not None:
        return end.cause == "cancel"
    return "refused" not in [call.outcome for call in order.attempts]


def _balances(evidence: Evidence) -> Iterator[str]:
    """Each customer has what was paid in, less what the orders kept."""
    kept: Counter[str] = Counter()
    for order in evidence.books.orders:
        kept[order.email] += order.charge - order.refunded  # type: ignore[assignment]
    for plan in evidence.plans:
        due, has = plan.money - kept[plan.email], evidence.books.balances.get(plan.email)
        if has != due:
            yield f"{plan.email} has {has}, due is {due}"


def _no_way_out(evidence: Evidence) -> Iterator[str]:
    """Each order has ended, waits for a person, or is going to be taken up again."""
    ends = evidence.ends
    for order in evidence.books.orders:
        if order.status == "sending":
            yield f"order {order.id} is being sent, and nobody sends it"
        elif order.status in ("queued", *OPEN) and not order.is_due:
            yield f"order {order.id} is {order.status} and never due"
        elif order.status in OPEN and order.provider_order_id in ends:
            yield f"order {order.id} is {order.status}, and the provider has ended it long ago"
        elif order.status not in ("queued", *OPEN, *ENDED, "uncertain"):
            yield f"order {order.id} is {order.status}"


def _waits(order: OrderRow) -> bool:
    return order.status in FOR_A_PERSON and order.provider_order_id is None


def _is_of(row: Accepted, order: OrderRow) -> bool:
    return (str(row.service), row.link, row.quantity) == (order.service, order.link, order.quantity)


@dataclass(frozen=True, slots=True)
class Lost:
    """The orders that the provider accepted and whose answer did not come; and those found by themselves."""

    orders: int
    found: int


def lost_answers(evidence: Evidence) -> Lost:
    """Count the lost answers of orders that were accepted, and how many of these have their id now."""
    accepted = Counter((str(row.service), row.link, row.quantity) for row in evidence.accepted)
    lost = found = 0
    for order in evidence.books.orders:
        was_accepted = accepted[order.service, order.link, order.quantity] > 0
        if was_accepted and any(call.outcome == "uncertain" for call in order.attempts):
            lost += 1
            found += order.was_found
    return Lost(lost, found)


def too_few_found(lost: Lost, *, share: Decimal) -> list[str]:
    """Return what to tell when fewer than this share of the lost orders, in whole orders, were found."""
    if lost.found >= int(lost.orders * share):
        return []
    return [f"{lost.found} of {lost.orders} orders whose answer was lost were found, due are {share:%}"]
