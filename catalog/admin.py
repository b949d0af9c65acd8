"""Providers, services and prices in admin."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from catalog.admin_filters import NotDeleted, ProviderFilter
from catalog.balance_admin import BalanceReadingAdmin
from catalog.category_admin import CategoryAdmin
from catalog.fault_words import halt_in_words
from catalog.forms import ProviderForm
from catalog.halting import FUNDS
from catalog.halting_pages import HaltingPages
from catalog.health_admin import ServiceHealthAdmin, ServiceSpeedAdmin
from catalog.history_admin import ServiceChangeAdmin, ServiceHoldAdmin
from catalog.link_admin import LinkRuleAdmin
from catalog.models import (
    BalanceReading,
    BannedWords,
    CataloguePolicy,
    Category,
    ExchangeRate,
    LinkRule,
    PriceRule,
    Provider,
    Service,
    ServiceChange,
    ServiceHealth,
    ServiceHold,
    ServiceSpeed,
    SyncRun,
    TaughtText,
)
from catalog.policy_admin import BannedWordsAdmin, CataloguePolicyAdmin
from catalog.price_admin import ExchangeRateAdmin, PriceRuleAdmin
from catalog.providers import save_provider
from catalog.service_admin import ServiceAdmin
from catalog.taught_admin import TaughtTextAdmin
from money.display import shown
from operations.waking import wake

CHECK_SETTINGS = _("Check the address, the key and the method above, and save: they are tried at once.")
LET_GO_ON = _("When what it says is dealt with, press “Let go on…”: its orders are sent at once.")

ADVICE = {
    "key": _("Enter the right key above, and save: it is tried at once."),
    "misconfigured": CHECK_SETTINGS,
    "action": CHECK_SETTINGS,
    FUNDS: _(
        "Put money into the account there. It is tried again by itself, and when you press “Let go on…”."
    ),
}
"""What ends a halt, by its rule; of any other, `LET_GO_ON`."""


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
        *("shown_state", "shown_advice", "probe_at", "failed_probes", "paced_until", "answers_for_many"),
        *("shown_balance", "balance_text", "balance_at", "balance_error", "created_at"),
    )
    fieldsets = (
        (None, {"fields": ("name", "is_active")}),
        (_("Account"), {"fields": ("url", "new_key", "currency", "method", "lost_answers")}),
        (_("Pace"), {"fields": ("calls_at_once", "calls_per_second")}),
        (_("Catalogue"), {"fields": ("new_services",)}),
        (
            _("State"),
            {
                "fields": (
                    *("shown_state", "shown_advice", "probe_at", "failed_probes", "paced_until"),
                    *("answers_for_many", "created_at"),
                )
            },
        ),
        (
            _("Balance"),
            {"fields": ("low_balance", "shown_balance", "balance_text", "balance_at", "balance_error")},
        ),
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

    @admin.display(description=_("what to do"))
    def shown_advice(self, provider: Provider) -> str:
        """Say what ends a halt."""
        return "—" if provider.halted_at is None else str(ADVICE.get(provider.halt_rule, LET_GO_ON))

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


def _state_of_a_going(provider: Provider) -> str:
    if not provider.is_active:
        return gettext("not active")
    return gettext("does not answer") if provider.balance_error else gettext("works")


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
        "held",
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


admin.site.register(BalanceReading, BalanceReadingAdmin)
admin.site.register(Category, CategoryAdmin)
admin.site.register(PriceRule, PriceRuleAdmin)
admin.site.register(ExchangeRate, ExchangeRateAdmin)
admin.site.register(Service, ServiceAdmin)
admin.site.register(ServiceHold, ServiceHoldAdmin)
admin.site.register(ServiceChange, ServiceChangeAdmin)
admin.site.register(ServiceHealth, ServiceHealthAdmin)
admin.site.register(ServiceSpeed, ServiceSpeedAdmin)
admin.site.register(CataloguePolicy, CataloguePolicyAdmin)
admin.site.register(BannedWords, BannedWordsAdmin)
admin.site.register(TaughtText, TaughtTextAdmin)
admin.site.register(LinkRule, LinkRuleAdmin)
