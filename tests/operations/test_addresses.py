import logging
import time
from typing import Any

import pytest
from apprise.manager_plugins import NotificationManager

from operations import addresses
from operations.addresses import SCHEMAS, AddressError, InnerAddressError, check_address, send
from tests.operations.receiver import Receiver, receiving

TRICKS = [
    *("?footer=no;template=/etc/passwd", "#?template=/etc/passwd", "?a#&template=/etc/passwd"),
    *("?t%65mplate=/etc/passwd", "? template =/etc/passwd", "?+template=/etc/passwd", "?keyfile"),
]


@pytest.mark.parametrize(
    "address",
    [
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "json://1.1.1.1:8080/hook",
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
        # Parameters as Apprise finds them, and no other reader of addresses does.
        *(f"discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js{trick}" for trick in TRICKS),
        *(f"json://example.com/hook?{name}=PUT" for name in ("method", "Method", "+method", "redirect")),
        *(f"json://example.com/hook?{name}=/etc/passwd" for name in ("subfile", ":file", "-attach")),
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


def test_nobody_there_is_told(settings: Any) -> None:
    settings.ALERTS_TO_INNER_ADDRESSES = True
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


# --- What leads inside ------------------------------------------------------------------------------------

INSIDE = [
    "json://127.0.0.1/hook",
    "jsons://user:password@10.1.2.3:8443/hook",
    "xml://172.16.0.1",
    "form://192.168.1.1",
    "json://169.254.169.254/latest",
    "json://[::1]/hook",
    "json://2130706433/hook",
    "json://localhost/hook",
    "json://LOCALHOST/hook",
    "ntfy://127.0.0.1/topic",
    "gotify://localhost/aaaaaaaaaaaaaaa",
    "bark://127.0.0.1/key",
    "matrix://user:password@localhost:8008/#room",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_leads_inside_is_refused(address: str, settings: Any) -> None:
    with pytest.raises(InnerAddressError, match="ALERTS_TO_INNER_ADDRESSES"):
        check_address(address)
    with pytest.raises(InnerAddressError):
        send(address, title="…", body="…")
    settings.ALERTS_TO_INNER_ADDRESSES = True
    check_address(address)


def test_no_name_server_is_asked_about_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(addresses, "inner_address_of", asked.append)

    check_address("tgram://123456789:abcdefg_hijklmnop/12315544/")
    check_address("ntfys://topic")
    check_address("json://example.com/t0ken")

    assert asked == ["example.com"]


def test_a_name_that_leads_inside_by_now_is_not_called(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALERTS_TO_INNER_ADDRESSES = False
    monkeypatch.setattr(addresses, "inner_address_of", lambda host: None)  # as it was a moment ago

    assert not send(receiver.address(), title="…", body="…")

    assert receiver.got == []
    assert "connection.inner address=('127.0.0.1'," in caplog.text


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.status, receiver.location = 307, f"http://127.0.0.1:{elsewhere.port}/hook"
        assert not send(receiver.address(), title="…", body="…")
        assert (len(receiver.got), elsewhere.got) == (1, [])
