"""The provider's form in admin."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget

from catalog.models import Provider
from catalog.providers import SETTINGS


class ProviderForm(forms.ModelForm[Provider]):
    """A provider's settings; its key goes in and never comes out."""

    new_key = forms.CharField(
        label=_("API key"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
    )

    class Meta:
        model = Provider
        fields = SETTINGS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = self.instance.pk is not None
        self.fields["new_key"].required = not known
        if known:
            self.fields["new_key"].help_text = _("Leave empty to keep the key that is set.")
        else:
            self.fields["currency"].initial = settings.SITE_CURRENCY

    def clean(self) -> dict[str, Any]:
        """Demand the key with another address: else who may change one could have it sent to their own."""
        data = super().clean() or {}
        moved = self.instance.pk is not None and "url" in self.changed_data
        if moved and not data.get("new_key"):
            self.add_error("new_key", _("Enter the key too: the one that is set is for its own address."))
        return data
