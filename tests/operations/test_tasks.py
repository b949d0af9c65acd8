from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from operations import tasks
from operations.alerting import raise_alert
from operations.channels import save_channel
from operations.models import Alert, AlertChannel
from tests.operations.receiver import Receiver


def test_mailing_twice_mails_once(olga: User, mailoutbox: list[Any]) -> None:
    raise_alert(Alert.Kind.ORDER_HELD, cause="order:1", text="…")

    tasks.mail_alerts()
    tasks.mail_alerts()

    assert len(mailoutbox) == 1


def test_each_channel_that_is_on_has_a_sender_of_its_own(db: None, receiver: Receiver, commits: Any) -> None:
    raise_alert(Alert.Kind.ORDER_HELD, cause="order:1", text="…")
    for name in ("One", "Two", "Off"):
        save_channel(AlertChannel(name=name, is_on=name != "Off"), address=receiver.address(name))
    AlertChannel.objects.update(since=timezone.now() - timedelta(hours=1))
    one, two = AlertChannel.objects.filter(is_on=True).order_by("name")

    with commits as sent:
        tasks.mail_alerts()
    assert sent == [("operations.tasks.send_to_channel", (channel.pk,)) for channel in (one, two)]

    for channel in (one, two, one):
        tasks.send_to_channel(channel.pk)
    assert [message["path"] for message in receiver.got] == ["/One", "/Two"]


def test_a_channel_is_tried(db: None, receiver: Receiver) -> None:
    channel = AlertChannel(name="One")
    save_channel(channel, address=receiver.address())

    tasks.test_channel(channel.pk)

    assert len(receiver.got) == 1


def test_nothing_to_mail(olga: User, mailoutbox: list[Any]) -> None:
    tasks.mail_alerts()

    assert mailoutbox == []
