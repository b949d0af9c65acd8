"""Alerts in words: in the language of whoever reads them, or of the site where nobody does yet (mail)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext, override

from operations.linking import page_of
from operations.models import Alert

LONGEST_MESSAGE = 3000
"""What is sent is cut here: channels take no more, and admin has it all."""

LONGEST_PARAM = 2000


@dataclass(frozen=True, slots=True)
class Words:
    """A text of ours that stands in another one: a message id and its params, as `raise_alert` takes them.

    As `str` it is what is written where nobody's language is known, in a log or a row: `written`, or the text
    as the code has it.
    """

    text: str
    params: Mapping[str, object] = field(default_factory=dict)
    written: str = ""

    def __str__(self) -> str:
        return self.written or (self.text % self.params if self.params else self.text)


def kept(params: Mapping[str, object]) -> dict[str, Any]:
    """Return params as an alert keeps them: our texts to be told in any language, all else as it reads."""
    return {
        name: {"text": value.text, "params": kept(value.params)}
        if isinstance(value, Words)
        else str(value)[:LONGEST_PARAM]
        for name, value in params.items()
    }


def words_of(alert: Alert) -> str:
    """Return an alert's text in the language that is active; it holds providers' words, and no markup.

    A text without params stands as it is, whatever signs it holds.
    """
    return _told(alert.text, alert.params)


def _told(text: str, params: Mapping[str, Any]) -> str:
    if not params:
        return gettext(text) if text else ""
    try:
        told = {
            name: _told(value["text"], value["params"]) if isinstance(value, dict) else value
            for name, value in params.items()
        }
        return str(gettext(text) % told)
    except (KeyError, TypeError, ValueError):
        return str(text)  # written by another version of the site


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
