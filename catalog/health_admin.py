"""What was measured of services, in admin: read only."""

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from accounts.admin_lists import ReadOnly
from catalog.health_words import failing_share, usual_time
from catalog.models import Service, ServiceHealth, ServiceSpeed

FAILING_FROM = 20
"""From how many percent of failed orders on the list's filter names a service as failing often."""


class FailingFilter(admin.SimpleListFilter):
    """Finds the services whose orders fail often, or are stuck."""

    title = _("orders")
    parameter_name = "fares"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, Any]]:
        """Offer both kinds of trouble, and those without measure."""
        return [
            ("failing", _("%(percent)d %% or more failed") % {"percent": FAILING_FROM}),
            ("stuck", _("Some are stuck")),
            ("unknown", _("Not measured")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Service]) -> QuerySet[Service]:
        """Keep one of the three."""
        if self.value() == "failing":
            often = {"health__failed__gt": 0, "health__failed__gte": F("health__ended") * FAILING_FROM / 100}
            return queryset.filter(**often)
        if self.value() == "stuck":
            return queryset.filter(health__stuck__gt=0)
        return queryset.filter(health=None) if self.value() == "unknown" else queryset


class ServiceHealthAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """How services fare, the latest measured first."""

    list_display = ("service", "shown_failing", "shown_time", "stuck", "measured_at")
    list_select_related = ("service",)
    search_fields = ("=service__id", "service__name")
    list_per_page = 50
    show_full_result_count = False

    @admin.display(description=_("failed"))
    def shown_failing(self, health: ServiceHealth) -> str:
        """Show the share of failed orders."""
        return failing_share(health)

    @admin.display(description=_("time"))
    def shown_time(self, health: ServiceHealth) -> str:
        """Show how long orders take."""
        return usual_time(health) or "—"


class ServiceSpeedAdmin(ReadOnly, ModelAdmin):  # type: ignore[misc]
    """How long orders of services took, by quantity."""

    list_display = ("service", "up_to_quantity", "orders", "shown_time")
    list_select_related = ("service",)
    search_fields = ("=service__id", "service__name")
    list_per_page = 50
    show_full_result_count = False

    @admin.display(description=_("time"))
    def shown_time(self, speed: ServiceSpeed) -> str:
        """Show how long orders take."""
        return usual_time(speed) or "—"
