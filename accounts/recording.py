"""The record of what staff change, with old and new values: around what django-auditlog does by itself.

Rows of the models in `panel/recorded.py` that are saved or deleted are recorded by their signals. Rows that
are updated in bulk send none, and are recorded by `update_recorded`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from auditlog.context import auditlog_value
from auditlog.diff import get_field_value
from auditlog.models import LogEntry
from auditlog.receivers import _create_log_entry, check_disable
from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model, QuerySet

from accounts.models import User

BATCH = 500
NOBODY: dict[str, Any] = {"actor": None}


def masked(value: str) -> str:
    """Return what stands in the record for a secret: that it changed, and nothing of it."""
    return "•••"


def actor_now() -> User | None:
    """Return whose request is under way; None where it is nobody's, in a worker and in a command."""
    actor: User | None = auditlog_value.get(NOBODY)["actor"]
    return actor


def is_recorded(sender: object = None, **signal: Any) -> bool:
    """Tell whether what changes now is recorded: what staff do by the site, and nobody else.

    Connected to auditlog's `pre_log`, which takes False for a refusal.
    """
    actor = actor_now()
    return actor is not None and actor.is_staff


@check_disable  # type: ignore[untyped-decorator]
def record_update(sender: type[Model], instance: Model, **signal: Any) -> None:
    """Record what a save is about to change, in place of auditlog's own receiver.

    That one reads the whole row, which fails for a provider whose key no SECRET_KEY opens: just when a new
    key is entered.
    """
    if instance._state.adding or instance.pk is None or not is_recorded():
        return
    unread = auditlog.get_model_fields(sender)["exclude_fields"]
    known = sender._base_manager.defer(*unread).filter(pk=instance.pk).first()
    _create_log_entry(
        action=LogEntry.Action.UPDATE,
        instance=instance,
        sender=sender,
        diff_old=known,
        diff_new=instance,
        fields_to_check=signal.get("update_fields"),
    )


@transaction.atomic
def update_recorded(rows: QuerySet[Any], **values: Any) -> int:
    """Give rows these values, and leave a record of each one that changes; return how many do.

    `values` are plain ones, no expressions.
    """
    every = rows.model._default_manager
    chosen = every.filter(pk__in=rows.order_by().values("pk")).exclude(**values)
    changing = list(chosen.order_by("pk").select_for_update())
    entries = _entries(changing, values)
    for start in range(0, len(changing), BATCH):
        every.filter(pk__in=[row.pk for row in changing[start : start + BATCH]]).update(**values)
    LogEntry.objects.bulk_create(entries, batch_size=BATCH)
    return len(changing)


def _entries(changing: list[Any], values: dict[str, Any]) -> list[LogEntry]:
    """Return the record of giving these rows the values, and give them in memory."""
    if not changing:
        return []
    kind, actor = ContentType.objects.get_for_model(changing[0]), actor_now()
    entries = []
    for row in changing:
        entry = LogEntry(content_type=kind, object_pk=str(row.pk), object_id=row.pk, object_repr=str(row))
        entry.action, entry.actor = LogEntry.Action.UPDATE, actor
        entry.actor_email = actor.email if actor else None
        entry.changes = {name: _change(row, name, value) for name, value in values.items()}
        entries.append(entry)
    return entries


def _change(row: Any, name: str, value: Any) -> list[str]:
    field = row._meta.get_field(name)
    old = get_field_value(row, field)
    setattr(row, name, value)
    return [str(old), str(get_field_value(row, field))]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was done to a row by a statement that sends no signals: each field's value before and after."""

    pk: int
    name: str
    changes: dict[str, list[str]]
    action: int = LogEntry.Action.UPDATE


def record(model: type[Model], done: Iterable[Recorded]) -> None:
    """Leave a record of what a member of staff did to many rows of a model; of what others did, none."""
    if not is_recorded():
        return
    kind, actor = ContentType.objects.get_for_model(model), actor_now()
    entries = (
        LogEntry(
            content_type=kind,
            object_pk=str(one.pk),
            object_id=one.pk,
            object_repr=one.name,
            action=one.action,
            actor=actor,
            actor_email=actor.email if actor else None,
            changes=one.changes,
        )
        for one in done
    )
    LogEntry.objects.bulk_create(entries, batch_size=BATCH)
