"""The days that the desk's pictures, and the export of the margin, are about."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES

DAYS = 30
"""What is shown when nothing was chosen."""

MOST_DAYS = 366
"""A year, a leap one too."""

EARLIEST = date(2000, 1, 1)
"""No shop of this kind is older; what is long before cannot be reckoned with."""


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date", "class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget, input_formats=["%Y-%m-%d"])


class RangeForm(forms.Form):
    """The first and the last day, both included, in UTC; without them the last 30 days."""

    use_required_attribute = False

    first = _day(_("From"))
    last = _day(_("To"))

    def __init__(self, data: Any, *, today: date) -> None:
        self.today = today
        chosen = {name: data[name] for name in ("first", "last") if data.get(name)}
        # Nothing chosen: what is shown then stands in the form.
        super().__init__(chosen or {"first": str(today - timedelta(days=DAYS - 1)), "last": str(today)})

    def clean(self) -> dict[str, Any]:
        """Refuse days in the wrong order, too many of them, and what is still to come."""
        data = super().clean() or {}
        if self.errors:
            return data
        last = data.get("last") or self.today
        first = data.get("first") or max(last, EARLIEST) - timedelta(days=DAYS - 1)
        if last > self.today:
            self.add_error("last", gettext("This day is still to come."))
        elif first < EARLIEST - timedelta(days=DAYS):
            self.add_error("first", gettext("Choose a later day."))
        elif first > last:
            self.add_error("first", gettext("Choose a day before the last one."))
        elif (last - first).days >= MOST_DAYS:
            self.add_error("first", gettext("Choose at most a year."))
        return {"first": first, "last": last}

    @property
    def days(self) -> tuple[date, date]:
        """Return the first and the last day chosen, or the last 30 days where the choice was refused."""
        if self.is_valid():
            return self.cleaned_data["first"], self.cleaned_data["last"]
        return self.today - timedelta(days=DAYS - 1), self.today
