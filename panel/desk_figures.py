"""What today and this month brought, each beside the time before it, and where the rows are."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts.models import User
from money.display import at_a_glance
from orders.models import DayTotals
from orders.totals import sum_of
from wallet.models import Transfer


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of some days, and the same of the days before; `link` is "" without a list of its rows."""

    title: str
    now: str
    before: str
    link: str


@dataclass(frozen=True, slots=True)
class Span:
    """Some days, the days before that they are compared with, and their figures."""

    title: str
    before: str
    figures: list[Figure]


def first_day_needed(day: date) -> date:
    """Return from which day on totals are needed for the figures of a day: the month's before."""
    return _month_before(day.replace(day=1))


def spans_of(days: dict[date, DayTotals], *, day: date, user: User) -> list[Span]:
    """Return the figures of `day` and of its month so far, with links to what `user` may look at.

    `days` holds all from `first_day_needed` on. The month is compared with as many days of the one before, or
    with all of it where it was shorter.
    """
    month = day.replace(day=1)
    before = _month_before(month)
    until = min(before + (day - month), month - timedelta(days=1))
    yesterday = day - timedelta(days=1)
    return [
        _span(_("Today"), _("yesterday, the whole day"), days, (day, day), (yesterday, yesterday), user),
        _span(_("This month"), _range_in_words(before, until), days, (month, day), (before, until), user),
    ]


def _month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def _range_in_words(first: date, last: date) -> str:
    return f"{date_format(first, 'SHORT_DATE_FORMAT')} – {date_format(last, 'SHORT_DATE_FORMAT')}"


def _span(
    title: str,
    before: str,
    days: dict[date, DayTotals],
    these: tuple[date, date],
    those: tuple[date, date],
    user: User,
) -> Span:
    now, then = (sum_of(_between(days, *span)) for span in (these, those))
    orders = _rows("orders.order", these, user, field="created_at")
    refunds = _rows(
        "wallet.transfer", these, user, field="created_at", kind__exact=Transfer.Kind.ORDER_REFUND.value
    )
    figures = [
        Figure(_("Orders"), _number(now.orders), _number(then.orders), orders),
        Figure(_("Turnover"), at_a_glance(now.turnover), at_a_glance(then.turnover), orders),
        Figure(_("Cost"), at_a_glance(now.cost), at_a_glance(then.cost), orders),
        Figure(_("Margin"), at_a_glance(now.margin), at_a_glance(then.margin), orders),
        Figure(_("Refunds"), at_a_glance(now.refunds), at_a_glance(then.refunds), refunds),
        Figure(
            _("New customers"),
            _number(now.new_customers),
            _number(then.new_customers),
            _rows("accounts.user", these, user, field="date_joined", is_staff__exact="0"),
        ),
    ]
    return Span(title=title, before=before, figures=figures)


def _between(days: dict[date, DayTotals], first: date, last: date) -> list[DayTotals]:
    return [days[first + timedelta(days=number)] for number in range((last - first).days + 1)]


def _number(count: int) -> str:
    return number_format(count, use_l10n=True, force_grouping=True)


def _rows(model: str, span: tuple[date, date], user: User, *, field: str, **query: str) -> str:
    """Return the address of the list of what has its time within some days; "" for who may not see it."""
    app, name = model.split(".")
    if not user.has_perm(f"{app}.view_{name}"):
        return ""
    first, after = span[0], span[1] + timedelta(days=1)
    limits = {f"{field}__gte": _midnight(first), f"{field}__lt": _midnight(after)}
    return f"{reverse(f'admin:{app}_{name}_changelist')}?{urlencode(limits | query)}"


def _midnight(day: date) -> str:
    return str(datetime.combine(day, time.min, UTC))
