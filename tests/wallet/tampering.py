"""Going round the rules: rows changed by raw SQL, past the triggers that forbid it."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from django.db import connection, transaction

from money.amounts import to_micros
from wallet.models import Entry, LedgerAccount, Transfer


def unprotect(*tables: str) -> None:
    """Drop the triggers of these tables; the end of the test's transaction brings them back."""
    with connection.cursor() as cursor:
        for table in tables:
            for name in triggers_of(table):
                if connection.vendor == "postgresql":
                    # What waits for the commit would hold the table.
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                    cursor.execute(f"DROP TRIGGER {name} ON {table}")
                else:
                    cursor.execute(f"DROP TRIGGER {name}")


@contextmanager
def unchecked(table: str, constraint: str) -> Iterator[None]:
    """Let rows past a table's CHECK; the end of the test's transaction brings it back."""
    if connection.vendor == "postgresql":
        run("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the commit would hold the table
        run(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
        run("SET CONSTRAINTS ALL DEFERRED")
        yield
        return
    run("PRAGMA ignore_check_constraints = ON")
    yield
    run("PRAGMA ignore_check_constraints = OFF")


@contextmanager
def past_foreign_keys() -> Iterator[list[str]]:
    """Let rows go that others point to, and undo all of it; what is to be kept goes into the list."""
    kept: list[str] = []
    with transaction.atomic():
        if connection.vendor == "postgresql":
            run("SET CONSTRAINTS ALL IMMEDIATE")
            run("SET LOCAL session_replication_role = replica")
        yield kept
        transaction.set_rollback(True)


def triggers_of(table: str) -> list[str]:
    """Return the names of a table's own triggers."""
    catalogue = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(catalogue, [table])
        return sorted(row[0] for row in cursor.fetchall())


def replace_constraint(table: str, name: str, instead: str = "") -> None:
    """Put another constraint in the place of a table's; the end of the test's transaction brings it back."""
    if connection.vendor == "postgresql":
        run("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the commit would hold the table
        run(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        run(f"DROP INDEX IF EXISTS {name}")
        if instead:
            run(f"ALTER TABLE {table} ADD {instead}")
    elif f'"{name}"' in (sql := _table(table)):
        begin = sql.index(f'CONSTRAINT "{name}"')
        _write_table(table, sql[:begin] + (instead or "CHECK (1)") + sql[_end(sql, begin) :])
    else:
        run(f"DROP INDEX {name}")


def drop_unique(table: str, column: str) -> None:
    """Let a column hold a value twice; the end of the test's transaction makes it unique again."""
    if connection.vendor == "postgresql":
        run("SET CONSTRAINTS ALL IMMEDIATE")
        run(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_key")
        return
    head, tail = _table(table).split(f'"{column}"', 1)
    _write_table(table, f'{head}"{column}"{tail.replace(" UNIQUE", "", 1)}')


def _table(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = %s", [name])
        return str(cursor.fetchone()[0])


def _write_table(name: str, sql: str) -> None:
    # SQLite alters no constraint of a table: what its catalogue says of it is written anew.
    run("PRAGMA writable_schema = ON")
    run("UPDATE sqlite_master SET sql = %s WHERE type = 'table' AND name = %s", sql, name)
    run("PRAGMA writable_schema = OFF")


def _end(sql: str, begin: int) -> int:
    """Return where the brackets end that open next."""
    deep = 0
    for at in range(sql.index("(", begin), len(sql)):
        deep += {"(": 1, ")": -1}.get(sql[at], 0)
        if not deep:
            return at + 1
    raise ValueError(sql)


def run(sql: str, *values: object) -> int:
    """Run one statement and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))
        return int(cursor.rowcount)


def write_transfer(
    *legs: tuple[LedgerAccount, str], kind: str = "adjustment", reference: str | None = "x"
) -> int:
    """Write a transfer and its entries by raw SQL, balances untouched; return the transfer's number."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Transfer._meta.db_table} (kind, reference, note, created_at)"
            " VALUES (%s, %s, '', CURRENT_TIMESTAMP) RETURNING id",
            [kind, reference],
        )
        (transfer_id,) = cursor.fetchone()
        for account, amount in legs:
            cursor.execute(
                f"INSERT INTO {Entry._meta.db_table} (transfer_id, account_id, amount) VALUES (%s, %s, %s)",
                [transfer_id, account.pk, to_micros(Decimal(amount))],
            )
    return int(transfer_id)
