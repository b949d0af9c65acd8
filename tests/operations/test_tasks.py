from typing import Any

from accounts.models import User
from operations import tasks
from operations.alerting import raise_alert
from operations.models import Alert


def test_mailing_twice_mails_once(olga: User, mailoutbox: list[Any]) -> None:
    raise_alert(Alert.Kind.ORDER_HELD, cause="order:1", text="…")

    tasks.mail_alerts()
    tasks.mail_alerts()

    assert len(mailoutbox) == 1


def test_nothing_to_mail(olga: User, mailoutbox: list[Any]) -> None:
    tasks.mail_alerts()

    assert mailoutbox == []
