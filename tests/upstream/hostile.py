"""What a provider may send to do harm: bytes on the wire, values in JSON, texts."""

import functools
import gzip
import json
import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from catalog import connecting
from tests.upstream.scripted import (
    Behaviour,
    answer,
    close,
    drip,
    endless,
    gzip_bomb,
    reset,
    send,
    silence,
    then_close,
)
from upstream.client import MAX_CATALOGUE_BYTES, Client

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BLOCK = b" " * 65536
GOOD_FOR_ALL = b'[{"order": "1242", "status": "Canceled", "remains": "1", "balance": "7.77"}]'
"""What each call would believe, if it came whole and well."""

ALERT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
TURNED = "\u202eevil\u2066\u200f\x00\x1b[31m\ud800"
HOSTILE_TEXT = f"{ALERT} {IMAGE} {{{{ 7 }}}} {{% now %}} {TURNED}"
"""Markup, a template, marks of direction, NUL, an escape sequence, half a character."""

NUMBERS: dict[str, str] = {
    "400 digits": "9" * 400,
    "400 digits as a text": '"' + "9" * 400 + '"',
    "400 decimals": "0." + "1" * 400,
    "NaN": "NaN",
    "NaN as a text": '"NaN"',
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e999": "1e999",
    "1e999 as a text": '"1e999"',
    "1e-999": "1e-999",
    "true": "true",
    "a list": "[1, 2]",
    "an object": '{"a": {"b": 1}}',
    "markup": json.dumps(HOSTILE_TEXT),
    "10 kB": '"' + "7a" * 5000 + '"',
    "NUL inside": '"12\\u000034"',
    "a mark of direction inside": '"12\\u202e34"',
    "half a character": '"12\\ud800"',
    "digits of another script": '"\u0661\u0662"',
}
"""What stands as JSON where a number is expected, and is none that can be kept."""


def stream(head: bytes, block: bytes, times: int) -> Behaviour:
    """Write a head, and a block again and again, made as it goes; then close."""

    def writing(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(times):
            connection.sendall(block)
        close(connection)

    return writing


def json_text(text: str) -> Behaviour:
    """Answer with JSON as it is written here."""
    return answer(text.encode())


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Behave differently at each call, and as at last for all further ones."""
    left = list(behaviours)
    return lambda connection: (left.pop(0) if len(left) > 1 else left[0])(connection)


def moved(status: int, to: str, *, body: bytes = b"") -> Behaviour:
    """Send the caller, with what it has, to another host."""
    return answer(body, status=status, headers={"Location": to})


@functools.cache
def _bomb_in_a_bomb() -> bytes:
    return gzip.compress(gzip.compress(b" " * (100 << 20)))


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _chunked_bomb() -> Behaviour:
    head = OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    return send(head + _chunk(gzip.compress(b" " * (100 << 20))) + b"0\r\n\r\n")


def _floods(connection: socket.socket) -> None:
    """Write ninety cookies of 64 kB, which are slow to parse, before a good answer."""
    with suppress(OSError):
        connection.sendall(OK)
        for number in range(90):  # one at a time: the memory that tests measure is this process's too
            connection.sendall(b"Set-Cookie: c%d=%s\r\n" % (number, b"=;, " * 16000))
        connection.sendall(b"\r\n" + GOOD_FOR_ALL)
    close(connection)


def _framed(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(line + b"\r\n" for line in (b"Content-Length: %d" % len(body), *headers))
    return OK + lines + b"\r\n" + body


LOST: dict[str, Callable[[], Behaviour]] = {
    "100 MB with a length": endless,
    "100 MB without a length": lambda: stream(OK + b"\r\n", BLOCK, 1600),
    "100 MB in chunks": lambda: stream(CHUNKED, _chunk(BLOCK), 1600),
    "chunks without an end": lambda: stream_then_silence(CHUNKED + _chunk(GOOD_FOR_ALL)),
    "a chunk's length without an end": lambda: stream(CHUNKED + b"f;", b"x" * 65536, 1600),
    "trailers without an end": lambda: stream_then_silence(
        CHUNKED + _chunk(GOOD_FOR_ALL) + b"0\r\n" + b"X: x\r\n" * 9999
    ),
    "gzip bomb": lambda: gzip_bomb(100),
    "gzip bomb in chunks": _chunked_bomb,
    "gzip bomb in a bomb": lambda: answer(_bomb_in_a_bomb(), headers={"Content-Encoding": "gzip, gzip"}),
    "no gzip": lambda: answer(GOOD_FOR_ALL, headers={"Content-Encoding": "gzip"}),
    "a header of 1 MB": lambda: send(_framed(GOOD_FOR_ALL, b"X-Long: " + b"x" * (1 << 20))),
    "10,000 headers": lambda: send(_framed(GOOD_FOR_ALL, *[b"X-Many: x"] * 10_000)),
    "6 MB of cookies": lambda: _floods,
    "interim answers without an end": lambda: stream(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4000, 200),
    "no status line": lambda: then_close(send(b"\x00\xff\r\n\r\n" + GOOD_FOR_ALL)),
    "a status of words": lambda: then_close(send(b"HTTP/1.1 OK 200\r\n\r\n" + GOOD_FOR_ALL)),
    "HTTP/0.9": lambda: then_close(send(GOOD_FOR_ALL)),
    "closed in the head": lambda: then_close(send(OK + b"Content-Le")),
    "closed in the middle": lambda: then_close(send(_framed(GOOD_FOR_ALL)[:-5])),
    "closed at once": lambda: close,
    "reset": lambda: reset,
    "silence": lambda: silence,
    "a byte a second": lambda: drip(
        _framed(GOOD_FOR_ALL), at_once=len(_framed(GOOD_FOR_ALL)) - 20, every_seconds=1.0
    ),
    "a byte a second from the first": lambda: drip(_framed(GOOD_FOR_ALL), at_once=0, every_seconds=1.0),
}
"""Answers that never come whole, in time and in size."""

UNREADABLE: dict[str, Callable[[], Behaviour]] = {
    "empty": lambda: answer(b""),
    "HTML": lambda: answer(b"<html>" + ALERT.encode() + GOOD_FOR_ALL),
    "100,000 brackets": lambda: answer(b"[" * 100_000),
    "100,000 brackets, closed": lambda: answer(b"[" * 100_000 + b"]" * 100_000),
    "deep objects": lambda: answer(b'{"a":' * 40_000 + b"1" + b"}" * 40_000),
    "two objects": lambda: answer(GOOD_FOR_ALL + GOOD_FOR_ALL),
    "two orders": lambda: answer([{"order": "1242"}, {"order": "1243"}]),
    "cut off": lambda: answer(GOOD_FOR_ALL[:-1]),
    "UTF-16": lambda: answer(
        GOOD_FOR_ALL.decode().encode("utf-16"), headers={"Content-Type": "application/json; charset=utf-16"}
    ),
    "brotli that is none": lambda: answer(b"\x8b\x05\x80" * 9, headers={"Content-Encoding": "br"}),
    "null": lambda: answer(b"null"),
    "a text": lambda: answer(ALERT),
    "a number": lambda: answer(b"1242"),
    "a list of lists": lambda: answer([[[{"order": "1242"}]]]),
    "nothing known": lambda: answer({HOSTILE_TEXT: HOSTILE_TEXT}),
    "a 500": lambda: answer(GOOD_FOR_ALL, status=500),
    "a 999": lambda: answer(GOOD_FOR_ALL, status=999),
    "a 204 with words": lambda: then_close(answer(b"<html>", status=204)),
}
"""Whole answers out of which no call can read what it asked for."""

BAD: dict[str, Callable[[], Behaviour]] = LOST | UNREADABLE

_FULL = MAX_CATALOGUE_BYTES - 16

HEAVY: dict[str, Callable[[], Behaviour]] = {
    "small objects": lambda: answer(b"[" + b",".join([b'{"a":[]}'] * (_FULL // 9)) + b"]"),
    "empty lists": lambda: answer(b"[" + b",".join([b"[]"] * (_FULL // 3)) + b"]"),
    "short texts": lambda: answer(b"[" + b",".join([b'"ab"'] * (_FULL // 5)) + b"]"),
    "1,000,000 keys": lambda: answer(
        b'[{"service":"1",' + b",".join(b'"k%d":"v"' % number for number in range(1_000_000)) + b"}]"
    ),
    "a text of wide characters": lambda: answer(b'["' + "😀".encode() * (_FULL // 4) + b'"]'),
    "HTML": lambda: answer(b"<" * _FULL),
}
"""Catalogues within the bound of size that are made to be costly."""


def stream_then_silence(data: bytes) -> Behaviour:
    """Write, keep the connection, and say nothing more."""

    def both(connection: socket.socket) -> None:
        connection.sendall(data)
        silence(connection)

    return both


def impatient(monkeypatch: pytest.MonkeyPatch, *, seconds: float = 2.0) -> None:
    """Have the clients that tasks make wait no longer than this for an answer."""
    connecting._client.cache_clear()
    monkeypatch.setattr(
        connecting,
        "Client",
        lambda *args, **more: Client(*args, **more | {"read_timeout_seconds": seconds}),
    )


def assert_harmless(page: str) -> None:
    """Demand that nothing of `HOSTILE_TEXT` acts in a page."""
    for spelled in (ALERT, "<img src=x", "\u202e", "\u2066", "\u200f", "\x00", "\x1b", "\ud800"):
        assert spelled not in page
