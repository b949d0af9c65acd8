"""Alerts as tests read them."""

from operations.models import Alert


def in_english(alert: Alert) -> str:
    """Return an alert's words as they are written in the code, before any translation."""
    return alert.text % alert.params if alert.params else alert.text
