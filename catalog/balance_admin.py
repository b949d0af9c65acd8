"""Balances over time in admin: the rows behind the picture."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from catalog.admin_filters import ProviderFilter
from catalog.models import BalanceReading
from money.display import shown


class BalanceReadingAdmin(ModelAdmin):  # type: ignore[misc]
    """What providers' balances were, hour by hour."""

    list_display = ("provider", "at", "shown_balance")
    fields = ("provider", "at", "shown_balance")
    list_filter = (ProviderFilter, "at")
    ordering = ("-id",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[BalanceReading]:
        """Leave the keys where they are."""
        rows = super().get_queryset(request).select_related("provider")
        return rows.defer("provider__key")  # type: ignore[no-any-return]

    @admin.display(description=_("balance"), ordering="balance")
    def shown_balance(self, reading: BalanceReading) -> str:
        """Show the balance in the currency that the provider had."""
        return shown(reading.balance, reading.currency)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: balances are what providers say."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: old rows are swept by themselves."""
        return False
