"""What an operator fills in to change many services at once."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from catalog.models import Category


class MarkupForm(forms.Form):
    """A markup for each of the services, or none of its own."""

    percent = forms.DecimalField(
        label=_("markup, percent"),
        required=False,
        max_digits=9,
        decimal_places=3,
        min_value=Decimal(-100),
        max_value=Decimal(100_000),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text=_("Added to the cost: 30 makes 130 of 100. A price by hand is replaced by it."),
    )
    drop = forms.BooleanField(
        label=_("No markup of their own"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_("Their own rules are deleted; those of their category, provider or everything apply."),
    )

    def clean(self) -> dict[str, Any]:
        """Demand one of both."""
        data = super().clean() or {}
        if "percent" in data and (data["percent"] is not None) == data.get("drop", False):
            raise forms.ValidationError(_("Enter a markup, or choose that there is none."))
        return data


class MoveForm(forms.Form):
    """A category to put services into."""

    category = forms.ModelChoiceField(
        Category.objects.all(),
        label=_("category"),
        widget=UnfoldAdminSelect2Widget,
        help_text=_("Catalogues leave them there. Price rules of the category apply to them."),
    )
