"""The one field type for money: `Decimal` in Python, a whole number of 0.000001 in the database."""

from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _

from money.amounts import from_micros, to_micros

# What may be assigned and what is read: `Decimal`, with null=True also None (django-stubs tells them apart).
Assigned = TypeVar("Assigned")
Read = TypeVar("Read")


class MoneyField(models.Field[Assigned, Read]):
    """An exact amount of money; sums, comparisons and CHECKs in SQL work on whole numbers.

    Beside `F()` an amount is written `Value(amount, output_field=MoneyField())`: a bare `Decimal` would reach
    the database as it is, a millionth of what was meant.
    """

    _pyi_private_set_type: Decimal
    _pyi_private_get_type: Decimal

    description = _("Amount of money")
    default_error_messages = {"invalid": _("Enter an amount with at most six digits after the point.")}

    def get_internal_type(self) -> str:
        """Keep amounts as 64-bit whole numbers."""
        return "BigIntegerField"

    def from_db_value(
        self, value: int | Decimal | None, expression: object, connection: BaseDatabaseWrapper
    ) -> Decimal | None:
        """Read whole numbers back; a PostgreSQL sum of them arrives as a `Decimal`."""
        return None if value is None else from_micros(int(value))

    def get_prep_value(self, value: Any) -> int | None:
        """Write an amount; `ValueError` for what cannot be kept exactly, `TypeError` for a float."""
        value = super().get_prep_value(value)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            value = Decimal(value)
        if not isinstance(value, Decimal):
            raise TypeError(f"money is a Decimal, not {type(value).__name__}")
        return to_micros(value)

    def to_python(self, value: Any) -> Decimal | None:
        """Read an amount from a form or a fixture; `ValidationError` when it is none, or a float."""
        if value is None or value == "":
            return None
        try:
            if isinstance(value, float):
                raise ValueError("a float is not exact")
            amount = value if isinstance(value, Decimal) else Decimal(str(value))
            to_micros(amount)
        except (InvalidOperation, ValueError) as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        return amount

    def value_to_string(self, obj: models.Model) -> str:
        """Write an amount for a fixture."""
        value = self.value_from_object(obj)
        return "" if value is None else str(value)

    def formfield(self, *args: Any, **kwargs: Any) -> forms.Field | None:
        """Offer a decimal input of six places."""
        return super().formfield(
            *args, **{"form_class": forms.DecimalField, "max_digits": 18, "decimal_places": 6, **kwargs}
        )
