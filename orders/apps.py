"""The orders app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """The life of an order."""

    name = "orders"
    verbose_name = _("Orders")
