"""Why a service has its price: the page of its steps in admin, for everybody, a group or a customer."""

from collections.abc import Iterable

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget

from accounts.models import CustomerGroup, User
from catalog.models import ExchangeRate, PriceRule, Service
from catalog.offering import costing_of
from catalog.price_words import explain_steps, price_or_none, terms_of, what_of, whom_of
from catalog.rules import EVERYBODY, Costing, PriceRules, Whom, price_rules
from money.display import shown


class WhomForm(forms.Form):
    """For whom a price is explained."""

    customer = forms.EmailField(
        label=_("Customer's address"), required=False, widget=UnfoldAdminEmailInputWidget
    )
    group = forms.ModelChoiceField(
        CustomerGroup.objects.all(),
        label=_("or a group"),
        required=False,
        empty_label=_("Everybody"),
        widget=UnfoldAdminSelectWidget,
    )

    def clean_customer(self) -> User | None:
        """Find the customer."""
        address = self.cleaned_data["customer"]
        if not address:
            return None
        customer = User.objects.filter(email=address.lower()).first()
        if customer is None:
            raise forms.ValidationError(_("No customer has this address."))
        return customer

    def whom(self) -> Whom:
        """Return whom the price is explained for."""
        if not self.is_valid():
            return EVERYBODY
        customer, group = self.cleaned_data["customer"], self.cleaned_data["group"]
        return Whom.of(customer) if customer else Whom(group_id=group.pk if group else None)


class WhyPages(ModelAdmin):  # type: ignore[misc]
    """The page "why this price" of the admin of services."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        why = path("<int:service_id>/why/", self.admin_site.admin_view(self.why), name="catalog_service_why")
        return [why, *super().get_urls()]

    def why(self, request: HttpRequest, service_id: int) -> HttpResponse:
        """Show each step to a service's price, and the rules that would apply else."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        service: Service | None = self.get_queryset(request).filter(pk=service_id).first()
        if service is None:
            raise Http404
        form = WhomForm(request.GET)
        context = {"title": gettext("Why this price"), "service": service, "form": form}
        context |= _why(service, form.whom())
        whole = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, "admin/catalog/service/why.html", whole)


def own_rule_link(service: Service) -> str:
    """Return where a service's own rule for everybody is changed, or added."""
    own = PriceRule.objects.filter(service=service, group=None, customer=None).first()
    if own is not None:
        return reverse("admin:catalog_pricerule_change", args=[own.pk])
    query = urlencode({"scope": "service", "service": str(service.pk)})
    return f"{reverse('admin:catalog_pricerule_add')}?{query}"


def winning_terms(service: Service) -> str:
    """Say in short how everybody's price of a service is made."""
    rules = price_rules(Service.objects.filter(pk=service.pk))
    rule = next(rules.candidates(costing_of(service, service.provider.currency)))
    return f"{terms_of(rule)} ({what_of(rule)})"


def _why(service: Service, whom: Whom) -> dict[str, object]:
    costing = costing_of(service, service.provider.currency)
    rules = price_rules(Service.objects.filter(pk=service.pk), whom=whom)
    steps = rules.steps(costing)
    rate = ExchangeRate.objects.here().filter(currency=costing.currency).first()
    cost = shown(service.cost, costing.currency)
    return {
        "steps": list(explain_steps(steps, cost=cost, rate=rate)) if steps else [],
        "rules": {"headers": _headers(), "rows": list(_rows(rules, costing))},
        "currency": costing.currency,
        "own_rule": own_rule_link(service),
    }


def _headers() -> list[str]:
    return [gettext("For whom"), gettext("For which services"), gettext("Rule"), gettext("Price by it")]


def _rows(rules: PriceRules, costing: Costing) -> Iterable[list[str]]:
    for rule in rules.candidates(costing):
        steps = rules.steps_by(rule, costing)
        price = price_or_none(steps.price if steps else None)
        yield [whom_of(rule), what_of(rule), terms_of(rule), price]
