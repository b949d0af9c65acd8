"""The catalog app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    """Providers, services and prices."""

    name = "catalog"
    verbose_name = _("Catalogue")
