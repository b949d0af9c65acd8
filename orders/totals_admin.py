"""Days' totals in admin: to be read, never to be edited."""

from django.contrib import admin
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from accounts.admin_lists import LongList, ReadOnly
from money.display import shown
from orders.models import DayTotals


class DayTotalsAdmin(LongList, ReadOnly, ModelAdmin):  # type: ignore[misc]
    """What each day that is over brought, newest first."""

    list_display = (
        *("day", "shown_orders", "shown_turnover", "shown_cost", "shown_refunds", "shown_refunded_cost"),
        *("shown_margin", "new_customers"),
    )
    list_filter = ("day",)
    ordering = ("-day",)
    sortable_by = ("day",)
    fields = list_display
    readonly_fields = list_display

    @admin.display(description=_("orders"))
    def shown_orders(self, totals: DayTotals) -> str:
        """Show it in the reader's manner."""
        return number_format(totals.orders, use_l10n=True, force_grouping=True)

    @admin.display(description=_("turnover"))
    def shown_turnover(self, totals: DayTotals) -> str:
        """Show it with its currency."""
        return shown(totals.turnover)

    @admin.display(description=_("cost"))
    def shown_cost(self, totals: DayTotals) -> str:
        """Show it with its currency."""
        return shown(totals.cost)

    @admin.display(description=_("refunds"))
    def shown_refunds(self, totals: DayTotals) -> str:
        """Show it with its currency."""
        return shown(totals.refunds)

    @admin.display(description=_("cost given back"))
    def shown_refunded_cost(self, totals: DayTotals) -> str:
        """Show it with its currency."""
        return shown(totals.refunded_cost)

    @admin.display(description=_("margin"))
    def shown_margin(self, totals: DayTotals) -> str:
        """Show what was left."""
        return shown(totals.margin)
