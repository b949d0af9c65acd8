"""What customers change about themselves."""

from allauth.account.forms import AddEmailForm
from allauth.account.models import EmailAddress
from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User


class NameForm(forms.ModelForm[User]):
    """What the site calls a customer."""

    class Meta:
        model = User
        fields = ("name",)
        labels = {"name": pgettext_lazy("of a person", "Name")}
        help_texts = {"name": _("What we call you. It may stay empty.")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}

    def save_name(self) -> None:
        """Save the name alone: staff may be blocking the same user right now."""
        self.instance.save(update_fields=["name"])


class NewAddressForm(AddEmailForm):  # type: ignore[misc]
    """The address that a user asks to change to."""

    def clean_email(self) -> str:
        """Refuse an address of another account: no letter could make it this user's.

        That tells who is registered, as signing up does.
        """
        email: str = super().clean_email()
        users = User.objects.exclude(pk=self.user.pk).filter(email=email)
        addresses = EmailAddress.objects.exclude(user=self.user).filter(email=email)
        if users.exists() or addresses.exists():
            raise forms.ValidationError(_("This address is already registered."))
        return email
