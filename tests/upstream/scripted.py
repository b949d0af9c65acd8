"""A server on a real socket that answers with whatever bytes, at whatever pace, a test wants."""

import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

Behaviour = Callable[[socket.socket], None]


@dataclass
class Call:
    """A request as it came: its method, target and form or query fields, and which connection brought it."""

    method: str
    target: str
    headers: dict[str, str]
    fields: dict[str, str]
    connection: int


@dataclass
class ScriptedServer:
    """Answers each action by its own behaviour; `calls` has every request, in order."""

    url: str
    script: dict[str, Behaviour]
    calls: list[Call] = field(default_factory=list)

    def actions(self) -> list[str]:
        return [call.fields.get("action", "") for call in self.calls]


@contextmanager
def scripted_server(*, tls: ssl.SSLContext | None = None, **script: Behaviour) -> Iterator[ScriptedServer]:
    """Serve; `script` says what happens after a request of an action was read (`any` for all the others)."""
    scheme = "https" if tls else "http"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = ScriptedServer(
            url=f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/api/v2", script=script
        )
        threading.Thread(target=_accept, args=(listening, server, tls), daemon=True).start()
        yield server


def _accept(listening: socket.socket, server: ScriptedServer, tls: ssl.SSLContext | None) -> None:
    number = 0
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            number += 1
            threading.Thread(target=_serve, args=(connection, server, number, tls), daemon=True).start()


def _serve(accepted: socket.socket, server: ScriptedServer, number: int, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError), tls.wrap_socket(accepted, server_side=True) if tls else accepted as connection:
        while call := _read_call(connection, number):
            server.calls.append(call)
            behave = server.script.get(call.fields.get("action", ""), server.script.get("any"))
            assert behave is not None
            behave(connection)


def _read_call(connection: socket.socket, number: int) -> Call | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    method, target, _ = lines[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    fields = dict(parse_qsl(urlsplit(target).query) + parse_qsl(body.decode()))
    return Call(method, target, headers, fields, number)


def answer(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    """Answer with bytes as they are, or with anything else as JSON, and keep the connection."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return send(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + data)


def send(data: bytes) -> Behaviour:
    """Write these bytes, whatever they are."""
    return lambda connection: connection.sendall(data)


def close(connection: socket.socket) -> None:
    """Close without an answer."""
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """Reset the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def silence(connection: socket.socket) -> None:
    """Keep the connection and say nothing until the caller goes."""
    connection.recv(1)


def then_close(behave: Behaviour) -> Behaviour:
    """Behave, and close the connection."""

    def both(connection: socket.socket) -> None:
        behave(connection)
        close(connection)

    return both


def drip(data: bytes, *, at_once: int, every_seconds: float = 0.1) -> Behaviour:
    """Write the first bytes at once and the others one by one."""

    def dripping(connection: socket.socket) -> None:
        connection.sendall(data[:at_once])
        for byte in data[at_once:]:
            time.sleep(every_seconds)
            connection.sendall(bytes([byte]))

    return dripping


def endless(*, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    """Write a hundred megabytes of JSON blanks, made as they go."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())

    def writing(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {status} Whatever\r\n{lines}Content-Length: 104857600\r\n\r\n".encode())
        for _ in range(1600):
            connection.sendall(b" " * 65536)

    return writing


def gzip_bomb(megabytes: int, *, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    """Answer with that many megabytes of blanks in a few kilobytes of gzip."""
    packed = gzip.compress(b" " * (megabytes << 20))
    return answer(packed, status=status, headers={"Content-Encoding": "gzip", **(headers or {})})


def unused_url() -> str:
    """Return an address of this machine that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}/api/v2"
