"""The forms of price rules and exchange rates in admin."""

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from catalog.models import ExchangeRate, PriceRule
from catalog.rates import is_far_ahead


class PriceRuleForm(forms.ModelForm[PriceRule]):
    """For which services, for whom, and how a cost becomes a price; a second rule for the same is refused."""

    class Meta:
        model = PriceRule
        fields = (
            *("scope", "provider", "category", "service", "group", "customer"),
            *("percent", "amount", "step", "min_margin_percent", "fixed_price"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("percent", "amount", "min_margin_percent"):
            if name in self.fields:
                self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """Take an empty number for none."""
        data = super().clean() or {}
        for name in ("percent", "amount", "min_margin_percent"):
            if name in data and data[name] is None:
                data[name] = Decimal(0)
        return data

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        twins = PriceRule.objects.filter(target=self.instance.target_text())
        if not self.errors and twins.exclude(pk=self.instance.pk).exists():
            self.add_error(None, ValidationError(TWIN))


TWIN = _("There is a rule for these services and these people already: change that one.")


class ExchangeRateForm(forms.ModelForm[ExchangeRate]):
    """What one unit of a currency is worth, and of which day that is; without a day it is today's."""

    class Meta:
        model = ExchangeRate
        fields = ("currency", "rate", "as_of")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["as_of"].required = False

    def clean_currency(self) -> str:
        """Refuse a second rate of a currency."""
        currency: str = self.cleaned_data["currency"]
        if ExchangeRate.objects.here().filter(currency=currency).exists():
            raise self.instance.unique_error_message(ExchangeRate, ("currency",))
        return currency

    def clean_as_of(self) -> date | None:
        """Refuse a day far ahead: what an import brings would be older than it for ever."""
        as_of: date | None = self.cleaned_data["as_of"]
        if as_of is not None and is_far_ahead(as_of):
            raise forms.ValidationError(_("This day is too far ahead."))
        return as_of
