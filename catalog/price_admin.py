"""Price rules and exchange rates in admin: what a rule would change is shown before it is saved."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, ForeignKey, Q, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action

from accounts.sheet_pages import ImportPages
from catalog.models import ExchangeRate, PriceRule, Provider
from catalog.previewing import Preview, preview
from catalog.price_forms import TWIN, ExchangeRateForm, PriceRuleForm
from catalog.price_words import losing_table, summary_of, table_of, terms_of, what_of, whom_of
from catalog.pricing import RuleExists, Unseen, WouldLose, drop_rule, save_rule
from catalog.rates import oldest_good_day, save_rate
from catalog.sheets import PriceRuleSheet
from operations.waking import wake

SPEAKS_OF = ("scope", "provider", "category", "service", "group", "customer")
"""What a rule speaks of: another one is another rule."""

NOT_RESENT = frozenset({"csrfmiddlewaretoken", "confirmed"})


class PriceRuleAdmin(ImportPages):
    """Rules of prices; nothing is saved or deleted before its preview was confirmed."""

    resource_classes = (PriceRuleSheet,)
    import_resource = PriceRuleSheet
    form = PriceRuleForm
    list_display = ("shown_target", "shown_whom", "shown_terms")
    list_display_links = ("shown_target",)
    list_filter = ("scope",)
    search_fields = ("service__name", "=service__id", "category__name", "group__name", "customer__email")
    autocomplete_fields = ("category", "service", "group", "customer")
    show_full_result_count = False
    fieldsets = (
        (_("For which services"), {"fields": ("scope", "provider", "category", "service")}),
        (
            _("For whom"),
            {"fields": ("group", "customer"), "description": _("Leave both empty for everybody.")},
        ),
        (
            _("The price"),
            {"fields": ("percent", "amount", "step", "min_margin_percent", "fixed_price")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceRule]:
        """Fetch what the columns show at once, without keys."""
        rows = super().get_queryset(request)
        rows = rows.select_related("provider", "category", "service", "group", "customer")
        return rows.defer("provider__key")  # type: ignore[no-any-return]

    def get_readonly_fields(self, request: HttpRequest, obj: PriceRule | None = None) -> Sequence[str]:
        """Keep what a rule speaks of."""
        return () if obj is None else SPEAKS_OF

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer no deletion of many: each has its preview."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any], request: HttpRequest, **more: Any) -> Any:
        """Offer providers without their keys."""
        if db_field.name == "provider":
            more["queryset"] = Provider.objects.defer("key")
        return super().formfield_for_foreignkey(db_field, request, **more)

    @admin.display(description=_("for which services"), ordering="scope")
    def shown_target(self, rule: PriceRule) -> str:
        """Name the services."""
        return what_of(rule)

    @admin.display(description=_("for whom"))
    def shown_whom(self, rule: PriceRule) -> str:
        """Name the people."""
        return whom_of(rule)

    @admin.display(description=_("how the price is made"))
    def shown_terms(self, rule: PriceRule) -> str:
        """Say it in short."""
        return terms_of(rule)

    def save_model(
        self, request: HttpRequest, obj: PriceRule, form: ModelForm[PriceRule], change: bool
    ) -> None:
        """Save by the rule what was seen; anything else is shown first (`changeform_view`)."""
        save_rule(obj, seen=request.POST.get("confirmed", ""))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show what a valid form would change, until that is what was confirmed."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[no-any-return]
        except (Unseen, WouldLose) as error:
            return self._preview_of_form(request, object_id, error.preview)
        except RuleExists:
            self.message_user(request, TWIN, messages.ERROR)
            return redirect(reverse("admin:catalog_pricerule_changelist"))

    def _preview_of_form(self, request: HttpRequest, object_id: str | None, would: Preview) -> HttpResponse:
        filled = [(name, value) for name, values in request.POST.lists() for value in values]
        resent = [(name, value) for name, value in filled if name not in NOT_RESENT]
        if object_id is None:
            # The form comes back as it was filled in.
            given = [(name, value) for name, value in resent if value and not name.startswith("_")]
            back = f"{reverse('admin:catalog_pricerule_add')}?{urlencode(given)}"
        else:
            back = reverse("admin:catalog_pricerule_change", args=[object_id])
        title, button = gettext("What this rule changes"), gettext("Save the rule")
        return self._preview(request, would, title=title, button=button, back=back, hidden=resent)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what dropping a rule would change, then drop it."""
        rule = self.get_object(request, object_id)
        if rule is None:
            raise Http404
        if not self.has_delete_permission(request, rule):
            raise PermissionDenied
        if request.method == "POST":
            return self._drop(request, rule)
        return self._preview_of_dropping(request, rule, preview(rule, dropped=True))

    def _drop(self, request: HttpRequest, rule: PriceRule) -> HttpResponse:
        try:
            with transaction.atomic():  # a refusal leaves no line in the log
                self.log_deletions(request, PriceRule.objects.filter(pk=rule.pk))
                drop_rule(rule, seen=request.POST.get("confirmed", ""))
        except (Unseen, WouldLose) as error:
            return self._preview_of_dropping(request, rule, error.preview)
        self.message_user(request, gettext("The rule is deleted."), messages.SUCCESS)
        return redirect(reverse("admin:catalog_pricerule_changelist"))

    def _preview_of_dropping(self, request: HttpRequest, rule: PriceRule, would: Preview) -> HttpResponse:
        back = reverse("admin:catalog_pricerule_change", args=[rule.pk])
        title, button = gettext("What changes without this rule"), gettext("Delete the rule")
        return self._preview(request, would, title=title, button=button, back=back)

    def _preview(
        self,
        request: HttpRequest,
        would: Preview,
        *,
        title: str,
        button: str,
        back: str,
        hidden: Sequence[tuple[str, str]] = (),
    ) -> HttpResponse:
        context = {
            "lines": summary_of(would),
            "table": table_of(would),
            "more": would.changed - len(would.rows),
            "losing": losing_table(would) if would.losing_count else None,
            "losing_count": would.losing_count,
            "losing_more": would.losing_count - len(would.losing),
            "changed_meanwhile": bool(request.POST.get("confirmed")),
            "hidden": [*hidden, ("confirmed", would.mark)],
            "title": title,
            "button": button,
            "back": back,
        }
        whole = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, "admin/catalog/pricerule/preview.html", whole)


class ExchangeRateAdmin(ModelAdmin):  # type: ignore[misc]
    """Exchange rates; saving or deleting one sets the stored prices anew."""

    form = ExchangeRateForm
    list_display = ("currency", "rate", "shown_day", "source", "updated_at")
    search_fields = ("currency",)
    show_full_result_count = False
    actions_list = ("import_now",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ExchangeRate]:
        """List the rates of the site's currency; tell which are old, by one look at the policy for all."""
        is_old = ExpressionWrapper(Q(as_of__lt=oldest_good_day()), output_field=BooleanField())
        return ExchangeRate.objects.here().annotate(is_old=is_old)

    def get_fields(self, request: HttpRequest, obj: ExchangeRate | None = None) -> Sequence[str]:
        """Show where a known rate came from, too."""
        return ("currency", "rate", "as_of", *(() if obj is None else ("source", "updated_at")))

    def get_readonly_fields(self, request: HttpRequest, obj: ExchangeRate | None = None) -> Sequence[str]:
        """Keep the currency of a rate."""
        return () if obj is None else ("currency", "source", "updated_at")

    @admin.display(description=_("as of"), ordering="as_of")
    def shown_day(self, rate: ExchangeRate) -> str:
        """Show the day, and mark one that is long past."""
        day = date_format(rate.as_of, "SHORT_DATE_FORMAT")
        is_old = getattr(rate, "is_old", False)  # by the list's query
        return gettext("%(day)s: old, enter what it is now") % {"day": day} if is_old else day

    def save_model(
        self, request: HttpRequest, obj: ExchangeRate, form: ModelForm[ExchangeRate], change: bool
    ) -> None:
        """Save by the rule."""
        rate = save_rate(obj.currency, obj.rate, as_of=obj.as_of)
        obj.pk = rate.pk if rate else None

    def delete_model(self, request: HttpRequest, obj: ExchangeRate) -> None:
        """Drop by the rule."""
        save_rate(obj.currency, None)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ExchangeRate]) -> None:
        """Drop each by the rule."""
        for rate in queryset:
            self.delete_model(request, rate)

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Let those import rates who may enter them."""
        return bool(self.has_change_permission(request))

    @action(description=_("Import rates now"), permissions=["import"], url_path="import")  # type: ignore[untyped-decorator]
    def import_now(self, request: HttpRequest) -> HttpResponse:
        """Have a worker import them: nobody's request waits for a bank."""
        if settings.RATES_SOURCE == "none":
            text = gettext("No source of rates is set (RATES_SOURCE): enter them by hand.")
            self.message_user(request, text, messages.WARNING)
        else:
            wake("catalog.tasks.import_exchange_rates")
            self.message_user(request, gettext("The rates are being imported."))
        return redirect(reverse("admin:catalog_exchangerate_changelist"))
