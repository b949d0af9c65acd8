"""Providers, services and prices in admin."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from catalog.admin_filters import ProviderFilter
from catalog.fault_words import halt_in_words
from catalog.forms import ProviderForm
from catalog.halting_pages import HaltingPages
from catalog.models import (
    ON_SALE,
    Category,
    ExchangeRate,
    PriceRule,
    Provider,
    Service,
    SyncRun,
    TaughtText,
)
from catalog.pricing import markup_for_everything, save_rate, set_markup
from catalog.providers import save_provider
from catalog.searching import matching
from catalog.selling import let_go_on, why_not_sold
from catalog.taught_admin import TaughtTextAdmin
from money.display import plain, shown
from operations.waking import wake


class NotDeleted:
    """Refuses deletion: orders and money hang on the row."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


@admin.register(Provider)
class ProviderAdmin(NotDeleted, HaltingPages):
    """Providers: their settings, how they fare, and the actions of their operator."""

    form = ProviderForm
    list_display = ("name", "shown_state", "shown_balance", "balance_at", "currency", "is_active")
    list_filter = ("is_active", ("halted_at", admin.EmptyFieldListFilter))
    search_fields = ("name",)
    show_full_result_count = False
    actions = ("sync_now", "sync_shorter", "ask_balance", "resume", "halt_by_hand")
    readonly_fields = (
        *("shown_state", "probe_at", "failed_probes", "paced_until", "answers_for_many"),
        *("shown_balance", "balance_text", "balance_at", "balance_error", "created_at"),
    )
    fieldsets = (
        (None, {"fields": ("name", "is_active")}),
        (_("Account"), {"fields": ("url", "new_key", "currency", "method", "lost_answers")}),
        (_("Pace"), {"fields": ("calls_at_once", "calls_per_second")}),
        (
            _("State"),
            {
                "fields": (
                    *("shown_state", "probe_at", "failed_probes", "paced_until"),
                    *("answers_for_many", "created_at"),
                )
            },
        ),
        (_("Balance"), {"fields": ("shown_balance", "balance_text", "balance_at", "balance_error")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        """Leave the keys where they are: no page shows one, and one that is lost must not break the list."""
        return super().get_queryset(request).defer("key")  # type: ignore[no-any-return]

    def save_model(self, request: HttpRequest, obj: Provider, form: ProviderForm, change: bool) -> None:
        """Save by the rule; a key left blank stays."""
        save_provider(obj, key=form.cleaned_data["new_key"] or None)

    @admin.display(description=_("state"), ordering="halted_at")
    def shown_state(self, provider: Provider) -> str:
        """Say whether orders are sent."""
        if provider.halted_at is None:
            return _state_of_a_going(provider)
        return halt_in_words(provider)

    @admin.display(description=_("balance"), ordering="balance")
    def shown_balance(self, provider: Provider) -> str:
        """Show the balance, and mark one that may have been read wrongly."""
        if provider.balance is None:
            return "—"
        amount = shown(provider.balance, provider.currency)
        return (
            amount if provider.balance_verified else gettext("%(amount)s (unverified)") % {"amount": amount}
        )

    @admin.action(description=_("Copy the catalogue now"), permissions=["change"])
    def sync_now(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        """Have the catalogues copied by a worker."""
        for provider in queryset:
            wake("catalog.tasks.sync_provider", provider.pk)
            self.message_user(request, gettext("%s: its catalogue is being copied.") % provider)

    @admin.action(description=_("Copy the catalogue now, even a much shorter one"), permissions=["change"])
    def sync_shorter(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        """Have the catalogues copied by a worker, whatever vanished from them."""
        for provider in queryset:
            wake("catalog.tasks.sync_provider", provider.pk, True)
            self.message_user(request, gettext("%s: its catalogue is being copied.") % provider)

    @admin.action(description=_("Ask for the balance now (test the connection)"), permissions=["change"])
    def ask_balance(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        """Have a worker ask: nobody's request waits for a provider."""
        for provider in queryset:
            wake("catalog.tasks.refresh_provider_balance", provider.pk)
            self.message_user(request, gettext("%s: its balance is being asked for.") % provider)


@admin.register(Category)
class CategoryAdmin(NotDeleted, ModelAdmin):  # type: ignore[misc]
    """Headings of the price list, as providers name them, and the operator's own."""

    list_display = ("name", "position", "is_hidden")
    list_editable = ("position", "is_hidden")
    list_filter = ("is_hidden",)
    search_fields = ("name",)
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Category | None = None) -> Sequence[str]:
        """Keep a name once given: a provider's catalogue finds its categories by it."""
        return () if obj is None else ("name",)


def _state_of_a_going(provider: Provider) -> str:
    if not provider.is_active:
        return gettext("not active")
    return gettext("does not answer") if provider.balance_error else gettext("works")


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


@admin.register(Service)
class ServiceAdmin(NotDeleted, ModelAdmin):  # type: ignore[misc]
    """Services: what the provider says is copied, the rest is decided here."""

    list_display = (
        *("id", "name", "shown_price", "shown_cost", "shown_state", "min_quantity", "max_quantity"),
        *("category", "provider", "provider_service_id", "type"),
    )
    list_display_links = ("id", "name")
    list_filter = (
        SoldFilter,
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
    actions = ("let_go_on", "hide", "show")
    decided_here = ("is_hidden", "category", "duplicate_links")
    fieldsets = (
        (None, {"fields": ("shown_state", "is_hidden", "category", "markup", "duplicate_links")}),
        (
            _("As the provider says"),
            {
                "fields": (
                    *("provider", "provider_service_id", "name", "type", "provider_category", "shown_cost"),
                    *("shown_price", "min_quantity", "max_quantity", "can_refill", "can_cancel", "is_listed"),
                    *("held_text", "first_seen_at", "changed_at"),
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
        services = super().get_queryset(request).select_related("provider", "category", "price_rule")
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
        obj.save(update_fields=form.changed_data)

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

    @admin.display(description=_("markup"))
    def markup(self, service: Service) -> str:
        """Link to the service's own price rule, or to adding one."""
        rule = getattr(service, "price_rule", None)
        if rule is not None:
            url = reverse("admin:catalog_pricerule_change", args=[rule.pk])
            return format_html('<a href="{}">+{} %</a>', url, plain(rule.markup_percent))
        query = urlencode({"scope": "service", "service": str(service.pk)})
        url = reverse("admin:catalog_pricerule_add")
        words = gettext("as for everything (+%(percent)s %%); set its own")
        said = words % {"percent": plain(markup_for_everything())}
        return format_html('<a href="{}?{}">{}</a>', url, query, said)

    @admin.action(description=_("Let held services go on"), permissions=["change"])
    def let_go_on(self, request: HttpRequest, queryset: QuerySet[Service]) -> None:
        """End the holds."""
        for service in queryset:
            said = gettext("%s goes on.") if let_go_on(service) else gettext("%s was not held.")
            self.message_user(request, said % service)

    @admin.action(description=_("Hide"), permissions=["change"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Service]) -> None:
        """Take services off the price list."""
        self.message_user(request, gettext("Hidden: %d.") % queryset.order_by().update(is_hidden=True))

    @admin.action(description=_("Show again"), permissions=["change"])
    def show(self, request: HttpRequest, queryset: QuerySet[Service]) -> None:
        """Put services back on the price list."""
        self.message_user(request, gettext("Shown again: %d.") % queryset.order_by().update(is_hidden=False))


@admin.register(PriceRule)
class PriceRuleAdmin(ModelAdmin):  # type: ignore[misc]
    """Markups; saving or deleting one sets the stored prices anew."""

    list_display = ("__str__", "scope", "service", "markup_percent")
    list_filter = ("scope",)
    search_fields = ("service__name", "=service__id")
    list_select_related = ("service",)
    autocomplete_fields = ("service",)
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: PriceRule | None = None) -> Sequence[str]:
        """Keep what a rule speaks of: another one is another rule."""
        return () if obj is None else ("scope", "service")

    def save_model(
        self, request: HttpRequest, obj: PriceRule, form: ModelForm[PriceRule], change: bool
    ) -> None:
        """Save by the rule."""
        rule = set_markup(obj.service, obj.markup_percent)
        obj.pk = rule.pk if rule else None

    def delete_model(self, request: HttpRequest, obj: PriceRule) -> None:
        """Drop by the rule."""
        set_markup(obj.service, None)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PriceRule]) -> None:
        """Drop each by the rule."""
        for rule in queryset:
            self.delete_model(request, rule)


@admin.register(ExchangeRate)
class ExchangeRateAdmin(ModelAdmin):  # type: ignore[misc]
    """Exchange rates; saving or deleting one sets the stored prices anew."""

    list_display = ("currency", "rate", "updated_at")
    readonly_fields = ("updated_at",)
    search_fields = ("currency",)
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: ExchangeRate | None = None) -> Sequence[str]:
        """Keep the currency of a rate."""
        return ("updated_at",) if obj is None else ("currency", "updated_at")

    def save_model(
        self, request: HttpRequest, obj: ExchangeRate, form: ModelForm[ExchangeRate], change: bool
    ) -> None:
        """Save by the rule."""
        rate = save_rate(obj.currency, obj.rate)
        obj.pk = rate.pk if rate else None

    def delete_model(self, request: HttpRequest, obj: ExchangeRate) -> None:
        """Drop by the rule."""
        save_rate(obj.currency, None)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ExchangeRate]) -> None:
        """Drop each by the rule."""
        for rate in queryset:
            self.delete_model(request, rate)


@admin.register(SyncRun)
class SyncRunAdmin(NotDeleted, ModelAdmin):  # type: ignore[misc]
    """Copies of catalogues, newest first: what they changed, or why nothing."""

    list_display = (
        "provider",
        "started_at",
        "outcome",
        "text",
        "new",
        "changed",
        "gone",
        "back",
        "unchanged",
    )
    list_filter = (ProviderFilter, "outcome", "started_at")
    list_select_related = ("provider",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncRun]:
        """Leave the keys where they are."""
        return super().get_queryset(request).select_related("provider").defer("provider__key")  # type: ignore[no-any-return]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: runs are made by the sync."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: a run is a record."""
        return False


admin.site.register(TaughtText, TaughtTextAdmin)
