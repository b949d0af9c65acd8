"""Rows of sheets that are brought in: found by their ids, and changed in the columns that may change."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export.fields import Field

from accounts.sheet_columns import Sheet, says_the_same
from accounts.sheet_pages import Pairs

Errors = dict[str, list[str]]


class StrictSheet(Sheet):
    """Changes rows that are there, and refuses whatever else a sheet says.

    A column that is not taken from sheets must be as it was taken out; what it says is compared by
    `says_the_same`. `load` fetches the rows of a sheet; `write` writes what changed, once all rows are good.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.known: dict[int, Any] = {}
        self.taken: set[int] = set()
        self.changed: list[Any] = []

    def load(self, ids: set[int]) -> dict[int, Any]:
        """Return the rows by their ids."""
        raise NotImplementedError

    def write(self, *, user: Any) -> None:
        """Write what changed."""
        raise NotImplementedError

    @classmethod
    def get_diff_class(cls) -> type[Pairs]:
        """Say what changes in pairs of texts."""
        return Pairs

    def get_import_fields(self) -> list[Field]:
        """Return the id, and the columns that are taken from sheets."""
        fields = self.fields.values()
        return [field for field in fields if field.column_name == "id" or not field.readonly]

    def get_user_visible_fields(self) -> list[Field]:
        """Name all columns on the page of the export."""
        fields: list[Field] = self.get_export_fields()
        return fields

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        """Fetch the rows of the sheet."""
        given = dataset["id"] if dataset.height else []
        self.known = self.load({number for text in given if (number := _number(text)) is not None})

    def get_or_init_instance(self, instance_loader: Any, row: dict[str, str]) -> tuple[Any, bool]:
        """Find a row; one that is not there, or named twice, is refused."""
        number = _number(row["id"])
        if number is None or number not in self.known:
            raise ValidationError({"id": [_("There is no such row.")]})
        if number in self.taken:
            raise ValidationError({"id": [_("The sheet names this row twice.")]})
        self.taken.add(number)
        return self.known[number], False

    def import_instance(self, instance: Any, row: dict[str, str], **kwargs: Any) -> None:
        """Take the cells, and refuse those that must stay as they are."""
        errors: Errors = self._touched(instance, row)
        try:
            super().import_instance(instance, row, **kwargs)
        except ValidationError as error:
            errors |= error.message_dict
        if errors:
            raise ValidationError(errors)

    def _touched(self, instance: Any, row: dict[str, str]) -> Errors:
        """Return the columns that say something else than what was taken out, with why that is refused."""
        errors = {}
        for field in self.get_export_fields():
            name = field.column_name
            if not field.readonly or name not in row or name == "id":
                continue
            shown = str(field.export(instance))
            if not says_the_same(row[name], shown):
                why = _(
                    "This column is not changed by a sheet: it says “%(now)s” now. Leave it so, or leave the "
                    "column out."
                )
                errors[name] = [why % {"now": shown[:100]}]
        return errors

    def save_instance(self, instance: Any, is_create: bool, row: dict[str, str], **kwargs: Any) -> None:
        """Keep it until all rows are known to be good."""
        self.changed.append(instance)

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        """Write all of it, or nothing."""
        if not result.has_errors() and not result.has_validation_errors():
            self.write(user=kwargs.get("user"))


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
