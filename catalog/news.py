"""What customers read of the services' history: what is new, dearer, cheaper, gone, back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from django.db.models import Q
from django.utils.formats import number_format

from catalog.models import Service, ServiceChange
from money.display import shown

PAGE = 50
OF_ONE = 20

SEEN = Q(
    service__is_hidden=False,
    service__held_text="",
    service__type__in=Service.SOLD_TYPES,
    service__category__is_hidden=False,
    service__provider__is_active=True,
)
"""Whose changes the page of updates shows: what is sold, and what was until it left the list."""

Field = ServiceChange.Field


class What(StrEnum):
    """What a customer reads that happened."""

    NEW = "new"
    GONE = "gone"
    BACK = "back"
    DEARER = "dearer"
    CHEAPER = "cheaper"
    RENAMED = "renamed"
    LEAST = "least"
    GREATEST = "greatest"


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened to a service; `old` and `new` are texts in the reader's manner, or ""."""

    change_id: int
    at: datetime
    service: Service
    what: What
    old: str = ""
    new: str = ""


def updates(*, before: int | None = None) -> list[News]:
    """Return a page of what happened to all services, newest first; `before` is a change's id."""
    changes = ServiceChange.objects.filter(SEEN, is_public=True)
    if before is not None:
        changes = changes.filter(pk__lt=before)
    return _told(changes.select_related("service__category").order_by("-pk")[:PAGE])


def updates_of(service: Service) -> list[News]:
    """Return the latest of what happened to a service, newest first."""
    changes = ServiceChange.objects.filter(service=service, is_public=True)
    return _told(changes.select_related("service__category").order_by("-pk")[:OF_ONE])


def _told(changes: Iterable[ServiceChange]) -> list[News]:
    return [_news(change) for change in changes]


def _news(change: ServiceChange) -> News:
    old, new = change.old, change.new
    match change.field:
        case Field.ADDED:
            what, old, new = What.NEW, "", ""
        case Field.LISTED:
            what, old, new = What.BACK if new == "yes" else What.GONE, "", ""
        case Field.PRICE:
            what, old, new = _of_price(old, new), _money(old), _money(new)
        case Field.MIN_QUANTITY:
            what, old, new = What.LEAST, _number(old), _number(new)
        case Field.MAX_QUANTITY:
            what, old, new = What.GREATEST, _number(old), _number(new)
        case _:
            what = What.RENAMED
    return News(change.pk, change.at, change.service, what, old, new)


def _of_price(old: str, new: str) -> What:
    """Return what a price's change is: without one a service is not sold."""
    if not old or not new:
        return What.BACK if new else What.GONE
    return What.DEARER if Decimal(new) > Decimal(old) else What.CHEAPER


def _money(text: str) -> str:
    return shown(Decimal(text)) if text else ""


def _number(text: str) -> str:
    return number_format(int(text), use_l10n=True, force_grouping=True) if text else ""
