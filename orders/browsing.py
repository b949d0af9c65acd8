"""Reading orders for their customer's pages."""

from django.db.models import Count, QuerySet

from accounts.models import User
from orders.models import Order
from orders.timeline import SHOWN_STATUS

PAGE = 50

TABS = ("pending", "processing", "in_progress", "completed", "partial", "canceled")


def orders_of(customer: User, *, tab: str = "", before: int | None = None, limit: int = PAGE) -> list[Order]:
    """Return a customer's newest orders: older than order `before`, shown in status `tab`, where given."""
    orders: QuerySet[Order] = Order.objects.filter(customer=customer).select_related("service")
    if tab:
        orders = orders.filter(status__in=_statuses_shown_as(tab))
    if before is not None:
        orders = orders.filter(id__lt=before)
    return list(orders.order_by("-id")[:limit])


def count_under_way(customer: User) -> int:
    """Return how many of a customer's orders have not ended."""
    return Order.objects.filter(customer=customer).exclude(status__in=Order.ENDED).count()


def counts_by_tab(customer: User) -> dict[str, int]:
    """Return how many orders a customer has in each shown status."""
    counts = dict.fromkeys(TABS, 0)
    rows = Order.objects.filter(customer=customer).order_by().values_list("status").annotate(Count("pk"))
    for status, count in rows:
        counts[SHOWN_STATUS[status]] += count
    return counts


def _statuses_shown_as(tab: str) -> list[str]:
    return [status for status, shown in SHOWN_STATUS.items() if shown == tab]
