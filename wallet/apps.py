"""The wallet app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WalletConfig(AppConfig):
    """The ledger."""

    name = "wallet"
    verbose_name = _("Money")
