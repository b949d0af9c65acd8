"""The provider's form in admin."""

from typing import Any

from django import forms
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
