"""Where an alert leads: from its cause to the page of admin about it."""

import re

from django.urls import NoReverseMatch, reverse

from operations.models import Alert

PAGES = {
    "order": "admin:orders_order_change",
    "provider": "admin:catalog_provider_change",
    "service": "admin:catalog_service_change",
    "user": "admin:accounts_user_change",
    "channel": "admin:operations_alertchannel_change",
}
"""What a cause of a kind, a number and perhaps more ("provider:3:currency") leads to: names of addresses,
since this room knows none of those that have the pages."""

LISTS = {
    "job": "admin:operations_jobrun_changelist",
    "rate": "admin:catalog_exchangerate_changelist",
    "rates": "admin:catalog_exchangerate_changelist",
}
"""What a cause leads to whose rest is no number."""

_OF_A_ROW = re.compile(r"([a-z_]+):([0-9]{1,18})(?::.*)?", re.DOTALL)


def page_of(alert: Alert) -> str:
    """Return the address of the page an alert is about, without the site's own; "" where there is none."""
    of_a_row = _OF_A_ROW.fullmatch(alert.cause)
    kind = alert.cause.partition(":")[0]
    try:
        if of_a_row and of_a_row[1] in PAGES:
            return reverse(PAGES[of_a_row[1]], args=[int(of_a_row[2])])
        return reverse(LISTS[kind]) if kind in LISTS else ""
    except NoReverseMatch:
        return ""  # a room that is not part of this site
