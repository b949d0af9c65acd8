"""What changed about services: the rows of their history, and which of them customers see."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from accounts.models import User
from catalog.models import ServiceChange
from catalog.recordsets import insert
from money.display import plain

Field = ServiceChange.Field

SHOWN = frozenset(
    {Field.ADDED, Field.LISTED, Field.NAME, Field.PRICE, Field.MIN_QUANTITY, Field.MAX_QUANTITY}
)
"""What customers may know of. Never what a service costs us, nor why one is held."""

KEEP = timedelta(days=400)
SWEPT_AT_ONCE = 5_000

_COLUMNS = ("service_id", "field", "old", "new", "is_public")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed; `is_offered` tells whether customers see the service (but for its listing)."""

    service_id: int
    field: ServiceChange.Field
    old: object = ""
    new: object = ""
    is_offered: bool = True


def note(changes: Iterable[Change], *, at: datetime | None = None, actor: User | None = None) -> None:
    """Write changes into the history, by one statement."""
    longest = ServiceChange._meta.get_field("old").max_length
    rows = [
        (
            change.service_id,
            change.field,
            told(change.old)[:longest],
            told(change.new)[:longest],
            change.is_offered and change.field in SHOWN,
        )
        for change in changes
    ]
    same = {"at": at or timezone.now(), "actor_id": actor.pk if actor else None}
    insert(ServiceChange, _COLUMNS, rows, same=same)


def told(value: object) -> str:
    """Return a value as the history keeps it: amounts as plain digits, "yes" and "no", "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value) if isinstance(value, Decimal) else str(value)


def sweep(*, now: datetime | None = None) -> int:
    """Drop a batch of what is older than 400 days; return how many rows went."""
    old = ServiceChange.objects.filter(at__lt=(now or timezone.now()) - KEEP).order_by("at", "pk")
    gone, _ = ServiceChange.objects.filter(pk__in=old.values("pk")[:SWEPT_AT_ONCE]).delete()
    return gone
