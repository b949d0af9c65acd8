"""The accounts app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Users and how they come in."""

    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        """Follow confirmed addresses."""
        from allauth.account.signals import email_confirmed

        from accounts.addresses import take_confirmed

        email_confirmed.connect(take_confirmed, dispatch_uid="accounts.take_confirmed")
