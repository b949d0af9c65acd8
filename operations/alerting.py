"""Raising and closing alerts: one open alert per cause, one e-mail per cause and hour."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from operations.models import Alert
from operations.waking import wake
from operations.wording import kept, message_of

logger = logging.getLogger(__name__)

MAIL_EVERY = timedelta(hours=1)
GATHER_EVERY = timedelta(minutes=5)
"""How often staff is mailed about orders: the first at once, the next ones of its kind together."""

OF_ORDERS = frozenset({Alert.Kind.ORDER_UNCERTAIN, Alert.Kind.ORDER_HELD, Alert.Kind.ORDER_UNREADABLE})
AT_ONCE = 200


def raise_alert(kind: Alert.Kind, *, cause: str, text: str, **params: object) -> None:
    """Open an alert, or count it on the one already open for this kind and cause, and have staff told.

    `text` is a message id (`gettext_noop`), in which `params` stand as %(name)s: whoever reads it reads it in
    their language, and so are params that are `Words`. It is for staff, and neither carries secrets. Mail and
    messages go out from tasks after the commit.
    """
    now = timezone.now()
    stood_in = kept(params)
    logger.warning("alert.raised kind=%s cause=%s text=%r params=%r", kind, cause, text, stood_in)
    if not _count_again(kind, cause=cause, text=text, params=stood_in, now=now):
        try:
            with transaction.atomic():
                Alert.objects.create(
                    kind=kind, cause=cause, text=text, params=stood_in, first_at=now, last_at=now
                )
        except IntegrityError:
            # Another worker opened it between our look and our insert.
            _count_again(kind, cause=cause, text=text, params=stood_in, now=now)
    wake("operations.tasks.mail_alerts")


def raise_once(kind: Alert.Kind, *, cause: str, text: str, **params: object) -> None:
    """Raise an alert of what is looked at again and again, unless it is open: staff are told once."""
    if not Alert.objects.filter(kind=kind, cause=cause, closed_at=None).exists():
        raise_alert(kind, cause=cause, text=text, **params)


def close_alerts(kind: Alert.Kind, *, cause: str) -> int:
    """Close what is open for this kind and cause, since the trouble is over; return how many were."""
    return Alert.objects.filter(kind=kind, cause=cause, closed_at=None).update(closed_at=timezone.now())


def mail_alerts() -> int:
    """Mail staff each open alert that nobody was mailed about within the hour; return how many were.

    Those of orders go out together: a provider in trouble makes hundreds of them within a minute.
    """
    mailed = 0
    for alerts in due(Alert.objects.alias(told_at=F("mailed_at"))):
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


def due(alerts: QuerySet[Alert]) -> Iterator[list[Alert]]:
    """Yield the alerts that somebody is to be told of, by messages.

    `alerts` knows as `told_at` when they were last told of each: by mail, or by a channel.
    """
    now = timezone.now()
    is_due = Q(told_at=None) | Q(told_at__lte=now - MAIL_EVERY, last_at__gt=F("told_at"))
    waiting = alerts.filter(is_due, closed_at=None).order_by("id")
    yield from ([alert] for alert in waiting.exclude(kind__in=OF_ORDERS)[:AT_ONCE])
    # By a query for each kind: hundreds of one that pauses hide neither another kind nor what is wrong with
    # the money.
    kinds = waiting.filter(kind__in=OF_ORDERS).order_by("kind").values_list("kind", flat=True).distinct()
    for kind in list(kinds):
        if not alerts.filter(Q(told_at__gt=now - GATHER_EVERY), kind=kind).exists():
            yield list(waiting.filter(kind=kind)[:AT_ONCE])


def _claim(alert: Alert, *, seen: datetime | None, now: datetime | None) -> bool:
    still_open = Alert.objects.filter(pk=alert.pk, mailed_at=seen, closed_at=None)
    return bool(still_open.update(mailed_at=now))


def _count_again(kind: Alert.Kind, *, cause: str, text: str, params: dict[str, Any], now: datetime) -> bool:
    open_alert = Alert.objects.filter(kind=kind, cause=cause, closed_at=None)
    return bool(open_alert.update(times=F("times") + 1, text=text, params=params, last_at=now))


def _mail_staff(alerts: list[Alert]) -> int:
    addresses = list(staff_who_read_alerts().values_list("email", flat=True)[:50])
    if not addresses:
        return 0
    subject, body = message_of(alerts)
    send_mail(subject, body, None, addresses)
    return len(alerts)


def staff_who_read_alerts() -> QuerySet[User]:
    """Return the members of staff whom alerts are mailed to: those who may see them in admin."""
    rights = Permission.objects.filter(content_type__app_label="operations", codename="view_alert")
    may = Q(is_superuser=True) | Q(user_permissions__in=rights) | Q(groups__permissions__in=rights)
    return User.objects.filter(may, is_staff=True, is_active=True).order_by("id").distinct()
