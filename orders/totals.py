"""What each day brought: rows that are written once a day is over, and days that are computed as one looks.

Days are days in UTC, amounts are in the site's currency. A charge and a cost count on the day of their order,
a refund on its own day: therefore nothing that happens later changes a day that is over.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, Exists, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import User
from money.amounts import part_of
from orders.models import DayTotals, Order, OrderEvent
from wallet.models import LedgerAccount, Transfer

logger = logging.getLogger(__name__)

DAYS_AT_ONCE = 60
"""How many days one run writes."""

OVER_AFTER = timedelta(hours=1)
"""How long after its end a day is over: a transaction that began before midnight has committed by then, and a
machine whose clock is slow has gone on."""

CHUNK = 2000


def bring_up_to_date(*, now: datetime | None = None) -> int:
    """Write the rows of days that are over and not there yet, oldest first; return how many were written."""
    first, last = _first_missing(), last_day_over(now)
    if first is None or first > last:
        return 0
    last = min(last, first + timedelta(days=DAYS_AT_ONCE - 1))
    rows = list(computed(first, last).values())
    # Another run at the same time writes the same.
    DayTotals.objects.bulk_create(rows, ignore_conflicts=True)
    logger.info("totals.written from=%s to=%s", first, last)
    return len(rows)


def totals_of(first: date, last: date) -> list[DayTotals]:
    """Return every day's totals from `first` to `last`, both included, oldest first.

    Days without a row, today among them, are computed now and not saved: by three statements, whatever their
    number, or by none where all are there.
    """
    rows = {row.day: row for row in DayTotals.objects.filter(day__range=(first, last))}
    missing = [day for day in _days(first, last) if day not in rows]
    if missing:
        rows = computed(missing[0], missing[-1]) | rows
    return [rows[day] for day in _days(first, last)]


class _Refund(NamedTuple):
    """What was given back, and what of our cost came back with it.

    None of it where a person gave it at our own loss: the provider keeps what it was paid. If it says Partial
    or Canceled of the same part later, that is not counted: the margin errs to the low side.
    """

    at: datetime
    amount: Decimal
    cost: Decimal


def sum_of(days: list[DayTotals]) -> DayTotals:
    """Return the sum of days, as of the first of them; not saved."""
    total = DayTotals(day=days[0].day)
    for name in ("orders", "turnover", "cost", "refunds", "refunded_cost", "new_customers"):
        setattr(total, name, sum((getattr(day, name) for day in days), start=getattr(total, name)))
    return total


def computed(first: date, last: date) -> dict[date, DayTotals]:
    """Return what the days from `first` to `last` brought, from the rows themselves; not saved.

    Each statement reads its days alone, by `orders_order_placed`, `wallet_transfer_by_day` and
    `accounts_user_joined`.
    """
    days = {day: DayTotals(day=day) for day in _days(first, last)}
    for row in _orders(first, last):
        totals = days[row["day"]]
        totals.orders, totals.turnover = row["count"], row["turnover"]
        totals.cost = row["cost"] or Decimal(0)
    for refund in _refunds(first, last):
        totals = days[refund.at.astimezone(UTC).date()]
        totals.refunds += refund.amount
        totals.refunded_cost += refund.cost
    for row in _customers(first, last):
        days[row["day"]].new_customers = row["count"]
    return days


def today(now: datetime | None = None) -> date:
    """Return the day it is in UTC."""
    return (now or timezone.now()).astimezone(UTC).date()


def last_day_over(now: datetime | None = None) -> date:
    """Return the newest day that changes no more."""
    return today((now or timezone.now()) - OVER_AFTER) - timedelta(days=1)


def _first_missing() -> date | None:
    """Return the day after the newest row's, else that on which the first user came; None without users.

    Rows are written without gaps, oldest first.
    """
    newest = DayTotals.objects.order_by("-day").values_list("day", flat=True).first()
    if newest is not None:
        return newest + timedelta(days=1)
    joined = User.objects.order_by("date_joined").values_list("date_joined", flat=True).first()
    return None if joined is None else joined.astimezone(UTC).date()


def _orders(first: date, last: date) -> Iterator[Mapping[str, Any]]:
    placed = Order.objects.filter(created_at__range=_span(first, last)).order_by()
    by_day = placed.annotate(day=TruncDate("created_at", tzinfo=UTC)).values("day")
    return by_day.annotate(count=Count("pk"), turnover=Sum("charge"), cost=Sum("cost_here")).iterator()


def _refunds(first: date, last: date) -> Iterator[_Refund]:
    order = Order.objects.filter(pk=OuterRef("subject_id"))
    by_hand = OrderEvent.objects.filter(
        order=OuterRef("subject_id"),
        kind=OrderEvent.Kind.REFUNDED_BY_HAND,
        amount=OuterRef("entries__amount"),
        actor=OuterRef("made_by"),
    )
    refunds = Transfer.objects.filter(
        kind=Transfer.Kind.ORDER_REFUND,
        created_at__range=_span(first, last),
        entries__account__kind=LedgerAccount.Kind.WALLET,
    )
    cost_here, charge = Subquery(order.values("cost_here")), Subquery(order.values("charge"))
    rows = refunds.order_by().values_list("created_at", "entries__amount", cost_here, charge, Exists(by_hand))
    for at, amount, cost, charged, is_by_hand in rows.iterator(chunk_size=CHUNK):
        spared = part_of(cost, amount, charged) if cost and not is_by_hand else Decimal(0)
        yield _Refund(at, amount, spared)


def _customers(first: date, last: date) -> Iterator[Mapping[str, Any]]:
    joined = User.objects.filter(Q(is_staff=False), date_joined__range=_span(first, last)).order_by()
    by_day = joined.annotate(day=TruncDate("date_joined", tzinfo=UTC)).values("day")
    return by_day.annotate(count=Count("pk")).iterator()


def _span(first: date, last: date) -> tuple[datetime, datetime]:
    """Return the first and the last microsecond of some days."""
    return datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
