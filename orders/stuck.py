"""Orders that stand where they should have left long ago, for the desk and the list in admin."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.forwarding import due_to_send
from orders.models import Order

SENT_WITHIN = timedelta(minutes=15)
"""A queued order that nothing keeps is sent within seconds, after a busy hour within minutes."""

ENDS_WITHIN = timedelta(days=7)
"""Few services take so long, whatever the quantity; how long each takes is in `orders/health.py`."""


class Stuck(StrEnum):
    """Where an order is stuck."""

    UNSENT = "unsent"
    OPEN = "open"


def stuck(where: Stuck, *, now: datetime | None = None) -> Q:
    """Return the condition of orders that are stuck: not sent, though nothing keeps them, or open for long.

    Both meet `orders_order_by_status`, and look at the few that have not ended.
    """
    now = now or timezone.now()
    if where == Stuck.UNSENT:
        return due_to_send() & Q(due_at__lte=now - SENT_WITHIN)
    return Q(status__in=Order.OPEN_UPSTREAM, sent_at__lte=now - ENDS_WITHIN)


class StuckFilter(admin.SimpleListFilter):
    """Offers the orders that are stuck."""

    title = _("stuck")
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, Any]]:
        """Offer both places."""
        return [
            (Stuck.UNSENT, _("Not sent, though nothing keeps it")),
            (Stuck.OPEN, _("Open for over a week")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Keep what is stuck there."""
        where = self.value()
        return queryset.filter(stuck(Stuck(where))) if where in set(Stuck) else queryset
