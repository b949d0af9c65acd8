"""Sending alerts to channels (Telegram, Slack, …), each on its own: its own hour, its own failures."""

import logging
from datetime import datetime
from itertools import islice

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext, override

from operations.addresses import AddressError, send
from operations.alerting import due
from operations.models import Alert, AlertChannel, AlertDelivery
from operations.wording import message_of

logger = logging.getLogger(__name__)

MESSAGES_AT_ONCE = 20
"""Of one run for a channel: services refuse those who send more within a minute."""


def save_channel(channel: AlertChannel, *, address: str | None) -> None:
    """Save a channel, with another address if one is given.

    One that is new, is switched on, or goes to another place hears of what happens from now on.
    """
    was_on = AlertChannel.objects.filter(pk=channel.pk, is_on=True).exists()
    changed = ["name", "kinds", "is_on"]
    if address is not None:
        channel.address, channel.failed_at = address, None
        changed += ["address", "failed_at"]
    if address is not None or not was_on:
        channel.since = timezone.now()
        changed.append("since")
    if channel.pk is None:
        channel.save(force_insert=True)
    else:
        channel.save(update_fields=changed)


def channels_on() -> list[int]:
    """Return the channels that alerts are sent to."""
    return list(AlertChannel.objects.filter(is_on=True).values_list("pk", flat=True))


def send_due(channel_id: int) -> int:
    """Send a channel what it is to be told; return how many alerts that were.

    As mail: each cause once an hour, those of orders together. The first message that fails ends the run: the
    next one begins with it.
    """
    channel = _channel(channel_id)
    if channel is None or not channel.is_on:
        return 0
    sent = 0
    for alerts in islice(due(_for(channel)), MESSAGES_AT_ONCE):
        # Claimed before sending, as for mail: of two workers one sends.
        now = timezone.now()
        claimed = [alert for alert in alerts if _claim(channel, alert, now=now)]
        if not claimed:
            continue
        title, body = message_of(claimed)
        if not _send(channel, title=title, body=body):
            for alert in claimed:
                _give_back(channel, alert, claimed_at=now)
            break
        sent += len(claimed)
    return sent


def send_test(channel_id: int) -> bool:
    """Send a channel a message that only says that it arrived; tell whether it did."""
    channel = _channel(channel_id)
    if channel is None:
        return False
    with override(settings.LANGUAGE_CODE):
        title = settings.SITE_NAME
        body = gettext("A test: alerts of this site arrive here.")
    return _send(channel, title=title, body=f"{body}\n\n{settings.SITE_URL}")


def _channel(channel_id: int) -> AlertChannel | None:
    # Without the address, which may be encrypted by a SECRET_KEY that is gone.
    return AlertChannel.objects.defer("address").filter(pk=channel_id).first()


def _for(channel: AlertChannel) -> QuerySet[Alert]:
    delivered = AlertDelivery.objects.filter(alert=OuterRef("pk"), channel=channel).values("sent_at")
    alerts = Alert.objects.annotate(told_at=Subquery(delivered)).filter(last_at__gte=channel.since)
    return alerts.filter(kind__in=channel.kinds) if channel.kinds else alerts


def _claim(channel: AlertChannel, alert: Alert, *, now: datetime) -> bool:
    if not Alert.objects.filter(pk=alert.pk, closed_at=None).exists():
        return False  # it is over
    seen = _told_at(alert)
    if seen is None:
        return AlertDelivery.objects.get_or_create(alert=alert, channel=channel, defaults={"sent_at": now})[1]
    told = AlertDelivery.objects.filter(alert=alert, channel=channel, sent_at=seen)
    return bool(told.update(sent_at=now))


def _give_back(channel: AlertChannel, alert: Alert, *, claimed_at: datetime) -> None:
    seen = _told_at(alert)
    ours = AlertDelivery.objects.filter(alert=alert, channel=channel, sent_at=claimed_at)
    ours.delete() if seen is None else ours.update(sent_at=seen)


def _told_at(alert: Alert) -> datetime | None:
    told_at: datetime | None = getattr(alert, "told_at", None)  # annotated
    return told_at


def _send(channel: AlertChannel, *, title: str, body: str) -> bool:
    """Send, and note on the channel how it went; the log never has the address."""
    try:
        arrived = send(channel.address, title=title, body=body)
    except (AddressError, ImproperlyConfigured) as error:
        logger.warning("channel.unusable channel=%s error=%s", channel.pk, type(error).__name__)
        arrived = False
    now = timezone.now()
    how: dict[str, datetime | None] = {"sent_at": now, "failed_at": None} if arrived else {"failed_at": now}
    AlertChannel.objects.filter(pk=channel.pk).update(**how)
    logger.info("channel.sent channel=%s arrived=%s", channel.pk, arrived)
    return arrived
