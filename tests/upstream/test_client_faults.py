"""What the network can do to a call, over real sockets: what was not sent is told from what may have been."""

import gzip
import json
import logging
import random
import socket
import ssl
import time
import traceback
import tracemalloc
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.exceptions import HTTPError

from tests.upstream.scripted import (
    Behaviour,
    answer,
    close,
    drip,
    endless,
    gzip_bomb,
    reset,
    scripted_server,
    send,
    silence,
    then_close,
    unused_url,
)
from upstream import transport
from upstream.client import MAX_ANSWER_BYTES, MAX_STATUSES_BYTES, Client
from upstream.errors import Later, ProviderError, Uncertain

KEY = "s3cret/key+0123456789"
MANY = [str(number) for number in range(1, 101)]
PLACED = b'{"order": 1242}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + PLACED
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def client_of(url: str, **options: object) -> Client:
    return Client(url, KEY, connect_timeout_seconds=1, **({"read_timeout_seconds": 3} | options))  # type: ignore[arg-type]


def add(client: Client) -> object:
    return client.add(service_id="1", link="https://example.com/", quantity=10)


def fault_of(call: Callable[[], object]) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        call()
    return raised.value


def _first_of_many(client: Client) -> None:
    found = client.statuses(MANY)["1"]
    assert isinstance(found, ProviderError)
    raise found


def fault_of_add(behave: Behaviour, **options: object) -> ProviderError:
    with scripted_server(any=behave) as server, closing(client_of(server.url, **options)) as client:
        error = fault_of(lambda: add(client))
        # Never a second try, whatever happened to the first.
        assert server.actions() == ["add"]
    return error


# --- Nothing was sent ------------------------------------------------------------------------------------


UNREACHABLE: dict[str, Callable[[], str]] = {
    "refused": unused_url,  # chosen by the test itself: what is free now may be taken later
    "no such name": lambda: "http://no-such-host.invalid/api",
    "port": lambda: "http://[::1]:9/",
}


@pytest.mark.parametrize("why", UNREACHABLE)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_nothing_sent(why: str, method: str) -> None:
    with closing(client_of(UNREACHABLE[why](), method=method)) as client:
        for call in (lambda: add(client), lambda: client.cancel("1"), client.balance, client.services):
            error = fault_of(call)
            assert (type(error), error.rule, error.http_status) == (Later, "nothing_sent", None), why
            assert isinstance(error, Later)
            assert not error.paces_provider
            assert KEY not in error.text


def test_connect_timeout_sends_nothing() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        # The kernel's queue of unaccepted connections is full: further ones are not answered.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with closing(Client(f"http://127.0.0.1:{port}/", KEY, connect_timeout_seconds=0.3)) as client:
            error = fault_of(lambda: add(client))
        for one in waiting:
            one.close()
    assert (type(error), error.rule) == (Later, "nothing_sent")


def test_failed_tls_handshake_sends_nothing() -> None:
    with scripted_server(any=answer({"order": 1})) as server:
        with closing(client_of(server.url.replace("http:", "https:"))) as client:
            error = fault_of(lambda: add(client))
        assert server.calls == []
    assert (type(error), error.rule) == (Later, "nothing_sent")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a fresh key and a certificate of its own for 127.0.0.1, which nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scripted")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(pem))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_untrusted_certificate_sends_nothing(tls: ssl.SSLContext) -> None:
    with scripted_server(tls=tls, any=answer(PLACED)) as server:
        with closing(client_of(server.url)) as client:
            error = fault_of(lambda: add(client))
        assert server.calls == []
    assert (type(error), error.rule) == (Later, "nothing_sent")
    assert "certificate" in error.text


@pytest.mark.parametrize("behave", [drip(WHOLE, at_once=20), close, reset, then_close(send(WHOLE[:-1]))])
def test_lost_answer_over_tls_is_uncertain(behave: Behaviour, tls: ssl.SSLContext, certificate: Path) -> None:
    with (
        scripted_server(tls=tls, balance=answer({"balance": "1"}), add=behave) as server,
        closing(client_of(server.url, read_timeout_seconds=0.6)) as client,
    ):
        client._transport._session.verify = str(certificate)
        assert client.balance().verified
        assert client.balance().verified
        begun = time.monotonic()
        error = fault_of(lambda: add(client))
    assert time.monotonic() - begun < 2
    assert (type(error), error.rule) == (Uncertain, "no_answer")
    assert {call.connection for call in server.calls} == {1}


# --- It may have been sent -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(close, id="closed without an answer"),
        pytest.param(reset, id="reset before an answer"),
        pytest.param(silence, id="no answer in time"),
        pytest.param(then_close(send(b"HTTP/1.1 200 O")), id="cut status line"),
        pytest.param(then_close(send(b"HTTP/1.1 200 OK\r\nContent-")), id="cut headers"),
        pytest.param(then_close(send(WHOLE[:-1])), id="cut body"),
        pytest.param(then_close(send(CHUNKED + b"f\r\n" + PLACED)), id="cut chunks"),
        pytest.param(then_close(send(CHUNKED + b"zz\r\n" + PLACED)), id="broken chunks"),
        pytest.param(send(b"\x00\xff" * 100 + b"\r\n\r\n"), id="no HTTP"),
        pytest.param(answer(b"no gzip", headers={"Content-Encoding": "gzip"}), id="broken gzip"),
        pytest.param(
            answer(gzip.compress(b" " * 10**6)[:-20], headers={"Content-Encoding": "gzip"}), id="cut gzip"
        ),
        pytest.param(answer(PLACED, headers={"Content-Length": "15, 16"}), id="two lengths"),
    ],
)
def test_lost_answer_of_add_is_uncertain(behave: Behaviour) -> None:
    error = fault_of_add(behave, read_timeout_seconds=0.4)
    assert type(error) is Uncertain
    assert error.rule in ("no_answer", "no_clear_answer")


@pytest.mark.parametrize("behave", [close, reset, silence, then_close(send(WHOLE[:-1]))])
def test_lost_answers_of_other_calls(behave: Behaviour) -> None:
    with (
        scripted_server(any=behave) as server,
        closing(client_of(server.url, read_timeout_seconds=0.4)) as client,
    ):
        assert type(fault_of(lambda: client.cancel("1"))) is Uncertain
        for call in (client.balance, client.services, lambda: client.status("1")):
            error = fault_of(call)
            assert (type(error), error.rule) == (Later, "no_answer")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param((WHOLE, 0), id="from the status line"),
        pytest.param((WHOLE, 20), id="in the headers"),
        pytest.param((WHOLE, len(WHOLE) - 14), id="in the body"),
        pytest.param((CHUNKED + b"f" + b";" * 100, len(CHUNKED)), id="in a chunk's length"),
        pytest.param((b"HTTP/1.1 100 Continue\r\n\r\n" * 10, 25), id="in interim answers"),
    ],
)
def test_dripping_answer_ends_at_the_deadline(data: tuple[bytes, int]) -> None:
    begun = time.monotonic()
    error = fault_of_add(drip(data[0], at_once=data[1]), read_timeout_seconds=0.6)
    assert (type(error), error.rule) == (Uncertain, "no_answer")
    assert 0.5 < time.monotonic() - begun < 2


def test_slow_answer_within_the_deadline_is_read() -> None:
    slow = drip(WHOLE, at_once=len(WHOLE) - 4, every_seconds=0.05)
    with (
        scripted_server(any=slow) as server,
        closing(client_of(server.url, read_timeout_seconds=3)) as client,
    ):
        assert add(client)


MOVED = {"Location": "http://127.0.0.1:9/"}


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(endless(), id="endless"),
        pytest.param(gzip_bomb(100), id="gzip"),
        # requests reads a redirect's body for itself, though it is not to follow it.
        pytest.param(endless(status=302, headers=MOVED), id="endless redirect"),
        pytest.param(gzip_bomb(100, status=302, headers=MOVED), id="gzip redirect"),
    ],
)
def test_endless_body_is_cut(behave: Behaviour) -> None:
    tracemalloc.start()
    error = fault_of_add(behave, max_bytes=100_000, read_timeout_seconds=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (type(error), error.rule) == (Uncertain, "no_answer")
    assert "100000 bytes" in error.text
    # The bomb of the test itself is a hundred kilobytes; a hundred megabytes would show.
    assert peak < 20_000_000


@pytest.mark.parametrize(
    ("call", "kind", "most"),
    [
        pytest.param(add, Uncertain, MAX_ANSWER_BYTES, id="add"),
        pytest.param(lambda client: client.cancel("1"), Uncertain, MAX_ANSWER_BYTES, id="cancel"),
        pytest.param(lambda client: client.status("1"), Later, MAX_ANSWER_BYTES, id="status"),
        pytest.param(Client.balance, Later, MAX_ANSWER_BYTES, id="balance"),
        pytest.param(_first_of_many, Later, MAX_STATUSES_BYTES, id="statuses"),
    ],
)
def test_answer_is_bounded_by_what_is_asked(
    call: Callable[[Client], object], kind: type[ProviderError], most: int
) -> None:
    """A list of small objects takes sixty times its size in memory: only a catalogue may be long."""
    filled, too_long = (b"[" + b'{"a":[]},' * 120_000)[: most - 4] + b"    ", b"[" + b" " * most
    with scripted_server(any=answer(filled)) as server, closing(client_of(server.url)) as client:
        assert fault_of(lambda: call(client)).rule == "no_clear_answer"
        server.script["any"] = answer(too_long)
        error = fault_of(lambda: call(client))
    assert (type(error), error.rule) == (kind, "no_answer")
    assert f"{most} bytes" in error.text


def test_catalogue_may_be_long() -> None:
    long = answer(b"[" + b" " * MAX_STATUSES_BYTES + b"]")
    with scripted_server(any=long) as server, closing(client_of(server.url)) as client:
        assert client.services().rows == ()


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("body", [b"<html><h1>Welcome", b"", b'{"order": 12', b"null", b"[" * 50_000])
def test_unreadable_answer_of_add_is_uncertain(body: bytes, status: int) -> None:
    error = fault_of_add(answer(body, status=status))
    assert (type(error), error.http_status) == (Uncertain, status)


def test_error_of_a_500_counts() -> None:
    assert fault_of_add(answer({"error": "Insuffcient Funds"}, status=500)).rule == "funds"


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(answer(b"\xef\xbb\xbf" + PLACED), id="byte order mark"),
        pytest.param(
            answer(PLACED, headers={"Content-Type": "text/html; charset=windows-1251"}), id="wrong type"
        ),
        pytest.param(answer(gzip.compress(PLACED), headers={"Content-Encoding": "gzip"}), id="gzip"),
        pytest.param(send(CHUNKED + b"f\r\n" + PLACED + b"\r\n0\r\n\r\n"), id="chunks"),
        pytest.param(then_close(send(b"HTTP/1.0 200 OK\r\n\r\n" + PLACED)), id="until it closes"),
    ],
)
def test_odd_answer_is_read(behave: Behaviour) -> None:
    with scripted_server(any=behave) as server, closing(client_of(server.url)) as client:
        assert add(client)


@pytest.mark.parametrize("kind", [HTTPError, OSError, ValueError, requests.RequestException])
def test_fault_of_the_libraries_is_uncertain(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(client_of(unused_url())) as client:

        def request(*args: object, **kwargs: object) -> None:
            raise kind(f"url: /api?key={KEY}")

        monkeypatch.setattr(client._transport._session, "request", request)
        error = fault_of(lambda: add(client))
    assert (type(error), error.rule) == (Uncertain, "no_answer")
    assert "s3cret" not in "".join(traceback.format_exception(error))


def test_link_that_is_no_text_is_left_to_a_person() -> None:
    with scripted_server(any=answer(PLACED)) as server, closing(client_of(server.url)) as client:
        error = fault_of(lambda: client.add(service_id="1", link="https://example.com/\ud800", quantity=1))
        assert server.calls == []
    assert type(error) is Uncertain


def test_redirect_is_not_followed() -> None:
    with scripted_server(any=answer(PLACED)) as other:
        moved = answer(b"", status=302, headers={"Location": other.url})
        with scripted_server(any=moved) as server, closing(client_of(server.url)) as client:
            error = fault_of(lambda: add(client))
        assert server.actions() == ["add", "balance"]
        assert other.calls == []
    assert error.rule == "misconfigured"


def test_garbage_is_always_a_typed_error() -> None:
    chance = random.Random(7)

    def garbage(connection: socket.socket) -> None:
        junk = bytearray(WHOLE)
        for _ in range(chance.randrange(1, 12)):
            junk[chance.randrange(len(junk))] = chance.randrange(256)
        connection.sendall(junk)
        close(connection)

    with scripted_server(any=garbage) as server, closing(client_of(server.url)) as client:
        for _ in range(150):
            with suppress(ProviderError):
                add(client)


# --- Idle connections ------------------------------------------------------------------------------------


def test_idle_connection_is_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_IDLE_SECONDS", 0.2)
    with scripted_server(any=answer(PLACED)) as server, closing(client_of(server.url)) as client:
        add(client)
        add(client)
        time.sleep(0.3)
        add(client)
    assert [call.connection for call in server.calls] == [1, 1, 2]


def test_connection_that_the_server_closed_is_not_reused() -> None:
    with scripted_server(any=then_close(answer(PLACED))) as server, closing(client_of(server.url)) as client:
        for _ in range(3):
            add(client)
            time.sleep(0.05)
    assert [call.connection for call in server.calls] == [1, 2, 3]


# --- The key ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(answer({"error": f"Invalid API key {KEY}"}), id="echoed"),
        pytest.param(
            answer(f"<html>{KEY} ?key=s3cret%2Fkey%2B0123456789 s3cret\\/key+0123456789".encode()), id="html"
        ),
        pytest.param(answer(b"x" * 1990 + KEY.encode()), id="cut in half"),
        pytest.param(answer(json.dumps({"order": 5, "error": KEY}).encode()), id="order and error"),
        pytest.param(close, id="closed"),
        pytest.param(silence, id="silent"),
        pytest.param(send(f"HTTP/1.1 {KEY}\r\n\r\n".encode()), id="bad status line"),
        pytest.param(send(b"HTTP/1.1 200 OK\r\n: " + KEY.encode() + b"\r\nbad\r\n\r\n"), id="bad headers"),
    ],
)
def test_key_is_nowhere(behave: Behaviour, method: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        scripted_server(any=behave) as server,
        closing(client_of(server.url, method=method, read_timeout_seconds=0.3)) as client,
    ):
        for call in (lambda: add(client), client.balance, client.services, lambda: client.cancel("1")):
            error = fault_of(call)
            error.__suppress_context__ = False  # what is only hidden would still reach an error tracker
            shown = (
                "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(client) + caplog.text
            )
            for spelling in ("s3cret", "0123456789"):
                assert spelling not in shown
