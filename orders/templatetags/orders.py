"""An order's status as its customer sees it, and times to the second for those who compare them."""

from datetime import datetime

from django import template
from django.utils.formats import date_format
from django.utils.timezone import localtime

from catalog.fault_words import rule_in_words, text_in_words
from orders.models import Order
from orders.timeline import shown_status, shown_status_label, status_in_words

register = template.Library()

register.filter("shown_status", shown_status)
register.filter("status_label", shown_status_label)
register.filter("status_in_words", status_in_words)
register.filter("rule_in_words", rule_in_words)
register.filter("text_in_words", text_in_words)

COLOURS = {
    Order.Status.PENDING: "secondary",
    Order.Status.PROCESSING: "azure",
    Order.Status.IN_PROGRESS: "blue",
    Order.Status.COMPLETED: "green",
    Order.Status.PARTIAL: "yellow",
    Order.Status.CANCELED: "red",
}


@register.filter
def status_colour(order: Order) -> str:
    """Return the colour of an order's status badge."""
    return COLOURS[Order.Status(shown_status(order))]


@register.filter
def moment(at: datetime | None) -> str:
    """Return a time to the second in the reader's manner, "—" for none."""
    if at is None:
        return "—"
    at = localtime(at)
    return f"{date_format(at, 'SHORT_DATE_FORMAT')} {at:%H:%M:%S}"
