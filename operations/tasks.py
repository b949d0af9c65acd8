"""Tasks of the operations room. Each may run twice or never."""

from functools import partial

from celery import shared_task

from operations import alerting, channels, schedule
from operations.turns import in_turn
from operations.waking import wake


@shared_task
def mail_alerts() -> None:
    """Mail staff the alerts that are due, and wake a sender for each channel: none waits for another."""
    for channel_id in channels.channels_on():
        wake("operations.tasks.send_to_channel", channel_id)
    alerting.mail_alerts()


@shared_task
def send_to_channel(channel_id: int) -> None:
    """Send a channel the alerts that are due."""
    in_turn(f"channel-{channel_id}", at_once=1, work=partial(channels.send_due, channel_id))


@shared_task
def test_channel(channel_id: int) -> None:
    """Send a channel a message to try it."""
    channels.send_test(channel_id)


@shared_task
def check_jobs() -> None:
    """Tell staff of periodic jobs that are late."""
    schedule.check()
