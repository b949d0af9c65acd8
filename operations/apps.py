"""The operations app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    """Alerts to staff."""

    name = "operations"
    verbose_name = _("Operations")
