"""Raising and closing alerts: one open alert per cause, one e-mail per cause and hour."""

import logging
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from operations.models import Alert
from operations.waking import wake

logger = logging.getLogger(__name__)

MAIL_EVERY = timedelta(hours=1)


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
    """Mail staff each open alert that nobody was mailed about within the hour; return how many were."""
    due = Q(mailed_at=None) | Q(mailed_at__lte=timezone.now() - MAIL_EVERY, last_at__gt=F("mailed_at"))
    mailed = 0
    for alert in Alert.objects.filter(due, closed_at=None).order_by("id")[:50]:
        # Claimed before sending: of two workers one mails. A crash in between costs an e-mail, not the alert.
        now = timezone.now()
        if not _claim(alert, seen=alert.mailed_at, now=now):
            continue  # another worker mails it, or it was closed since we looked
        try:
            mailed += _mail_staff(alert)
        except OSError as error:  # SMTPException is one
            # The claim is given back, and the rest waits too: beat tries again.
            _claim(alert, seen=now, now=alert.mailed_at)
            logger.warning("alert.not_mailed alert=%s error=%s", alert.pk, type(error).__name__)
            break
    return mailed


def _claim(alert: Alert, *, seen: datetime | None, now: datetime | None) -> bool:
    still_open = Alert.objects.filter(pk=alert.pk, mailed_at=seen, closed_at=None)
    return bool(still_open.update(mailed_at=now))


def _count_again(kind: Alert.Kind, *, cause: str, text: str, now: datetime) -> bool:
    open_alert = Alert.objects.filter(kind=kind, cause=cause, closed_at=None)
    return bool(open_alert.update(times=F("times") + 1, text=text, last_at=now))


def _mail_staff(alert: Alert) -> int:
    addresses = list(
        get_user_model().objects.filter(is_staff=True, is_active=True).values_list("email", flat=True)[:50]
    )
    if not addresses:
        return 0
    return send_mail(str(alert), alert.text, None, addresses)
