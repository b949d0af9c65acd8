"""Raising and closing alerts: one open alert per cause, one e-mail per cause and hour."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from operations.models import Alert
from operations.waking import wake

logger = logging.getLogger(__name__)

MAIL_EVERY = timedelta(hours=1)
GATHER_EVERY = timedelta(minutes=5)
"""How often staff is mailed about orders: the first at once, the next ones of its kind together."""

OF_ORDERS = frozenset({Alert.Kind.ORDER_UNCERTAIN, Alert.Kind.ORDER_HELD, Alert.Kind.ORDER_UNREADABLE})
AT_ONCE = 200


def raise_alert(kind: Alert.Kind, *, cause: str, text: str) -> None:
    """Open an alert, or count it on the one already open for this kind and cause, and have staff mailed.

    `text` is for staff and carries no secrets. The mail goes out from a task after the commit.
    """
    now = timezone.now()
    logger.warning("alert.raised kind=%s cause=%s text=%r", kind, cause, text)
    if not _count_again(kind, cause=cause, text=text, now=now):
        try:
            with transaction.atomic():
                Alert.objects.create(kind=kind, cause=cause, text=text, first_at=now, last_at=now)
        except IntegrityError:
            # Another worker opened it between our look and our insert.
            _count_again(kind, cause=cause, text=text, now=now)
    wake("operations.tasks.mail_alerts")


def close_alerts(kind: Alert.Kind, *, cause: str) -> int:
    """Close what is open for this kind and cause, since the trouble is over; return how many were."""
    return Alert.objects.filter(kind=kind, cause=cause, closed_at=None).update(closed_at=timezone.now())


def mail_alerts() -> int:
    """Mail staff each open alert that nobody was mailed about within the hour; return how many were.

    Those of orders go out together: a provider in trouble makes hundreds of them within a minute.
    """
    mailed = 0
    for alerts in _due():
        # Claimed before sending: of two workers one mails. A crash in between costs an e-mail, not the alert.
        # What is not ours to claim another worker mails, or it was closed since we looked.
        now = timezone.now()
        claimed = [alert for alert in alerts if _claim(alert, seen=alert.mailed_at, now=now)]
        try:
            mailed += _mail_staff(claimed) if claimed else 0
        except OSError as error:  # SMTPException is one
            # The claim is given back, and the rest waits too: beat tries again.
            for alert in claimed:
                _claim(alert, seen=now, now=alert.mailed_at)
            logger.warning("alert.not_mailed alert=%s error=%s", claimed[0].pk, type(error).__name__)
            break
    return mailed


def _due() -> Iterator[list[Alert]]:
    """Yield the alerts to mail about, by mails."""
    now = timezone.now()
    due = Q(mailed_at=None) | Q(mailed_at__lte=now - MAIL_EVERY, last_at__gt=F("mailed_at"))
    waiting = Alert.objects.filter(due, closed_at=None).order_by("id")
    yield from ([alert] for alert in waiting.exclude(kind__in=OF_ORDERS)[:AT_ONCE])
    # By a query for each kind: hundreds of one that pauses hide neither another kind nor what is wrong with
    # the money.
    kinds = waiting.filter(kind__in=OF_ORDERS).order_by("kind").values_list("kind", flat=True).distinct()
    for kind in list(kinds):
        if not Alert.objects.filter(kind=kind, mailed_at__gt=now - GATHER_EVERY).exists():
            yield list(waiting.filter(kind=kind)[:AT_ONCE])


def _claim(alert: Alert, *, seen: datetime | None, now: datetime | None) -> bool:
    still_open = Alert.objects.filter(pk=alert.pk, mailed_at=seen, closed_at=None)
    return bool(still_open.update(mailed_at=now))


def _count_again(kind: Alert.Kind, *, cause: str, text: str, now: datetime) -> bool:
    open_alert = Alert.objects.filter(kind=kind, cause=cause, closed_at=None)
    return bool(open_alert.update(times=F("times") + 1, text=text, last_at=now))


def _mail_staff(alerts: list[Alert]) -> int:
    addresses = list(
        get_user_model().objects.filter(is_staff=True, is_active=True).values_list("email", flat=True)[:50]
    )
    if not addresses:
        return 0
    subject = str(alerts[0]) if len(alerts) == 1 else f"{alerts[0].get_kind_display()}: {len(alerts)}"
    page = f"{settings.SITE_URL}{reverse('admin:operations_alert_changelist')}"
    send_mail(subject, "\n".join([*(alert.text for alert in alerts), "", page]), None, addresses)
    return len(alerts)
