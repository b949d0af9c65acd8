"""The site as a Django app: its commands, templates and system checks."""

from django.apps import AppConfig


class PanelConfig(AppConfig):
    """Registers the settings' checks."""

    name = "panel"

    def ready(self) -> None:
        """Import the checks, which register themselves."""
        from panel import checks  # noqa: F401
