"""A server on a real socket that takes what channels are sent."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What came, in order; `status` is what is answered, after `seconds`, with `location` if there is one."""

    port: int = 0
    status: int = 200
    location: str = ""
    seconds: float = 0.0
    got: list[dict[str, Any]] = field(default_factory=list)

    def address(self, path: str = "hook") -> str:
        """Return the Apprise address that leads here; its path is what nobody may read."""
        return f"json://127.0.0.1:{self.port}/{path}"

    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a port of the system's choice."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(json.loads(body) | {"path": self.path})
            time.sleep(receiver.seconds)
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiver
        server.shutdown()
