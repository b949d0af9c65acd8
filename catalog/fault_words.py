"""What went wrong with a call, in words for staff: the rows of the error table, and texts of our own.

A provider's own words are quoted as they are; what we wrote ourselves is told by its row's label, with the
text beside it for those who look for it in the log.
"""

import re

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from catalog.models import Provider
from operations.wording import Words
from upstream.taught import RULE as TAUGHT

CODE = "font-mono text-xs"
"""Unfold's classes for what is written for machines."""

RULES = {
    # The provider's words, by the error table (`upstream/classing.py`).
    "rate_limit": gettext_noop("too many calls"),
    "spam_wait": gettext_noop("the link has to wait"),
    "active_order": gettext_noop("the link has an open order already"),
    "service_inactive": gettext_noop("the service is switched off"),
    "service_unknown": gettext_noop("the service is not known"),
    "key": gettext_noop("the key or the account is refused"),
    "action": gettext_noop("the call is not understood"),
    "missing_parameter": gettext_noop("a parameter is missing"),
    "quantity": gettext_noop("the quantity is out of bounds"),
    "bad_link": gettext_noop("the link is refused"),
    "funds": gettext_noop("the account lacks funds"),
    "maintenance": gettext_noop("maintenance"),
    "unclear_error": gettext_noop("an error that says nothing of the order"),
    "unknown_text": gettext_noop("words that are not known"),
    TAUGHT: gettext_noop("words that were taught"),
    "cancel_window": gettext_noop("too late to cancel"),
    "cancel_not_supported": gettext_noop("canceling is not offered"),
    "not_cancelable": gettext_noop("it cannot be canceled"),
    "order_unknown": gettext_noop("the order is not known"),
    # What the answer was like.
    "http_5xx": gettext_noop("the provider's server failed"),
    "misconfigured": gettext_noop("the address, the key or the method seems wrong"),
    "no_clear_answer": gettext_noop("no clear answer"),
    "no_catalogue": gettext_noop("no readable catalogue"),
    "order_and_error": gettext_noop("an id and an error at once"),
    "id_taken": gettext_noop("the id belongs to another order"),
    # What happened on the way, and with us.
    "no_answer": gettext_noop("no answer came"),
    "nothing_sent": gettext_noop("no connection: nothing was sent"),
    "unreachable": gettext_noop("it cannot be reached"),
    "no_slot": gettext_noop("other calls were before it"),
    "lease_over": gettext_noop("the worker was too late to send it"),
    "worker_died": gettext_noop("the worker stopped in the middle of the call"),
    "by_hand": gettext_noop("by hand"),
}
"""What an attempt's, a fault's or a halt's rule means."""

_OWN_TEXTS = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"no answer \(\w+\)|an answer of more than \d+ bytes", "no_answer"),
        (r"could not connect: .*", "nothing_sent"),
        (r"HTTP \d+ without a readable result or error", "no_clear_answer"),
        (r"id \S+ belongs to another order", "id_taken"),
        (r"the worker that sent it died before it recorded an answer", "worker_died"),
        (r"the worker slept until its lease had ended", "lease_over"),
        (r"other calls keep the provider busy", "no_slot"),
        (r"halted by .*", "by_hand"),
        (r"the provider's address does not answer", "unreachable"),
        (r"no list of services", "no_catalogue"),
        (r"(no JSON|an empty body|too many values) in \d+ bytes, from .*", "no_catalogue"),
        (r"no call can be made to this address: its host or its port is none", "misconfigured"),
        (r"the address of a provider begins with http:// or https://", "misconfigured"),
        (r"it misses parameters that we send: their names differ", "missing_parameter"),
        (r"it does not know several services: did the account change\?", "service_unknown"),
    )
)
"""Texts that stand where a provider's words would, where it said none (`upstream/`, `orders/`)."""


_QUOTING = (
    (re.compile(r"halted by (?P<who>.*)"), gettext_noop("halted by %(who)s")),
    (re.compile(r"order (?P<id>\S+) and (?P<said>.*)"), gettext_noop("order %(id)s and %(said)s")),
)
"""Those of our own texts that name what no label does."""


def rule_label(rule: str) -> str:
    """Return what a rule means, in the language of the page; a rule that has no words is its own."""
    return _(RULES[rule]) if rule in RULES else rule


def rule_in_words(rule: str) -> str:
    """Return HTML that says what a rule means, with its code; "—" for none."""
    return _beside(rule_label(rule), rule) if rule else "—"


def text_in_words(text: str) -> str:
    """Return HTML of why something went wrong: our own texts by their label, a provider's words in quotes."""
    if not text:
        return "—"
    rule = _rule_of_own(text)
    return _beside(rule_label(rule), text) if rule else quoted(text)


def said(text: str) -> Words | str:
    """Return why something went wrong, for an alert: our own texts in words, a provider's as they are."""
    for pattern, words in _QUOTING:
        if found := pattern.fullmatch(text):
            return Words(words, found.groupdict(), written=text)
    rule = _rule_of_own(text)
    return Words(RULES[rule], written=text) if rule else text


def halt_in_words(provider: Provider) -> str:
    """Return HTML that says since when, and why, a provider is halted; "" for one that is not."""
    if provider.halted_at is None:
        return ""
    text = provider.halt_text
    said = format_html(
        _("halted since {at}: {rule}; {text}"),
        at=date_format(localtime(provider.halted_at), "SHORT_DATETIME_FORMAT"),
        rule=rule_in_words(provider.halt_rule),
        text=_as_code(text) if _rule_of_own(text) else quoted(text),
    )
    return format_html("<span>{}</span>", said)


def quoted(text: str) -> str:
    """Return a provider's words in quotes; escaped by whoever shows them."""
    return _("“%(text)s”") % {"text": text}


def _rule_of_own(text: str) -> str:
    """Return the rule that a text of our own stands for; "" for a provider's words."""
    return next((rule for pattern, rule in _OWN_TEXTS if pattern.fullmatch(text)), "")


def _beside(label: str, code: str) -> str:
    # One element: on a phone, unfold lays the parts of a list's cell out side by side.
    return format_html("<span>{} {}</span>", label, _as_code(code))


def _as_code(text: str) -> str:
    return format_html('<code class="{}">{}</code>', CODE, text)
