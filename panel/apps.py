"""The site as a Django app: its commands, templates and system checks."""

from django.apps import AppConfig


class PanelConfig(AppConfig):
    """Registers the settings' checks, and what is recorded."""

    name = "panel"

    def ready(self) -> None:
        """Import the checks, which register themselves, and have changes recorded."""
        from panel import checks, recorded  # noqa: F401

        recorded.register()
