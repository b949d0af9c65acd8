"""Sheets by their columns: how a row's values are written, and read back."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.resources import Resource
from import_export.widgets import Widget

from money.display import plain

YES = frozenset({"yes", "1", "true", "да"})
NO = frozenset({"no", "0", "false", "нет"})


class Text(Widget):  # type: ignore[misc]
    """A text; lines end as in the site's own, whatever the spreadsheet made of them."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        """Read it."""
        text = str(value).replace("\r\n", "\n").replace("\r", "\n")
        if "\0" in text:
            raise ValueError(_("The cell has a character that is no text."))
        return text

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write it."""
        return "" if value is None else str(value)


class YesNo(Widget):  # type: ignore[misc]
    """Yes or no, in words that are the same in every language."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool:
        """Read it."""
        word = str(value).strip().casefold()
        if word not in YES | NO:
            raise ValueError(_("Write yes or no."))
        return word in YES

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write it."""
        return "yes" if value else "no"


class Number(Widget):  # type: ignore[misc]
    """An exact number, or none: amounts, percents."""

    def __init__(self, *, places: int = 6) -> None:
        super().__init__()
        self.places = places

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal | None:
        """Read it, with a decimal point or comma. Raises `ValueError` for what is not exact."""
        text = "".join(str(value).split()).replace(",", ".")
        if not text:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError(_("Write a number, for example 12.5.")) from None
        exponent = number.normalize().as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > self.places or number.adjusted() > 11:
            raise ValueError(_("Write a number, for example 12.5."))
        return number

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write it in plain digits."""
        return "" if value is None else plain(value)


class Moment(Widget):  # type: ignore[misc]
    """A time in UTC, to the second."""

    def render(self, value: datetime | None, obj: Any = None, **kwargs: Any) -> str:
        """Write it."""
        return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


class Sheet(Resource):  # type: ignore[misc]
    """Rows of a model in the columns that are named in its class, and in no others."""

    @classmethod
    def get_display_name(cls) -> str:
        """Name it as its rows."""
        return str(cls._meta.model._meta.verbose_name_plural)


def column(name: str, attribute: str = "", widget: Widget | None = None, *, changes: bool = False) -> Field:
    """Return a column; one that `changes` is taken from a sheet that is brought in."""
    return Field(column_name=name, attribute=attribute or name, widget=widget or Text(), readonly=not changes)


def says_the_same(given: str, shown: str) -> bool:
    """Tell whether a cell says what was taken out: spreadsheets write numbers and lines their own way."""
    if Text().clean(given).strip() == Text().clean(shown).strip():
        return True
    try:
        one, other = Decimal("".join(given.split()).replace(",", ".")), Decimal(shown)
    except InvalidOperation:
        return False
    return one == other
