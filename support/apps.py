"""The support app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SupportConfig(AppConfig):
    """Announcements, the site's own pages, terms."""

    name = "support"
    verbose_name = _("Support")
