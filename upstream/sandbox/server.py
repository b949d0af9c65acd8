"""The sandbox on a socket: HTTP/1.1 with kept connections, at `/api/v2` and `/api/v2/`, by POST and GET."""

import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Self

from upstream.sandbox.actions import REQUIRED, action_of
from upstream.sandbox.faults import HTML_TYPE, Answer, Faults
from upstream.sandbox.forms import fields_of
from upstream.sandbox.sandbox import OTHER, Sandbox
from upstream.sandbox.settings import Settings

API_PATH = "/api/v2"
MAX_BODY_BYTES = 1024 * 1024
POLL_SECONDS = 0.01
CLOSE_SECONDS = 2.0

HOME = b"""<!doctype html>
<html lang="en"><title>Sandbox provider</title>
<h1>Sandbox provider</h1>
<p>A provider to try things on. Its API v2 is at <code>/api/v2</code>, by POST and GET.</p>
</html>
"""
NOT_FOUND = b"<!doctype html><title>404</title><h1>Not Found</h1>\n"

_LENGTH = re.compile(r"[0-9]{1,9}")


class SandboxServer(Sandbox):
    """A sandbox that listens from its making until `close`; a context manager.

    `port` 0 takes a free one. `log` is given a line for each call, without its fields. Raises OSError when
    the port is taken, and ValueError for a journal that cannot be read.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Callable[[str], None] | None = None,
    ) -> None:
        # The port first: who does not get it must not touch the journal of who has it.
        self._listener = _Listener((host, port), sandbox=self, log=log)
        try:
            super().__init__(settings, faults=faults, clock=clock)
        except BaseException:
            self._listener.server_close()
            raise
        self.url = f"http://{host}:{self._listener.server_port}{API_PATH}"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(POLL_SECONDS,), name="sandbox-provider", daemon=True
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and close every connection; calls under way get no answer. May be called twice."""
        self._listener.shutdown()
        self._listener.server_close()
        self.stop_waiting()
        self._listener.hang_up()
        super().close()


class _Listener(ThreadingHTTPServer):
    """Keeps its connections in view, because a kept one would be served on after the close."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self, address: tuple[str, int], *, sandbox: Sandbox, log: Callable[[str], None] | None
    ) -> None:
        self.sandbox = sandbox
        self.log = log
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without the base's look-up of the host's name, which may ask a name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its own thread."""
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        super().shutdown_request(request)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that go away; let everything else be seen."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Close every connection and wait, two seconds at most, until its thread is done with it."""
        with self._changed:
            for connection in self._connections:
                with suppress(OSError):  # the client was quicker
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, timeout=CLOSE_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    """Reads one call after the other off a connection."""

    server: _Listener
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # head and body in one packet

    def do_GET(self) -> None:
        """Answer a call, or show the page."""
        self._read_and_respond(self.headers.get("Content-Length", "0"))

    def do_POST(self) -> None:
        """Answer a call."""
        self._read_and_respond(self.headers.get("Content-Length", ""))

    def handle_expect_100(self) -> bool:
        """Let the client go on at once: the buffer would keep it waiting."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the base's lines quote the query, and in it the key."""

    def _read_and_respond(self, length: str) -> None:
        if not _LENGTH.fullmatch(length):
            self.send_error(411)  # chunked bodies included: no client of such a provider sends them
        elif int(length) > MAX_BODY_BYTES:
            self.send_error(413)
        elif len(body := self.rfile.read(int(length))) == int(length):
            self._respond(body)
        else:
            self._send(None)  # a cut-off form may read as an order of a smaller quantity

    def _respond(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        if path.rstrip("/") == API_PATH:
            fields = fields_of(query, self.headers.get("Content-Type", ""), body)
            answer = self.server.sandbox.handle(fields)
            self._log(action_of(fields), answer)
        elif path == "/":
            answer = Answer(HOME, content_type=HTML_TYPE)
        else:
            answer = Answer(NOT_FOUND, status=404, content_type=HTML_TYPE)
        self._send(answer)

    def _send(self, answer: Answer | None) -> None:
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _log(self, action: str, answer: Answer | None) -> None:
        if self.server.log is not None:
            shown = action if action in REQUIRED else OTHER
            self.server.log(f"{self.command} {shown} {answer.status if answer else 'no answer'}")
