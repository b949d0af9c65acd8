"""Services in admin: what customers are offered, and why."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin_lists import NewestPaginator, asked_once
from accounts.sheet_pages import ImportPages
from catalog.admin_filters import NotDeleted, ProviderFilter
from catalog.bulk_pages import BulkPages
from catalog.health_admin import FailingFilter
from catalog.health_words import duration, failing_share, health_in_words, health_of
from catalog.history_admin import links_to_history
from catalog.holding import let_go
from catalog.models import ON_SALE, Service
from catalog.searching import matching
from catalog.selling import save_decisions, why_not_sold
from catalog.sheets import ServiceSheet
from catalog.translating import save_names
from catalog.translating_pages import TranslatingPages
from catalog.why_pages import WhyPages, own_rule_link, winning_terms
from money.display import shown


class SoldFilter(admin.SimpleListFilter):
    """Tells what customers can order from the rest."""

    title = _("sold")
    parameter_name = "sold"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, Any]]:
        """Offer both."""
        return [("yes", _("Sold")), ("no", _("Not sold"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Service]) -> QuerySet[Service]:
        """Keep one of both."""
        if self.value() == "yes":
            return queryset.filter(ON_SALE)
        return queryset.exclude(ON_SALE) if self.value() == "no" else queryset


class ServiceAdmin(NotDeleted, ImportPages, WhyPages, BulkPages, TranslatingPages):
    """Services: what the provider says is copied, the rest is decided here."""

    list_display = (
        "id",
        "shown_name",
        "shown_prices",
        "shown_state",
        "shown_provider",
        "shown_failing",
        "shown_time",
    )
    list_display_links = ("id", "shown_name")
    list_filter = (
        SoldFilter,
        FailingFilter,
        ProviderFilter,
        "is_listed",
        "is_hidden",
        ("held_text", admin.EmptyFieldListFilter),
        "type",
    )
    list_per_page = 50
    search_fields = ("name",)  # offers the search; what it does is in get_search_results
    search_help_text = _("Words of the name or category, our id, or the provider's id.")
    autocomplete_fields = ("category",)
    show_full_result_count = False
    paginator = NewestPaginator
    resource_classes = (ServiceSheet,)
    import_resource = ServiceSheet
    save_names = staticmethod(save_names)
    actions = ("set_markup", "hide", "show", "move", "translate", "let_go_on")
    decided_here = (
        *("is_hidden", "category", "position", "duplicate_links"),
        *("title_ru", "title_en", "about_ru", "about_en"),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("shown_state", "shown_fares", "is_hidden", "category", "position", "has_own_position"),
                    *("markup", "duplicate_links"),
                )
            },
        ),
        (_("What customers read"), {"fields": ("title_ru", "title_en", "about_ru", "about_en")}),
        (
            _("As the provider says"),
            {
                "fields": (
                    *("provider", "provider_service_id", "name", "type", "provider_category", "shown_cost"),
                    *("shown_price", "min_quantity", "max_quantity", "can_refill", "can_cancel", "is_listed"),
                    *("held_text", "first_seen_at", "changed_at", "shown_history"),
                )
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Service | None = None) -> Sequence[str]:
        """Let only what is decided here be changed."""
        fields = (field for _, options in self.fieldsets for field in options["fields"])
        return [field for field in fields if field not in self.decided_here]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Service]:
        """Fetch what the columns show at once, without keys."""
        services = super().get_queryset(request).select_related("provider", "category", "health")
        return services.defer("provider__key")  # type: ignore[no-any-return]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Service], search_term: str
    ) -> tuple[QuerySet[Service], bool]:
        """Search as the price list does, and by the provider's id."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(matching(search_term) | Q(provider_service_id=search_term.strip())), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: services come from catalogues."""
        return False

    def save_model(self, request: HttpRequest, obj: Service, form: ModelForm[Service], change: bool) -> None:
        """Write only what was changed, so that a form opened before a sync does not undo it."""
        save_decisions(obj, form.changed_data, actor=request.user)  # type: ignore[arg-type]

    @admin.display(description=_("service"), ordering="name")
    def shown_name(self, service: Service) -> str:
        """Name it, and its category."""
        return _two_lines(service.name, service.category.name)

    @admin.display(description=_("price and cost per 1000"), ordering="price")
    def shown_prices(self, service: Service) -> str:
        """Show the price, and what of it the provider takes."""
        return _two_lines(self.shown_price(service), self.shown_cost(service))

    @admin.display(description=_("provider"), ordering="provider__name")
    def shown_provider(self, service: Service) -> str:
        """Name it, and the id that it gave the service."""
        return _two_lines(service.provider.name, service.provider_service_id)

    @admin.display(description=_("failed"), ordering="health__failed")
    def shown_failing(self, service: Service) -> str:
        """Show how many of its last orders failed."""
        return failing_share(health_of(service))

    @admin.display(description=_("half are done within"), ordering="health__median_seconds")
    def shown_time(self, service: Service) -> str:
        """Show how long half of its orders take at most."""
        health = health_of(service)
        if health is None or health.median_seconds is None:
            return "—"
        return duration(health.median_seconds)

    @admin.display(description=_("its last orders"))
    def shown_fares(self, service: Service) -> str:
        """Say how its orders fared, as it was measured."""
        return health_in_words(service)

    @admin.display(description=_("cost per 1000"), ordering="cost")
    def shown_cost(self, service: Service) -> str:
        """Show the cost in the provider's currency."""
        return shown(service.cost, service.provider.currency)

    @admin.display(description=_("price per 1000"), ordering="price")
    def shown_price(self, service: Service) -> str:
        """Show the price in the site's currency."""
        return "—" if service.price is None else shown(service.price)

    @admin.display(description=_("state"))
    def shown_state(self, service: Service) -> str:
        """Say whether it is sold, and if not, why."""
        why = why_not_sold(service)
        return gettext("not sold: %s") % why if why else gettext("sold")

    @admin.display(description=_("history"))
    def shown_history(self, service: Service) -> str:
        """Link to what changed about it, and to what holds it."""
        return links_to_history(service)

    @admin.display(description=_("markup"))
    @asked_once
    def markup(self, service: Service) -> str:
        """Say how everybody's price is made, and link to why, and to the service's own rule."""
        return format_html(
            '{} · <a href="{}">{}</a> · <a href="{}">{}</a>',
            winning_terms(service),
            *(reverse("admin:catalog_service_why", args=[service.pk]), gettext("why this price")),
            *(own_rule_link(service), gettext("its own rule")),
        )

    @admin.action(description=_("Let held services go on"), permissions=["change"])
    def let_go_on(self, request: HttpRequest, queryset: QuerySet[Service]) -> None:
        """End the holds."""
        for service in queryset:
            is_over = let_go(service, actor=request.user)  # type: ignore[arg-type]
            said = gettext("%s goes on.") if is_over else gettext("%s was not held.")
            self.message_user(request, said % service)


def _two_lines(first: str, second: str) -> str:
    return format_html(
        '<div class="min-w-24 whitespace-normal break-words">{}'
        '<div class="text-font-subtle-light dark:text-font-subtle-dark">{}</div></div>',
        first,
        second,
    )
