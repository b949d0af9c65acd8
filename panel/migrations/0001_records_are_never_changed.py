"""The record of what staff changed is written once: the database itself refuses to change or delete it.

One thing may change: an entry's `actor` becomes empty when that user is deleted (its `on_delete`). Who it was
stays in `actor_email`, which may not. Auditlog's own `auditlogflush`, and the deletion of a kind of thing whose
app is gone (`remove_stale_contenttypes`), are refused too.

A later migration of auditlog that makes this table anew on SQLite loses its triggers, and one that adds a column
leaves that unguarded: another migration here must then run this file's SQL again. A test says so.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLE = "auditlog_logentry"

SQLITE_REFUSE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table} {when}
BEGIN SELECT RAISE(ABORT, '{table} rows are never changed or deleted'); END
"""

POSTGRES_UP = """
CREATE FUNCTION panel_refuse_change_of_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.actor_id IS NULL AND to_jsonb(NEW) - 'actor_id' = to_jsonb(OLD) - 'actor_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER auditlog_logentry_no_update BEFORE UPDATE ON auditlog_logentry
    FOR EACH ROW EXECUTE FUNCTION panel_refuse_change_of_record();
CREATE TRIGGER auditlog_logentry_no_delete BEFORE DELETE ON auditlog_logentry
    FOR EACH ROW EXECUTE FUNCTION panel_refuse_change_of_record();
"""

POSTGRES_DOWN = "DROP FUNCTION panel_refuse_change_of_record() CASCADE;"


def protect(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Put the triggers in place."""
    if editor.connection.vendor == "postgresql":
        editor.execute(POSTGRES_UP, params=None)  # its % is no placeholder
        return
    fields = apps.get_model("auditlog", "LogEntry")._meta.local_concrete_fields
    others = (field.column for field in fields if field.column != "actor_id")
    changed = " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in others)
    for verb, when in (("update", f"WHEN NEW.actor_id IS NOT NULL OR {changed}"), ("delete", "")):
        editor.execute(SQLITE_REFUSE.format(table=TABLE, verb=verb, VERB=verb.upper(), when=when))


def unprotect(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away."""
    if editor.connection.vendor == "postgresql":
        editor.execute(POSTGRES_DOWN, params=None)
        return
    for verb in ("update", "delete"):
        editor.execute(f"DROP TRIGGER {TABLE}_no_{verb}")


class Migration(migrations.Migration):
    dependencies = [("auditlog", "0017_add_actor_email")]

    operations = [migrations.RunPython(protect, unprotect)]
