"""The margin by day as a CSV file, for whoever keeps the operator's books."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from money.display import plain
from orders.models import DayTotals
from orders.totals import sum_of, today, totals_of
from panel.desk_range import RangeForm

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With what a cell begins that a spreadsheet may run."""


class _Line:
    """What `csv` writes to: it hands each line back."""

    def write(self, line: str) -> str:
        return line


@require_safe
def margin_csv(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Answer with a line for each of the days chosen, and one for all of them."""
    if not request.user.has_perm("orders.view_daytotals"):
        raise PermissionDenied
    form = RangeForm(request.GET, today=today())
    if not form.is_valid():
        return redirect(f"{reverse('admin:index')}?{request.GET.urlencode()}")
    first, last = form.days
    # In the reader's language, which is another one by the time that the last line is sent.
    rows = list(rows_of(totals_of(first, last)))
    answer = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="margin-{first}-{last}.csv"'
    return answer


def rows_of(days: list[DayTotals]) -> Iterator[list[Any]]:
    """Yield the head, a row for each day and their sum; amounts are in the site's currency."""
    money = settings.SITE_CURRENCY
    amounts = (_("Turnover"), _("Cost"), _("Refunds"), _("Cost given back"), _("Margin"))
    yield [_("Day"), _("Orders"), *(f"{name}, {money}" for name in amounts), _("New customers")]
    for day in days:
        yield _row(day.day.isoformat(), day)
    yield _row(_("Total"), sum_of(days))


def _row(name: str, totals: DayTotals) -> list[Any]:
    amounts = (totals.turnover, totals.cost, totals.refunds, totals.refunded_cost, totals.margin)
    return [name, totals.orders, *amounts, totals.new_customers]


def csv_lines(rows: Iterable[list[Any]]) -> Iterator[str]:
    """Yield the lines of a CSV file, with the mark by which spreadsheets know that it is UTF-8.

    Texts that a spreadsheet may take for a formula are made harmless; a number below zero stays one.
    """
    writer = csv.writer(_Line())
    yield "\ufeff"
    for row in rows:
        yield writer.writerow([_cell(value) for value in row])


def _cell(value: Any) -> str:
    if not isinstance(value, str):
        return str(value) if isinstance(value, int) else plain(value)
    return f"'{value}" if value.startswith(FORMULA) else value
