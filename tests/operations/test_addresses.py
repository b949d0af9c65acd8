import logging
import time

import pytest
from apprise.manager_plugins import NotificationManager

from operations import addresses
from operations.addresses import SCHEMAS, AddressError, check_address, send
from tests.operations.receiver import Receiver


@pytest.mark.parametrize(
    "address",
    [
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "json://127.0.0.1:8080/hook",
        "ntfys://ntfy.example.com/topic",
    ],
)
def test_what_is_taken(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        *("syslog://", "rsyslog://localhost", "dbus://", "kde://", "gnome://", "macosx://", "windows://"),
        *("file:///etc/passwd", "mailto://user:pass@example.com", "vapid://a@b.c/d?keyfile=/etc/passwd"),
        *("fcm://project/device?keyfile=/etc/passwd", "workflow://a:443/b/c?template=/etc/passwd"),
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?template=/etc/passwd",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?TEMPLATE=file:///etc/passwd",
        *("json://", "tgram://x", "slack://", "http://example.com", "nonsense", "", "://", "json://[::1"),
    ],
)
def test_what_is_refused(address: str) -> None:
    with pytest.raises(AddressError):
        check_address(address)
    with pytest.raises(AddressError):
        send(address, title="…", body="…")


def test_every_kind_that_is_taken_is_one_that_apprise_knows() -> None:
    assert set(NotificationManager().schemas()) >= SCHEMAS


def test_a_message_arrives(receiver: Receiver) -> None:
    assert send(receiver.address(), title="Провайдер", body="<b>100%</b>\n&amp;")

    (got,) = receiver.got
    assert (got["title"], got["message"], got["path"]) == ("Провайдер", "<b>100%</b>\n&amp;", "/hook")


@pytest.mark.parametrize("status", [301, 401, 404, 500])
def test_a_refusal_is_told(receiver: Receiver, status: int) -> None:
    receiver.status = status

    assert not send(receiver.address(), title="…", body="…")


def test_nobody_there_is_told() -> None:
    assert not send("json://127.0.0.1:9/hook", title="…", body="…")


def test_who_does_not_answer_is_not_waited_for(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "TIMEOUT_SECONDS", 0.2)
    receiver.seconds = 3
    began_at = time.monotonic()

    # Whatever the address itself asks for.
    assert not send(f"{receiver.address()}?rto=600&cto=600&retry=5&wait=60", title="…", body="…")

    assert time.monotonic() - began_at < 2
    assert len(receiver.got) == 1


def test_no_log_has_the_address(receiver: Receiver, capfd: pytest.CaptureFixture[str]) -> None:
    for status in (200, 500):
        receiver.status = status
        send(receiver.address("t0ken-t0ken-t0ken"), title="…", body="…")
    with pytest.raises(AddressError):
        send("tgram://t0ken", title="…", body="…")

    assert "t0ken" not in capfd.readouterr().err
    assert not logging.getLogger("apprise").isEnabledFor(logging.ERROR)
