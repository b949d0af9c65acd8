from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from operations import channels
from operations.alerting import close_alerts, raise_alert
from operations.channels import save_channel, send_due, send_test
from operations.models import Alert, AlertChannel, AlertDelivery
from tests.operations.receiver import Receiver, receiving
from tests.wallet.threads import meeting, side_by_side

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HALTED, HELD = Alert.Kind.PROVIDER_HALTED, Alert.Kind.ORDER_HELD
UNCERTAIN = Alert.Kind.ORDER_UNCERTAIN


@pytest.fixture
def moment() -> Any:
    """Noon, which stands until a test moves it."""
    with time_machine.travel(NOON, tick=False) as moment:
        yield moment


def make_channel(address: str, *, name: str = "Hook", **fields: Any) -> AlertChannel:
    channel = AlertChannel(name=name, **fields)
    save_channel(channel, address=address)
    return channel


@pytest.fixture
def channel(db: None, receiver: Receiver) -> AlertChannel:
    """A channel that leads to the receiver, since noon."""
    made = make_channel(receiver.address("t0ken"))
    AlertChannel.objects.update(since=NOON)
    made.refresh_from_db()
    return made


def halted(*, cause: str = "provider:1") -> None:
    raise_alert(HALTED, cause=cause, text="It says: %(said)s", said="<b>100%</b>")


def subjects(*kinds: tuple[Alert.Kind, object]) -> list[str]:
    with override("ru"):
        return [f"{kind.label}: {rest}" for kind, rest in kinds]


# --- What is sent, and how often --------------------------------------------------------------------------


def test_an_alert_is_sent(channel: AlertChannel, receiver: Receiver, moment: Any) -> None:
    halted()

    assert send_due(channel.pk) == 1

    (got,) = receiver.got
    assert [got["title"]] == subjects((HALTED, "provider:1"))
    assert got["message"].startswith("It says: <b>100%</b>\n\n")
    assert (AlertChannel.objects.get().sent_at, AlertChannel.objects.get().failed_at) == (NOON, None)


def test_one_message_per_cause_and_hour(channel: AlertChannel, receiver: Receiver, moment: Any) -> None:
    halted()
    assert send_due(channel.pk) == 1
    for minute in (1, 30, 59):
        moment.move_to(NOON + timedelta(minutes=minute))
        halted()
        assert send_due(channel.pk) == 0

    moment.move_to(NOON + timedelta(hours=1))
    assert send_due(channel.pk) == 1
    moment.move_to(NOON + timedelta(hours=3))
    assert send_due(channel.pk) == 0  # nothing since
    assert len(receiver.got) == 2


def test_orders_are_sent_together(channel: AlertChannel, receiver: Receiver, moment: Any) -> None:
    raise_alert(UNCERTAIN, cause="order:1", text="…")
    assert send_due(channel.pk) == 1
    for number in (2, 3, 4):
        raise_alert(UNCERTAIN, cause=f"order:{number}", text="…")
    halted()
    assert send_due(channel.pk) == 1, "a halt does not wait for orders"
    moment.shift(timedelta(minutes=5))
    assert send_due(channel.pk) == 3

    assert receiver.titles() == subjects((UNCERTAIN, "order:1"), (HALTED, "provider:1"), (UNCERTAIN, 3))


def test_what_is_over_is_not_sent(channel: AlertChannel, receiver: Receiver) -> None:
    halted()
    close_alerts(HALTED, cause="provider:1")

    assert send_due(channel.pk) == 0
    assert receiver.got == []


def test_what_is_closed_after_the_look_is_not_sent(
    channel: AlertChannel, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = channels._claim

    def claim(*args: Any, **kwargs: Any) -> bool:
        close_alerts(HALTED, cause="provider:1")
        return plain(*args, **kwargs)

    halted()
    monkeypatch.setattr(channels, "_claim", claim)

    assert send_due(channel.pk) == 0
    assert receiver.got == []


def test_only_the_kinds_that_were_chosen(receiver: Receiver, db: None) -> None:
    channel = make_channel(receiver.address(), kinds=[HELD.value])
    halted()
    raise_alert(HELD, cause="order:1", text="…")

    assert send_due(channel.pk) == 1
    assert receiver.titles() == subjects((HELD, "order:1"))


def test_what_was_before_it_is_not_sent(receiver: Receiver, db: None, moment: Any) -> None:
    halted()
    moment.shift(timedelta(minutes=1))
    channel = make_channel(receiver.address())
    assert send_due(channel.pk) == 0
    halted()  # once more
    assert send_due(channel.pk) == 1


def test_one_that_is_off_or_gone_is_sent_nothing(channel: AlertChannel, receiver: Receiver) -> None:
    halted()
    AlertChannel.objects.update(is_on=False)

    assert send_due(channel.pk) == send_due(channel.pk + 1) == 0
    assert channels.channels_on() == []
    assert receiver.got == []


def test_so_many_messages_at_once(
    channel: AlertChannel, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MESSAGES_AT_ONCE", 2)
    for number in range(5):
        halted(cause=f"provider:{number}")

    assert [send_due(channel.pk) for _ in range(4)] == [2, 2, 1, 0]
    assert len(receiver.got) == 5


# --- Failures, each channel's own -------------------------------------------------------------------------


def test_what_failed_is_sent_later_and_only_there(
    channel: AlertChannel, receiver: Receiver, moment: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as other_receiver:
        other = make_channel(other_receiver.address(), name="Other")
        halted()
        halted(cause="provider:2")
        receiver.status = 500
        assert (send_due(channel.pk), send_due(other.pk)) == (0, 2)
        assert len(receiver.got) == 1, "the rest waits too"
        assert AlertChannel.objects.get(pk=channel.pk).failed_at == NOON
        assert AlertChannel.objects.get(pk=other.pk).failed_at is None

        receiver.status = 200
        assert (send_due(channel.pk), send_due(other.pk)) == (2, 0)
        assert AlertChannel.objects.get(pk=channel.pk).failed_at is None
        assert (len(receiver.got), len(other_receiver.got)) == (3, 2)
    assert "t0ken" not in caplog.text


def test_what_failed_an_hour_after_the_first_is_sent_later_too(
    channel: AlertChannel, receiver: Receiver, moment: Any
) -> None:
    halted()
    send_due(channel.pk)
    moment.shift(timedelta(hours=2))
    halted()
    receiver.status = 500
    assert send_due(channel.pk) == 0
    assert AlertDelivery.objects.get().sent_at == NOON

    receiver.status = 200
    assert send_due(channel.pk) == 1


def test_an_address_that_cannot_be_read_any_more_is_a_failure(
    channel: AlertChannel, receiver: Receiver, settings: Any
) -> None:
    halted()
    settings.SECRET_KEY = "another"

    assert send_due(channel.pk) == 0
    assert AlertChannel.objects.defer("address").get().failed_at is not None
    assert not AlertDelivery.objects.exists()


def test_what_leads_inside_is_not_called_any_more(
    channel: AlertChannel, receiver: Receiver, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    halted()
    settings.ALERTS_TO_INNER_ADDRESSES = False

    assert send_due(channel.pk) == 0
    assert not send_test(channel.pk)

    assert receiver.got == []
    assert AlertChannel.objects.get().failed_at is not None
    assert not AlertDelivery.objects.exists(), "it is sent once the operator has seen to it"
    assert "error=InnerAddressError" in caplog.text


# --- Two at once ------------------------------------------------------------------------------------------


def both_meet(monkeypatch: pytest.MonkeyPatch, claim: Callable[..., bool]) -> None:
    """Let two workers list what is due before either claims it."""
    meet = meeting(2)

    def meet_and_claim(*args: Any, **kwargs: Any) -> bool:
        meet()
        return claim(*args, **kwargs)

    monkeypatch.setattr(channels, "_claim", meet_and_claim)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("told_before", [False, True])
def test_of_two_workers_one_sends(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, told_before: bool
) -> None:
    channel = make_channel(receiver.address())
    halted()
    if told_before:
        send_due(channel.pk)
        AlertDelivery.objects.update(sent_at=datetime.now(UTC) - timedelta(hours=2))
        Alert.objects.update(last_at=datetime.now(UTC))
        receiver.got.clear()
    both_meet(monkeypatch, channels._claim)

    assert sorted(side_by_side(lambda: send_due(channel.pk), lambda: send_due(channel.pk))) == [0, 1]
    assert len(receiver.got) == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_claim_both_send(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = make_channel(receiver.address())
    halted()
    both_meet(monkeypatch, lambda *_, **__: True)

    assert side_by_side(lambda: send_due(channel.pk), lambda: send_due(channel.pk)) == [1, 1]
    assert len(receiver.got) == 2


def test_the_database_keeps_one_delivery_per_alert_and_channel(channel: AlertChannel) -> None:
    halted()
    send_due(channel.pk)

    with pytest.raises(IntegrityError), transaction.atomic():
        AlertDelivery.objects.create(alert=Alert.objects.get(), channel=channel, sent_at=NOON)


# --- Saving and trying ------------------------------------------------------------------------------------


def test_the_address_is_encrypted_at_rest(channel: AlertChannel, receiver: Receiver) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT address FROM operations_alertchannel")
        (kept,) = cursor.fetchone()

    assert "t0ken" not in kept
    assert AlertChannel.objects.get().address == receiver.address("t0ken")


def test_switching_on_and_another_address_begin_anew(channel: AlertChannel, moment: Any) -> None:
    def since(*, address: str | None = None, **fields: Any) -> datetime:
        moment.shift(timedelta(hours=1))
        kept = AlertChannel.objects.defer("address").get()
        for name, value in fields.items():
            setattr(kept, name, value)
        save_channel(kept, address=address)
        return AlertChannel.objects.get().since

    first = since(name="Another name")
    assert first == channel.since
    assert since(is_on=False) == first
    assert since(is_on=True) == NOON + timedelta(hours=3)
    assert since(address="json://127.0.0.1:9/") == NOON + timedelta(hours=4)
    assert AlertChannel.objects.get().address == "json://127.0.0.1:9/"


def test_a_test_is_sent(channel: AlertChannel, receiver: Receiver, settings: Any) -> None:
    assert send_test(channel.pk)
    assert not send_test(channel.pk + 1)

    (got,) = receiver.got
    assert got["title"] == settings.SITE_NAME
    assert settings.SITE_URL in got["message"]
    receiver.status = 500
    assert not send_test(channel.pk)
    assert AlertChannel.objects.get().failed_at is not None


def test_sending_takes_as_many_statements_per_alert_for_10_as_for_5(channel: AlertChannel) -> None:
    counted = []
    for size in (5, 10):
        for number in range(size):
            halted(cause=f"provider:{size}:{number}")
        with CaptureQueriesContext(connection) as asked:
            assert send_due(channel.pk) == size
        counted.append((len(asked) - 4) / size)

    assert counted[0] == counted[1]
