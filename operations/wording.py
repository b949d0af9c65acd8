"""Alerts in words: in the language of whoever reads them, or of the site where nobody does yet (mail)."""

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext, override

from operations.linking import page_of
from operations.models import Alert

LONGEST_MESSAGE = 3000
"""What is sent is cut here: channels take no more, and admin has it all."""


def words_of(alert: Alert) -> str:
    """Return an alert's text in the language that is active; it holds providers' words, and no markup.

    A text without params stands as it is, whatever signs it holds.
    """
    if not alert.params:
        return gettext(alert.text) if alert.text else ""
    try:
        return str(gettext(alert.text) % alert.params)
    except (KeyError, TypeError, ValueError):
        return str(alert.text)  # written by another version of the site


def message_of(alerts: list[Alert]) -> tuple[str, str]:
    """Return a message's subject and body about alerts of one kind, in the site's language."""
    with override(settings.LANGUAGE_CODE):
        first = alerts[0]
        alone = len(alerts) == 1
        subject = str(first) if alone else f"{first.get_kind_display()}: {len(alerts)}"
        page = (page_of(first) if alone else "") or reverse("admin:operations_alert_changelist")
        words = "\n".join(words_of(alert) for alert in alerts)
    if len(words) > LONGEST_MESSAGE:
        words = f"{words[:LONGEST_MESSAGE]}…"
    return subject, f"{words}\n\n{settings.SITE_URL}{page}"
