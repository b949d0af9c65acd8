"""Many rows in one statement, however many: they travel as one JSON text, which the database unpacks.

`bulk_create` needs a statement for each 999 values on SQLite, and a model's object for each row: ten thousand
services took two hundred statements. Here a row is a tuple, in the order of the columns that are named.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Field, Model
from django.db.models.expressions import RawSQL

from money.amounts import to_micros

Row = Sequence[Any]


def insert(
    model: type[Model],
    columns: Sequence[str],
    rows: Iterable[Row],
    *,
    same: Mapping[str, Any] | None = None,
    on_conflict: str = "",
    returning: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    """Insert rows; return what is asked for of each, in no order.

    `columns` are attribute names (`service_id`); `same` is what all rows have in common. What neither names
    gets its field's default. `on_conflict` is the SQL behind ON CONFLICT. Amounts are `Decimal`; no key is
    checked before the database checks it.
    """
    given = list(rows)
    if not given:
        return []
    named = {*columns, *(same or {})}
    rest = [one for one in model._meta.concrete_fields if one.attname not in named and not one.primary_key]
    alike = {**{one.attname: one.get_default() for one in rest}, **(same or {})}
    names = ", ".join(_column(model, name) for name in (*columns, *alike))
    values = ", ".join([*_unpacked(model, columns), *(["%s"] * len(alike))])
    # Names of our own tables and columns alone, quoted; what is given travels as parameters.
    sql = f"INSERT INTO {_table(model)} ({names}) SELECT {values} FROM {_given()} WHERE true"  # noqa: S608
    sql += f" ON CONFLICT {on_conflict}" if on_conflict else ""
    sql += f" RETURNING {', '.join(_column(model, name) for name in returning)}" if returning else ""
    prepared = (
        _field(model, name).get_db_prep_save(value, connection=connection) for name, value in alike.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*prepared, _packed(given)])
        return list(cursor.fetchall()) if returning else []


def update(model: type[Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write `columns` to the rows whose ids come first in each tuple."""
    given = list(rows)
    if not given:
        return
    named = ("pk", *columns)
    values = ", ".join(
        f"{value} AS {_column(model, name)}"
        for name, value in zip(named, _unpacked(model, named), strict=True)
    )
    sets = ", ".join(f"{_column(model, name)} = given.{_column(model, name)}" for name in columns)
    key = _column(model, "pk")
    sql = (
        f"UPDATE {_table(model)} SET {sets} FROM (SELECT {values} FROM {_given()}) AS given "  # noqa: S608
        f"WHERE {_table(model)}.{key} = given.{key}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [_packed(given)])


def delete(
    model: type[Model],
    column: str,
    among: Iterable[int],
    *,
    same: Mapping[str, Any],
    returning: Sequence[str],
) -> list[tuple[Any, ...]]:
    """Delete the rows whose `column` is among these ids, and that have `same` in common.

    Returns what is asked for of each, in no order. No other row may point to them.
    """
    which = ids(among)
    wanted = [
        f"{_column(model, column)} IN ({which.sql})",
        *(f"{_column(model, name)} = %s" for name in same),
    ]
    returned = ", ".join(_column(model, name) for name in returning)
    sql = f"DELETE FROM {_table(model)} WHERE {' AND '.join(wanted)} RETURNING {returned}"  # noqa: S608
    prepared = (
        _field(model, name).get_db_prep_save(value, connection=connection) for name, value in same.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*which.params, *prepared])
        return list(cursor.fetchall())


def ids(rows: Iterable[int]) -> RawSQL:
    """Return row ids for `pk__in`, however many: a list of them would be as many parameters."""
    packed = json.dumps(list(rows))
    if connection.vendor == "sqlite":
        return RawSQL("SELECT value FROM json_each(%s)", [packed])
    return RawSQL("SELECT CAST(value AS bigint) FROM jsonb_array_elements_text(CAST(%s AS jsonb))", [packed])


def _field(model: type[Model], name: str) -> "Field[Any, Any]":
    meta = model._meta
    if name == "pk":
        return meta.pk
    return next(one for one in meta.concrete_fields if one.attname == name)


def _column(model: type[Model], name: str) -> str:
    return connection.ops.quote_name(_field(model, name).column or name)


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _given() -> str:
    if connection.vendor == "sqlite":
        return "json_each(%s) AS row"
    return "jsonb_array_elements(CAST(%s AS jsonb)) AS row(value)"


def _unpacked(model: type[Model], names: Sequence[str]) -> list[str]:
    """Return the SQL that takes each value out of a row."""
    if connection.vendor == "sqlite":
        return [f"json_extract(row.value, '$[{place}]')" for place in range(len(names))]
    return [
        f"CAST(row.value ->> {place} AS {_kind(_field(model, name))})" for place, name in enumerate(names)
    ]


def _kind(field: "Field[Any, Any]") -> str:
    kind = field.cast_db_type(connection) or ""
    return "text" if kind.startswith("varchar") else kind  # a cast to varchar(500) would cut what is longer


def _packed(rows: list[Row]) -> str:
    # A float is written without a word by `json`, and money is never one.
    if any(isinstance(value, float) for row in rows for value in row):
        raise TypeError("no value of a row: float")
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """Return what is no JSON as the database keeps it."""
    if isinstance(value, Decimal):
        return to_micros(value)
    if isinstance(value, datetime):
        return str(connection.ops.adapt_datetimefield_value(value))
    raise TypeError(f"no value of a row: {type(value).__name__}")
