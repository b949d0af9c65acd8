"""The record of what staff changed, tried by raw SQL round admin."""

from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from tests.factories import make_user
from tests.wallet.tampering import run, triggers_of

TABLE = "auditlog_logentry"
TRIGGERS = {f"{TABLE}_no_update", f"{TABLE}_no_delete"}
COLUMNS = sorted(field.column for field in LogEntry._meta.local_concrete_fields)


def write_record(actor: User) -> LogEntry:
    """Save an entry: this member of staff changed a user's name."""
    entry: LogEntry = LogEntry.objects.log_create(
        actor,
        force_log=True,
        action=LogEntry.Action.UPDATE,
        changes={"name": ["Alice", "Mallory"]},
        actor=actor,
        actor_email=actor.email,
    )
    return entry


@pytest.fixture
def record(sasha: User) -> LogEntry:
    return write_record(sasha)


def records() -> list[dict[str, Any]]:
    return list(LogEntry.objects.order_by("pk").values())


def refused(sql: str, *values: object) -> None:
    """Demand that the database refuses a statement, and changes nothing."""
    before = records()
    with pytest.raises(IntegrityError, match="rows are never changed or deleted"), transaction.atomic():
        run(sql, *values)
    assert records() == before


@pytest.mark.parametrize("column", COLUMNS)
def test_no_column_of_a_record_is_changed(record: LogEntry, olga: User, column: str) -> None:
    # What else a column takes: a value of its own kind, so that nothing but the guard refuses it.
    others = {"actor_id": olga.pk, "content_type_id": 1, "id": 9_000, "object_id": 9_000, "action": 3}
    others |= {"timestamp": "2020-01-01 00:00:00+00", "remote_addr": "10.0.0.1", "remote_port": 7}
    others |= {"changes": "{}", "additional_data": "{}", "serialized_data": "{}"}

    refused(f"UPDATE {TABLE} SET {column} = %s", others.get(column, "another"))


def test_a_record_stays_with_who_made_it(record: LogEntry, olga: User) -> None:
    refused(f"UPDATE {TABLE} SET actor_id = NULL, actor_email = 'nobody@example.com'")
    refused(f"UPDATE {TABLE} SET actor_id = actor_id")


def test_no_record_is_deleted_or_replaced(record: LogEntry) -> None:
    refused(f"DELETE FROM {TABLE}")
    if connection.vendor == "sqlite":
        refused(f"UPDATE {TABLE} SET rowid = rowid + 9000")
        refused(
            f"INSERT OR REPLACE INTO {TABLE} ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM {TABLE}"
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        call_command("auditlogflush", yes=True, verbosity=0)


def test_a_user_who_is_deleted_leaves_their_records_by_address(record: LogEntry, sasha: User) -> None:
    before = records()

    sasha.delete()

    assert records() == [row | {"actor_id": None} for row in before]
    assert LogEntry.objects.get(pk=record.pk).actor_email == "sasha@example.com"


@pytest.mark.django_db(transaction=True)
def test_the_triggers_go_back_and_forth_over_records() -> None:
    write_record(make_user(is_staff=True))
    try:
        call_command("migrate", "panel", "zero", verbosity=0)
        assert set(triggers_of(TABLE)) == set()
        assert run(f"UPDATE {TABLE} SET actor_email = actor_email")
    finally:
        call_command("migrate", "panel", verbosity=0)

    assert set(triggers_of(TABLE)) == TRIGGERS
    with pytest.raises(IntegrityError):
        run(f"DELETE FROM {TABLE}")
