"""Entries and transfers are written once: the database itself refuses to change or delete them.

On PostgreSQL deferred triggers also prove, at commit, that a transfer has at least two entries which sum to
zero. SQLite knows no deferred trigger; there `audit_money` proves it. A migration that alters one of these
tables on SQLite makes the table anew and loses its triggers: it must run this file's SQL again, and
`audit_money` says so when one is missing.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLES = ("wallet_entry", "wallet_transfer")

SQLITE_REFUSE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} rows are never changed or deleted'); END
"""

POSTGRES_UP = """
CREATE FUNCTION wallet_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE FUNCTION wallet_prove_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved bigint;
    legs bigint;
    total numeric;
BEGIN
    IF TG_TABLE_NAME = 'wallet_entry' THEN moved := NEW.transfer_id; ELSE moved := NEW.id; END IF;
    SELECT count(*), coalesce(sum(amount), 0) INTO legs, total FROM wallet_entry WHERE transfer_id = moved;
    IF legs < 2 OR total <> 0 THEN
        RAISE EXCEPTION 'transfer % has % entries that sum to %', moved, legs, total
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER wallet_entry_no_update BEFORE UPDATE ON wallet_entry
    FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER wallet_entry_no_delete BEFORE DELETE ON wallet_entry
    FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER wallet_transfer_no_update BEFORE UPDATE ON wallet_transfer
    FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE TRIGGER wallet_transfer_no_delete BEFORE DELETE ON wallet_transfer
    FOR EACH ROW EXECUTE FUNCTION wallet_refuse_change();
CREATE CONSTRAINT TRIGGER wallet_transfer_balanced AFTER INSERT ON wallet_transfer
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wallet_prove_balanced();
CREATE CONSTRAINT TRIGGER wallet_entry_balanced AFTER INSERT ON wallet_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wallet_prove_balanced();
"""

POSTGRES_DOWN = """
DROP FUNCTION wallet_refuse_change() CASCADE;
DROP FUNCTION wallet_prove_balanced() CASCADE;
"""


def protect(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Put the triggers in place."""
    if editor.connection.vendor == "postgresql":
        editor.execute(POSTGRES_UP, params=None)  # its % is no placeholder
        return
    for table in TABLES:
        for verb in ("update", "delete"):
            editor.execute(SQLITE_REFUSE.format(table=table, verb=verb, VERB=verb.upper()))


def unprotect(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away."""
    if editor.connection.vendor == "postgresql":
        editor.execute(POSTGRES_DOWN, params=None)
        return
    for table in TABLES:
        for verb in ("update", "delete"):
            editor.execute(f"DROP TRIGGER {table}_no_{verb}")


class Migration(migrations.Migration):
    dependencies = [("wallet", "0001_initial")]

    operations = [migrations.RunPython(protect, unprotect)]
