"""The audit sees guards that were taken away, put to sleep, or left with their name and emptied."""

from collections.abc import Callable

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import UniqueConstraint

from tests.wallet.tampering import drop_unique, replace_constraint, run, triggers_of
from wallet.auditing import audit_ledger
from wallet.guards import audit_constraints, triggers_made

TABLES = ("wallet_entry", "wallet_transfer")
ROOMS = ("wallet", "orders")

Unprotect = Callable[..., None]

CONSTRAINTS = [
    (model._meta.db_table, constraint.name, isinstance(constraint, UniqueConstraint))
    for room in ROOMS
    for model in apps.get_app_config(room).get_models()
    for constraint in model._meta.constraints
]
CHECKS = [(table, name) for table, name, is_unique in CONSTRAINTS if not is_unique]


def test_all_triggers_are_there(db: None) -> None:
    there = {name for table in TABLES for name in triggers_of(table)}

    assert there == set(triggers_made())
    assert len(there) == (6 if connection.vendor == "postgresql" else 4)
    assert all(made.body for made in triggers_made().values()) == (connection.vendor == "postgresql")
    assert list(audit_ledger()) == []


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_trigger_is_found(tampering: Unprotect, table: str) -> None:
    missing = triggers_of(table)
    tampering(table)

    assert list(audit_ledger()) == [
        f"trigger {name} is missing: entries could be changed" for name in missing
    ]


@pytest.mark.needs_postgres
@pytest.mark.parametrize("state", ["DISABLE", "ENABLE REPLICA"])
def test_a_trigger_that_sleeps_is_found(tampering: Unprotect, state: str) -> None:
    run(f"ALTER TABLE wallet_entry {state} TRIGGER wallet_entry_no_delete")

    assert list(audit_ledger()) == ["trigger wallet_entry_no_delete is disabled: entries could be changed"]


def test_a_trigger_of_that_name_elsewhere_protects_nothing(tampering: Unprotect) -> None:
    tampering("wallet_entry")
    does = (
        "FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change()"
        if connection.vendor == "postgresql"
        else "BEGIN SELECT 1; END"
    )
    run(f"CREATE TRIGGER wallet_entry_no_delete BEFORE DELETE ON wallet_ledgeraccount {does}")

    assert "trigger wallet_entry_no_delete is missing: entries could be changed" in list(audit_ledger())


@pytest.mark.needs_postgres
@pytest.mark.parametrize(
    ("function", "result", "count"),
    [("wallet_refuse_change", "NEW", 4), ("wallet_prove_balanced", "NULL", 2)],
)
def test_a_function_that_was_emptied_is_found(
    tampering: Unprotect, function: str, result: str, count: int
) -> None:
    run(
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN RETURN {result}; END $$"
    )

    calls = sorted(name for name, made in triggers_made().items() if function in made.definition)
    assert len(calls) == count
    assert list(audit_ledger()) == [not_as_made(name) for name in calls]


@pytest.mark.parametrize("how", ["other body", "never"])
def test_a_trigger_that_was_emptied_is_found(tampering: Unprotect, how: str) -> None:
    remake("wallet_entry_no_update", emptied(how))

    assert list(audit_ledger()) == [not_as_made("wallet_entry_no_update")]


def test_blanks_change_nothing(tampering: Unprotect) -> None:
    made = triggers_made()["wallet_entry_no_update"].definition
    remake("wallet_entry_no_update", made.replace(" BEFORE ", "\n\n    BEFORE "))

    assert list(audit_ledger()) == []


def test_all_constraints_are_there(db: None) -> None:
    assert len(CONSTRAINTS) >= 15
    assert list(audit_constraints(*ROOMS)) == []


@pytest.mark.parametrize(("table", "name", "is_unique"), CONSTRAINTS)
def test_a_missing_constraint_is_found(tampering: Unprotect, table: str, name: str, is_unique: bool) -> None:
    replace_constraint(table, name)

    assert list(audit_constraints(*ROOMS)) == [f"constraint {name} of {table} is missing"]


@pytest.mark.parametrize(("table", "name"), CHECKS)
def test_a_check_that_was_emptied_is_found(tampering: Unprotect, table: str, name: str) -> None:
    replace_constraint(table, name, f"CONSTRAINT {name} CHECK (1 = 1)")

    assert list(audit_constraints(*ROOMS)) == [f"constraint {name} of {table} is missing"]


def test_a_unique_constraint_of_other_columns_is_found(tampering: Unprotect) -> None:
    name = "wallet_transfer_unique_cause"
    replace_constraint("wallet_transfer", name, f"CONSTRAINT {name} UNIQUE (kind, reference, id)")

    assert list(audit_constraints(*ROOMS)) == [f"constraint {name} of wallet_transfer is missing"]


@pytest.mark.needs_postgres
def test_a_unique_constraint_that_holds_for_some_rows_is_found(tampering: Unprotect) -> None:
    name = "wallet_transfer_unique_cause"
    replace_constraint("wallet_transfer", name)
    run(f"CREATE UNIQUE INDEX {name} ON wallet_transfer (kind, reference) WHERE id < 0")

    assert list(audit_constraints(*ROOMS)) == [f"constraint {name} of wallet_transfer is missing"]


def test_a_condition_that_is_gone_from_a_unique_constraint_is_found(tampering: Unprotect) -> None:
    run("DROP INDEX orders_attempt_one_open")
    run("CREATE UNIQUE INDEX orders_attempt_one_open ON orders_attempt (order_id)")

    missing = "constraint orders_attempt_one_open of orders_attempt is missing"
    assert list(audit_constraints(*ROOMS)) == [missing]


@pytest.mark.parametrize(
    ("table", "column"), [("wallet_ledgeraccount", "owner_id"), ("orders_lostanswer", "attempt_id")]
)
def test_a_column_that_is_not_unique_any_more_is_found(tampering: Unprotect, table: str, column: str) -> None:
    drop_unique(table, column)

    assert list(audit_constraints(*ROOMS)) == [f"unique constraint of {table}.{column} is missing"]


def not_as_made(name: str) -> str:
    return f"trigger {name} is not as it was made: entries could be changed"


def emptied(how: str) -> str:
    """Return a trigger against updates of entries that refuses none."""
    before = "CREATE TRIGGER wallet_entry_no_update BEFORE UPDATE ON wallet_entry"
    if connection.vendor == "sqlite":
        return (
            before
            + {
                "other body": " BEGIN SELECT 1; END",
                "never": " WHEN 0 BEGIN"
                " SELECT RAISE(ABORT, 'wallet_entry rows are never changed or deleted'); END",
            }[how]
        )
    when = {"other body": " WHEN (OLD.id < 0)", "never": " WHEN (false)"}[how]
    return f"{before} FOR EACH ROW{when} EXECUTE FUNCTION wallet_refuse_change()"


def remake(name: str, statement: str) -> None:
    """Drop a trigger of entries and make it by another statement."""
    run(f"DROP TRIGGER {name}" + (" ON wallet_entry" if connection.vendor == "postgresql" else ""))
    run(statement)
