"""How a user's e-mail address changes: a new one is asked for, and counts once it is confirmed.

allauth keeps several addresses for each user; here there is the user's own, and at most one that waits. Its
own mode for one address (`ACCOUNT_CHANGE_EMAIL`) takes an address that nobody confirmed for one that waits:
it would leave a user who signed up without confirming with none at all.
"""

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """What differs from allauth's rules."""

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Refuse to drop the address that the user signs in by."""
        return bool(email_address.email != email_address.user.email)

    def set_password(self, user: User, password: str) -> None:
        """Write the password and nothing else: whom staff blocked meanwhile stays blocked."""
        user.set_password(password)
        user.save(update_fields=["password"])

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write in the site's name, where allauth would write in its host's."""
        site = SimpleNamespace(name=settings.SITE_NAME, domain=urlsplit(settings.SITE_URL).netloc)
        super().send_mail(template_prefix, email, {"current_site": site, **context})


@transaction.atomic
def take_confirmed(email_address: EmailAddress, **signal: Any) -> None:
    """Make an address that was confirmed just now the user's own, and forget the others."""
    email_address.set_as_primary()
    EmailAddress.objects.filter(user=email_address.user).exclude(pk=email_address.pk).delete()
