"""The guards in the database itself, compared with those that migrations and models make.

What the rules of money rest on there can be taken away, or left with its name and emptied, by whoever may
change the schema. Each finding names the guard.
"""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from django.apps import apps
from django.db import connection
from django.db.models import BaseConstraint, CheckConstraint, Model, Q, UniqueConstraint

PROTECTION = import_module("wallet.migrations.0002_entries_are_never_changed")
"""The migration that makes the triggers: the one source of what they do."""

FUNCTION = re.compile(r"CREATE FUNCTION (\w+)\(\)[^$]*\$\$(.*?)\$\$", re.DOTALL)
TRIGGER = re.compile(r"CREATE (?:CONSTRAINT )?TRIGGER (\w+)[^;]*(?:; END)?")
CALLED = re.compile(r"EXECUTE FUNCTION (\w+)\(")

POSTGRES_TRIGGERS = (
    "SELECT tgname, tgenabled IN ('O', 'A'), pg_get_triggerdef(pg_trigger.oid, true), prosrc"
    " FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
    " WHERE NOT tgisinternal AND tgrelid IN ('wallet_entry'::regclass, 'wallet_transfer'::regclass)"
)
SQLITE_TRIGGERS = (
    "SELECT name, 1, sql, '' FROM sqlite_master"
    " WHERE type = 'trigger' AND tbl_name IN ('wallet_entry', 'wallet_transfer')"
)

# Of unique indexes alone: those that hold for some rows.
POSTGRES_PARTIAL = (
    "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE indrelid = %s::regclass AND indpred IS NOT NULL"
)
SQLITE_PARTIAL = "SELECT name FROM pragma_index_list(%s) WHERE partial"


class Trigger(NamedTuple):
    """What a trigger is, with runs of blanks as one: its statement, and the body of the function it calls."""

    definition: str
    body: str
    is_awake: bool = True


def audit_triggers() -> Iterator[str]:
    """Yield which trigger that keeps entries unchanged is missing, disabled, or does something else."""
    there = _triggers_there()
    for name, made in sorted(triggers_made().items()):
        found = there.get(name)
        if found is None:
            yield f"trigger {name} is missing: entries could be changed"
        elif not found.is_awake:
            yield f"trigger {name} is disabled: entries could be changed"
        elif found != made:
            yield f"trigger {name} is not as it was made: entries could be changed"


def triggers_made() -> dict[str, Trigger]:
    """Return the triggers that the migration makes in this kind of database, by name."""
    editor = connection.schema_editor(collect_sql=True)  # notes statements, and runs none
    PROTECTION.protect(apps, editor)
    sql = "\n".join(editor.collected_sql)
    bodies = {function[1]: _plain(function[2]) for function in FUNCTION.finditer(sql)}
    return {
        trigger[1]: Trigger(_plain(trigger[0]), "".join(map(bodies.__getitem__, CALLED.findall(trigger[0]))))
        for trigger in TRIGGER.finditer(sql)
    }


def _triggers_there() -> dict[str, Trigger]:
    with connection.cursor() as cursor:
        cursor.execute(POSTGRES_TRIGGERS if connection.vendor == "postgresql" else SQLITE_TRIGGERS)
        return {
            name: Trigger(_plain(definition), _plain(body), bool(is_awake))
            for name, is_awake, definition, body in cursor.fetchall()
        }


def _plain(sql: str) -> str:
    return " ".join(sql.split())


def audit_constraints(*rooms: str) -> Iterator[str]:
    """Yield which unique or CHECK constraint of these rooms' models the database does not have.

    One is there when it has its name and is about its columns: an emptied one, `CHECK (true)`, is about none.
    A unique one that has become partial, or no longer is, is not it either. What exactly a condition says is
    not compared: PostgreSQL keeps it in words of its own.
    """
    for room in rooms:
        for model in apps.get_app_config(room).get_models():
            yield from _missing(model, _constraints_there(model._meta.db_table))


def _constraints_there(table: str) -> dict[str, dict[str, Any]]:
    """Return a table's constraints and unique indexes as Django does, each with whether it is `partial`."""
    with connection.cursor() as cursor:
        there = connection.introspection.get_constraints(cursor, table)
        cursor.execute(POSTGRES_PARTIAL if connection.vendor == "postgresql" else SQLITE_PARTIAL, [table])
        partial = {name for (name,) in cursor.fetchall()}
    return {name: {**found, "partial": name in partial} for name, found in there.items()}


def _missing(model: type[Model], there: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    table = model._meta.db_table
    for constraint in model._meta.constraints:
        if not _is_there(constraint, model, there.get(constraint.name)):
            yield f"constraint {constraint.name} of {table} is missing"
    unique = [
        found["columns"]
        for found in there.values()
        if (found["unique"] or found["primary_key"]) and not found["partial"]
    ]
    for field in model._meta.local_concrete_fields:
        if field.unique and [field.column] not in unique:
            yield f"unique constraint of {table}.{field.column} is missing"


def _is_there(constraint: BaseConstraint, model: type[Model], found: Mapping[str, Any] | None) -> bool:
    if found is None:
        return False
    columns = {field.name: field.column for field in model._meta.local_concrete_fields}
    if isinstance(constraint, UniqueConstraint):
        about = [columns[name] for name in constraint.fields]
        is_partial = constraint.condition is not None
        return bool(found["unique"]) and (found["columns"], found["partial"]) == (about, is_partial)
    if isinstance(constraint, CheckConstraint) and isinstance(constraint.condition, Q):
        checked = {columns[name] for name in constraint.condition.referenced_base_fields}
        return bool(found["check"]) and set(found["columns"]) == checked
    return True
