from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from smtplib import SMTPException
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.core.mail.backends.base import BaseEmailBackend
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from accounts.models import User
from operations import alerting
from operations.alerting import close_alerts, mail_alerts, raise_alert, raise_once
from operations.models import Alert
from operations.wording import Words
from tests.factories import make_user
from tests.wallet.threads import meeting, side_by_side

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HALTED, HELD = Alert.Kind.PROVIDER_HALTED, Alert.Kind.ORDER_HELD
UNCERTAIN = Alert.Kind.ORDER_UNCERTAIN


@pytest.fixture
def moment() -> Any:
    """Noon, which stands until a test moves it."""
    with time_machine.travel(NOON, tick=False) as moment:
        yield moment


def subject(kind: Alert.Kind, rest: object) -> str:
    """Return a mail's subject, in the site's language."""
    with override(settings.LANGUAGE_CODE):
        return f"{kind.label}: {rest}"


def halted(text: str = "Invalid API key", *, cause: str = "provider:1") -> None:
    raise_alert(HALTED, cause=cause, text=text)


# --- Raising and closing ----------------------------------------------------------------------------------


def test_the_first_time_opens_an_alert(db: None, moment: Any) -> None:
    halted()

    alert = Alert.objects.get()
    assert (alert.kind, alert.cause, alert.text, alert.times) == (HALTED, "provider:1", "Invalid API key", 1)
    assert (alert.first_at, alert.last_at, alert.mailed_at, alert.closed_at) == (NOON, NOON, None, None)
    assert str(alert) == f"{HALTED.label}: provider:1"


def test_the_same_cause_is_counted_again(db: None, moment: Any) -> None:
    halted()
    moment.shift(timedelta(minutes=5))
    halted("Account suspended")

    alert = Alert.objects.get()
    assert (alert.times, alert.text) == (2, "Account suspended")
    assert (alert.first_at, alert.last_at) == (NOON, NOON + timedelta(minutes=5))


def test_what_stands_in_the_text_is_kept_beside_it(db: None) -> None:
    text = "%(provider)s refuses %(count)s: %(said)s"
    raise_alert(HELD, cause="provider:1", text=text, provider=Decimal("1.50"), count=7, said="x" * 10_000)

    alert = Alert.objects.get()
    assert alert.text == text
    assert alert.params == {"provider": "1.50", "count": "7", "said": "x" * 2000}

    raise_alert(HELD, cause="provider:1", text="%(said)s", said="again")
    alert = Alert.objects.get()
    assert (alert.text, alert.params, alert.times) == ("%(said)s", {"said": "again"}, 2)


def test_a_text_of_ours_in_a_text_is_kept_to_be_told_in_any_language(db: None) -> None:
    why = Words("it lists %(came)s", {"came": 7, "said": "x" * 10_000})
    raise_alert(HELD, cause="provider:1", text="%(why)s.", why=why)

    kept = {"text": "it lists %(came)s", "params": {"came": "7", "said": "x" * 2000}}
    assert Alert.objects.get().params == {"why": kept}


def test_what_is_looked_at_again_and_again_is_told_once(db: None, commits: Any) -> None:
    with commits as sent:
        for _ in range(3):
            raise_once(HELD, cause="provider:1", text="%(n)s", n=1)
    assert (Alert.objects.get().times, len(sent)) == (1, 1)

    close_alerts(HELD, cause="provider:1")
    raise_once(HELD, cause="provider:1", text="%(n)s", n=2)
    assert [alert.params["n"] for alert in Alert.objects.order_by("pk")] == ["1", "2"]


def test_another_kind_or_cause_is_another_alert(db: None) -> None:
    halted()
    halted(cause="provider:2")
    raise_alert(HELD, cause="provider:1", text="…")

    assert list(Alert.objects.values_list("times", flat=True)) == [1, 1, 1]


def test_what_is_over_is_closed_and_opens_anew(db: None, moment: Any) -> None:
    halted()
    halted(cause="provider:2")
    moment.shift(timedelta(minutes=5))

    assert close_alerts(HALTED, cause="provider:1") == 1
    assert close_alerts(HALTED, cause="provider:1") == 0
    assert close_alerts(HELD, cause="provider:2") == 0

    halted()
    first, other, again = Alert.objects.order_by("pk")
    assert (first.closed_at, first.times) == (NOON + timedelta(minutes=5), 1)
    assert (other.closed_at, again.closed_at, again.times) == (None, None, 1)


def test_raising_wakes_who_mails(db: None, commits: Any) -> None:
    with commits as sent:
        halted()

    assert sent == [("operations.tasks.mail_alerts", ())]


def test_what_is_rolled_back_raises_nothing(db: None, commits: Any) -> None:
    with commits as sent, transaction.atomic():
        halted()
        transaction.set_rollback(True)

    assert sent == []
    assert not Alert.objects.exists()


def test_the_database_keeps_one_open_alert_per_cause(db: None) -> None:
    halted()

    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(kind=HALTED, cause="provider:1", first_at=NOON, last_at=NOON)


# --- Mail -------------------------------------------------------------------------------------------------


def test_staff_who_may_see_alerts_are_mailed_and_nobody_else(
    alice: User, olga: User, sasha: User, mailoutbox: list[Any]
) -> None:
    may_see = Permission.objects.get(codename="view_alert")
    group = Group.objects.create(name="Watch")
    group.permissions.add(may_see)
    watch = make_user("watch@example.com", is_staff=True)
    watch.groups.add(group)
    for kept_out in (
        make_user("former@example.com", is_staff=True, is_active=False),
        make_user("customer@example.com"),
    ):
        kept_out.user_permissions.add(may_see)
    both = make_user("both@example.com", is_staff=True)
    both.groups.add(group)
    both.user_permissions.add(may_see)
    halted()

    assert mail_alerts() == 1

    (mail,) = mailoutbox
    assert sorted(mail.to) == ["both@example.com", "olga@example.com", "watch@example.com"]
    assert (mail.subject, mail.body) == (
        subject(HALTED, "provider:1"),
        f"Invalid API key\n\n{settings.SITE_URL}/admin/catalog/provider/1/change/",
    )


def test_one_mail_per_cause_and_hour(olga: User, moment: Any, mailoutbox: list[Any]) -> None:
    halted()
    mail_alerts()
    for minute in (1, 30, 59):
        moment.move_to(NOON + timedelta(minutes=minute))
        halted()
        assert mail_alerts() == 0

    moment.move_to(NOON + timedelta(hours=1))
    assert mail_alerts() == 1  # what happened within the hour
    moment.move_to(NOON + timedelta(hours=3))
    assert mail_alerts() == 0  # nothing since
    halted()
    assert mail_alerts() == 1
    assert len(mailoutbox) == 3


def test_each_cause_has_its_own_hour(olga: User, moment: Any, mailoutbox: list[Any]) -> None:
    halted()
    mail_alerts()
    halted(cause="provider:2")

    assert mail_alerts() == 1
    assert [mail.subject[-1] for mail in mailoutbox] == ["1", "2"]


def test_orders_are_mailed_about_together(olga: User, moment: Any, mailoutbox: list[Any]) -> None:
    def uncertain(*orders: int) -> None:
        for number in orders:
            raise_alert(UNCERTAIN, cause=f"order:{number}", text=f"Order {number}")

    uncertain(1)
    assert mail_alerts() == 1
    uncertain(2, 3, 4)
    halted()
    moment.shift(timedelta(minutes=4))
    assert mail_alerts() == 1, "a halt does not wait for orders"
    close_alerts(UNCERTAIN, cause="order:3")
    moment.shift(timedelta(minutes=1))
    assert mail_alerts() == 2

    assert [mail.subject for mail in mailoutbox] == [
        subject(UNCERTAIN, "order:1"),
        subject(HALTED, "provider:1"),
        subject(UNCERTAIN, "2"),
    ]
    assert mailoutbox[-1].body.startswith("Order 2\nOrder 4\n\n")


def test_orders_that_wait_hide_nothing_else(
    olga: User, moment: Any, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operations.alerting.AT_ONCE", 2)
    raise_alert(HELD, cause="order:0", text="…")
    assert mail_alerts() == 1
    for number in range(1, 4):
        raise_alert(HELD, cause=f"order:{number}", text="…")
    raise_alert(UNCERTAIN, cause="order:9", text="…")
    raise_alert(Alert.Kind.MONEY_WRONG, cause="audit", text="…")

    assert mail_alerts() == 2
    assert [mail.subject for mail in mailoutbox[1:]] == [
        subject(Alert.Kind.MONEY_WRONG, "audit"),
        subject(UNCERTAIN, "order:9"),
    ]


def test_one_kind_of_orders_does_not_wait_for_another(olga: User, moment: Any, mailoutbox: list[Any]) -> None:
    raise_alert(UNCERTAIN, cause="order:1", text="…")
    assert mail_alerts() == 1
    raise_alert(HELD, cause="order:2", text="…")
    assert mail_alerts() == 1


def test_what_is_over_is_not_mailed(olga: User, mailoutbox: list[Any]) -> None:
    halted()
    close_alerts(HALTED, cause="provider:1")

    assert mail_alerts() == 0
    assert mailoutbox == []


def test_without_staff_nobody_is_mailed(alice: User, mailoutbox: list[Any]) -> None:
    halted()

    assert mail_alerts() == 0
    assert mailoutbox == []
    assert Alert.objects.filter(closed_at=None).exists()


class DownBackend(BaseEmailBackend):
    """A mail server that is down."""

    def send_messages(self, messages: Any) -> int:
        raise SMTPException("down")


def test_mail_that_could_not_be_sent_is_sent_later(
    olga: User, settings: Any, mailoutbox: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    halted()
    halted(cause="provider:2")
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.DownBackend"

    assert mail_alerts() == 0
    assert caplog.messages[-1].startswith("alert.not_mailed")
    assert set(Alert.objects.values_list("mailed_at", flat=True)) == {None}

    settings.EMAIL_BACKEND = working
    assert mail_alerts() == 2
    assert len(mailoutbox) == 2


def test_mailing_takes_as_many_statements_per_alert_for_20_as_for_10(olga: User) -> None:
    counted = []
    for size in (10, 20):
        for number in range(size):
            halted(cause=f"provider:{size}:{number}")
        with CaptureQueriesContext(connection) as asked:
            assert mail_alerts() == size
        counted.append((len(asked) - 2) / size)

    assert counted[0] == counted[1]


# --- Two at once ------------------------------------------------------------------------------------------


@pytest.fixture
def after_listing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let so many workers list the alerts that are due before any of them mails one."""

    def arrange(count: int) -> None:
        meet, plain = meeting(count), alerting._claim

        def claim(*args: Any, **kwargs: Any) -> bool:
            meet()
            return plain(*args, **kwargs)

        monkeypatch.setattr(alerting, "_claim", claim)

    return arrange


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_mails(
    olga: User, after_listing: Callable[[int], None], mailoutbox: list[Any]
) -> None:
    halted()
    after_listing(2)

    assert sorted(side_by_side(mail_alerts, mail_alerts)) == [0, 1]
    assert len(mailoutbox) == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_claim_both_mail(
    olga: User, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    halted()
    meet = meeting(2)
    monkeypatch.setattr(alerting, "_claim", lambda *_, **__: bool(meet() or True))

    assert side_by_side(mail_alerts, mail_alerts) == [1, 1]
    assert len(mailoutbox) == 2


def test_what_is_closed_before_it_is_mailed_is_not_mailed(
    olga: User, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = alerting._claim

    def claim(alert: Alert, **seen: Any) -> bool:
        close_alerts(HALTED, cause="provider:1")
        return plain(alert, **seen)

    halted()
    monkeypatch.setattr(alerting, "_claim", claim)

    assert mail_alerts() == 0
    assert mailoutbox == []


@pytest.fixture
def both_see_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two raisers both see that no such alert is open before either opens one."""
    meet, plain = meeting(2), alerting._count_again
    looked: list[str] = []

    def count_again(kind: Alert.Kind, **fields: Any) -> bool:
        counted = plain(kind, **fields)
        if fields["text"] not in looked:
            looked.append(fields["text"])
            meet()
        return counted

    monkeypatch.setattr(alerting, "_count_again", count_again)


@pytest.mark.django_db(transaction=True)
def test_two_raisers_open_one_alert(both_see_none: None) -> None:
    assert side_by_side(partial(halted, "one"), partial(halted, "two")) == [None, None]

    assert Alert.objects.get().times == 2


@pytest.mark.django_db(transaction=True)
def test_without_the_second_count_one_of_two_is_lost(
    both_see_none: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_or_leave(self: QuerySet[Alert], **fields: Any) -> Alert | None:
        alert = Alert(**fields)
        return self.bulk_create([alert], ignore_conflicts=True)[0]

    monkeypatch.setattr(QuerySet, "create", create_or_leave)

    side_by_side(partial(halted, "one"), partial(halted, "two"))

    assert Alert.objects.get().times == 1
