"""Where terms are accepted: at sign-up, and on their own page."""

from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts.models import User
from support import terms


def _tick_for(version_id: int, *, label: str) -> dict[str, forms.Field]:
    """Return the box to tick, by its name.

    The name says of which version it is: one that was ticked for an older version accepts nothing.
    """
    required = _("To go on, accept the terms.")
    return {
        f"terms_{version_id}": forms.BooleanField(label=label, error_messages={"required": required}),
    }


class SignupForm(AllauthSignupForm):  # type: ignore[misc]
    """An address and a password, and the terms where there are some."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version_id = terms.newest_version_id()
        if self.version_id is not None:
            label = format_html(
                _('I accept the <a href="{address}" target="_blank">terms</a>'), address=reverse("terms")
            )
            self.fields.update(_tick_for(self.version_id, label=label))

    def save(self, request: HttpRequest) -> User:
        """Save the user and the record of what they accepted, both or neither."""
        with transaction.atomic():
            user: User = super().save(request)
            if self.version_id is not None:
                terms.accept(user, version_id=self.version_id)
        return user


class TermsForm(forms.Form):
    """The box of one version."""

    def __init__(self, *args: Any, version_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version_id = version_id
        self.fields.update(_tick_for(version_id, label=_("I have read these terms and accept them")))

    def accept(self, customer: User) -> bool:
        """Record the acceptance, or put the refusal beside the box and return False."""
        if not self.is_valid():
            return False
        terms.accept(customer, version_id=self.version_id)
        return True
