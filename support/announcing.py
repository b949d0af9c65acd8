"""News for customers: what is shown to whom, until it is dismissed."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import User
from support.models import Announcement, Dismissal
from support.rendering import render
from support.wording import Words, words

AT_ONCE = 3

TOP_HEADING = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """An announcement in the reader's language; `html` is safe."""

    id: int
    title: Words
    html: SafeString
    language: str
    can_dismiss: bool


def announcements_for(reader: User | AnonymousUser) -> list[Shown]:
    """Return the newest announcements for a reader, at most three. One query.

    Strangers are shown those for everybody, and cannot dismiss them: nothing is kept of a stranger.
    """
    return [_shown(row, reader) for row in _current(reader).order_by("-starts_at", "-id")[:AT_ONCE]]


def dismiss(customer: User, *, announcement_id: int) -> bool:
    """Show an announcement to a customer no more, and return whether it is one that they may dismiss.

    Dismissed twice is dismissed.
    """
    if not _of(customer).filter(pk=announcement_id, can_dismiss=True).exists():
        return False
    Dismissal.objects.get_or_create(customer=customer, announcement_id=announcement_id)
    return True


def _of(reader: User | AnonymousUser) -> QuerySet[Announcement]:
    group_id = reader.customer_group_id if isinstance(reader, User) else None
    whose = Q(group=None) if group_id is None else Q(group=None) | Q(group=group_id)
    now = timezone.now()
    return Announcement.objects.filter(whose, Q(ends_at=None) | Q(ends_at__gt=now), starts_at__lte=now)


def _current(reader: User | AnonymousUser) -> QuerySet[Announcement]:
    if not isinstance(reader, User):
        return _of(reader)
    dismissed = Dismissal.objects.filter(customer=reader, announcement=OuterRef("pk"))
    # One that may be dismissed no more is shown again: staff want it read.
    return _of(reader).exclude(Exists(dismissed), can_dismiss=True)


def _shown(row: Announcement, reader: User | AnonymousUser) -> Shown:
    text = words(row, "text")
    return Shown(
        id=row.pk,
        title=words(row, "title"),
        html=render(text.text, top=TOP_HEADING),
        language=text.language,
        can_dismiss=row.can_dismiss and isinstance(reader, User),
    )
