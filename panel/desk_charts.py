"""The desk's pictures: what unfold's Chart.js draws, as data in the page, without a script of ours."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import F, Min
from django.db.models.functions import TruncDate
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from catalog.models import BalanceReading, Provider
from money.display import plain
from orders.models import DayTotals

COLOURS = ("#9333ea", "#0891b2", "#d97706", "#16a34a", "#dc2626", "#2563eb", "#db2777", "#65a30d")
"""Seen on white as on black. One for each line."""

DOTTED_UP_TO = 31
"""Up to so many days a line has a dot for each: of one day alone no line could be seen."""

GREY = "#9ca3af"
"""Of the words at an axis, as unfold has it."""

WHOLE_NUMBERS = {
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "maxBarThickness": 4,
    "datasets": {"bar": {"borderRadius": 12, "borderSkipped": "middle"}},
    "plugins": {"legend": {"display": False}},
    "scales": {
        "x": {"border": {"width": 0}, "ticks": {"color": GREY, "maxTicksLimit": 8}, "grid": {"tickWidth": 0}},
        "y": {
            "beginAtZero": True,
            "border": {"width": 0},
            "ticks": {"color": GREY, "precision": 0},
            "grid": {"drawOnChartArea": False, "tickWidth": 0},
        },
    },
}
"""Chart.js's options for what is counted: half an order is none. Else as unfold's, which has no such one."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: `kind` is Chart.js's (bar or line), `data` and `options` its JSON.

    `options` is empty for unfold's own; `is_empty`: nothing is to be seen.
    """

    title: str
    kind: str
    data: str
    is_empty: bool
    options: str = ""


def charts_of(days: list[DayTotals]) -> list[Chart]:
    """Return the pictures of what days brought, in the site's currency."""
    labels, money = _labels(day.day for day in days), settings.SITE_CURRENCY
    turnover = {
        _("Turnover"): [plain(day.turnover) for day in days],
        _("Margin"): [plain(day.margin) for day in days],
    }
    return [
        _counts(_("Orders"), labels, [day.orders for day in days]),
        _chart(_("Turnover and margin, %(currency)s") % {"currency": money}, "line", labels, turnover),
        _chart(
            _("Refunds, %(currency)s") % {"currency": money},
            "line",
            labels,
            {_("Refunds"): [plain(day.refunds) for day in days]},
        ),
        _counts(_("New customers"), labels, [day.new_customers for day in days]),
    ]


def balance_charts(providers: list[Provider], first: date, last: date) -> list[Chart]:
    """Return for each currency a picture of its providers' balances, the lowest of each day.

    What a provider had in another currency than its own of now is left out: one line has one unit.
    """
    shown = providers[: len(COLOURS)]
    span = datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC)
    readings = BalanceReading.objects.filter(provider__in=[one.pk for one in shown], at__range=span)
    readings = readings.filter(currency=F("provider__currency")).order_by()
    lowest = readings.annotate(day=TruncDate("at", tzinfo=UTC)).values("provider", "day")
    balances = {(row["provider"], row["day"]): row["low"] for row in lowest.annotate(low=Min("balance"))}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    charts = []
    for currency in dict.fromkeys(one.currency for one in shown):
        lines = {
            one.name: [_known(balances.get((one.pk, day))) for day in days]
            for one in shown
            if one.currency == currency
        }
        title = _("Lowest balance of the day, %(currency)s") % {"currency": currency}
        charts.append(_chart(title, "line", _labels(days), lines))
    return charts


def _known(balance: Decimal | None) -> str | None:
    return None if balance is None else plain(balance)


def _labels(days: Any) -> list[str]:
    return [date_format(day, "SHORT_DATE_FORMAT") for day in days]


def _counts(title: str, labels: list[str], counts: list[int]) -> Chart:
    return replace(_chart(title, "bar", labels, {title: counts}), options=json.dumps(WHOLE_NUMBERS))


def _chart(title: str, kind: str, labels: list[str], lines: dict[str, list[Any]]) -> Chart:
    dots = {"pointStyle": "circle", "pointRadius": 3} if len(labels) <= DOTTED_UP_TO else {}
    datasets = [
        {
            "label": name,
            "data": values,
            "borderColor": colour,
            "backgroundColor": colour,
            "displayYAxis": True,
            "maxTicksXLimit": 8,
            "spanGaps": True,
            **(dots if kind == "line" else {}),
        }
        for (name, values), colour in zip(lines.items(), COLOURS, strict=False)
    ]
    is_empty = not any(value is not None and Decimal(value) for values in lines.values() for value in values)
    return Chart(title, kind, json.dumps({"labels": labels, "datasets": datasets}), is_empty)
