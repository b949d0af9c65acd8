"""Alerts as tests read them."""

from django.utils.translation import override

from operations.models import Alert
from operations.wording import words_of


def in_english(alert: Alert) -> str:
    """Return an alert's words as they are written in the code, before any translation."""
    with override(None):
        return words_of(alert)


def texts_within(alert: Alert) -> list[str]:
    """Return the texts of ours that stand in an alert's text, which are told in the reader's language."""
    return [value["text"] for _, value in sorted(alert.params.items()) if isinstance(value, dict)]
