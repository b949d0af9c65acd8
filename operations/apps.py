"""The operations app."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_login_failed
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    """Alerts to staff and where they go, the record of periodic jobs, whether orders are taken."""

    name = "operations"
    verbose_name = _("Operations")

    def ready(self) -> None:
        """Hear of failed logins: Django tells of them by this signal alone."""
        user_login_failed.connect(_login_failed, dispatch_uid="operations.login_failed")


def _login_failed(sender: object, credentials: dict[str, Any], **more: object) -> None:
    from operations.logins import login_failed  # has models, which are not read yet when this is imported

    login_failed(str(credentials.get("email") or credentials.get("username") or ""))
