"""What changed about services, and what holds them, in admin."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from accounts.requests import row_number
from catalog.admin_filters import NotDeleted
from catalog.holding import let_go
from catalog.models import Service, ServiceHold


class OfOneService(admin.SimpleListFilter):
    """Keeps the rows of the service that the address names: where a service's page leads."""

    title = _("service")
    parameter_name = "service"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Offer the one that is chosen, to be left again: a list of all would be long."""
        number = row_number(request.GET.get(self.parameter_name, ""))
        return [] if number is None else [(str(number), str(number))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        """Keep its rows."""
        number = row_number(str(self.value() or ""))
        return queryset if number is None else queryset.filter(service=number)


class Recorded(NotDeleted, ModelAdmin):  # type: ignore[misc]
    """Rows that rules write, and people read."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


class ServiceChangeAdmin(Recorded):
    """The history of services, newest first."""

    list_display = ("at", "service", "field", "old", "new", "is_public", "actor")
    list_filter = (OfOneService, "field", "is_public")
    list_select_related = ("service", "actor")
    search_fields = ("=service__id",)
    search_help_text = _("A service's id.")


class ServiceHoldAdmin(Recorded):
    """What holds services now, the oldest first; to let one go on is an action."""

    list_display = ("service", "kind", "text", "since", "until")
    list_filter = (OfOneService, "kind")
    list_select_related = ("service",)
    search_fields = ("=service__id", "service__search_text")
    actions = ("let_go_on",)

    def has_let_go_permission(self, request: HttpRequest) -> bool:
        """Let those end a hold who may change services."""
        return bool(request.user.has_perm("catalog.change_service"))

    @admin.action(description=_("Let these services go on"), permissions=["let_go"])
    def let_go_on(self, request: HttpRequest, queryset: QuerySet[ServiceHold]) -> None:
        """End the holds, each by the rule."""
        for hold in queryset.select_related("service__category"):
            kind = ServiceHold.Kind(hold.kind)
            is_over = let_go(hold.service, kind, actor=request.user)  # type: ignore[arg-type]
            said = gettext("%s goes on.") if is_over else gettext("%s was not held.")
            self.message_user(request, said % hold.service)


def links_to_history(service: Service) -> str:
    """Return links to what changed about a service and to what holds it, for its page."""
    return format_html(
        '<a href="{}?service={}">{}</a> · <a href="{}?service={}">{}</a>',
        *(reverse("admin:catalog_servicechange_changelist"), str(service.pk), gettext("what changed")),
        *(reverse("admin:catalog_servicehold_changelist"), str(service.pk), gettext("what holds it")),
    )
