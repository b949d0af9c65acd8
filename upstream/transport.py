"""One HTTP call: what was surely not sent is told from what may have been, and nothing takes for ever."""

import io
import logging
import math
import re
import time
from http.client import HTTPResponse as PlainResponse
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from upstream.cleaning import Secret
from upstream.replies import Reply

CHUNK_BYTES = 64 * 1024

WITHOUT_BODY = frozenset({204, 304})
"""Statuses whose answers end with their head."""

MAX_HEAD_BYTES = 256 * 1024
"""An answer's status line and headers, interim answers included: http.client alone takes six megabytes."""

MAX_IDLE_SECONDS = 1.0
"""How long an idle connection may be and still be used again.

A server that closes an idle connection just when a call is written to it leaves no way to know whether it
took the call, which makes an `add` uncertain. Servers keep idle connections for two seconds (gunicorn) or
more, so younger ones are safe, and calls made one after the other still share a connection. A new connection
for each `add` was rejected: it costs a TLS handshake each time.
"""


class NothingSent(Exception):
    """Raised when no connection was made (refused, DNS, TLS, timeout): not a byte of the call was written."""


class NoAnswer(Exception):
    """Raised when the call may have been written, and no whole answer came back in time and size."""


def check_address(url: str) -> None:
    """Raise ValueError for an address that no call can be made to; its text does not quote the address."""
    try:
        scheme = urlsplit(url).scheme
        if scheme in ("http", "https"):
            called = requests.Request("POST", url).prepare().url or ""
            (urlsplit(called).hostname or "").encode("idna")  # as urllib3 does right before it connects
            return
    except ValueError:
        # Not chained: these texts quote the address, and an address may hold the key.
        raise ValueError("no call can be made to this address: its host or its port is none") from None
    raise ValueError("the address of a provider begins with http:// or https://")


class Transport:
    """Makes calls to one address; may be used by many threads at once.

    `read_timeout_seconds` is for the whole answer, from the request's last byte to the body's.
    """

    def __init__(
        self,
        url: str,
        *,
        method: str,
        secret: Secret,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
        pool_size: int,
    ) -> None:
        check_address(url)
        self._url = url
        self._method = method
        self._secret = secret
        self._timeouts = (connect_timeout_seconds, read_timeout_seconds)
        self._session = _session(pool_size)
        if method == "GET":
            _keep_keys_out_of_logs()

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def exchange(self, fields: dict[str, str], *, max_bytes: int) -> Reply:
        """Send the fields, as a UTF-8 form or a query, and return the answer, whatever its status.

        `max_bytes` counts the decompressed body. Raises `NothingSent` or `NoAnswer`; their texts hold
        neither the key nor the query.
        """
        in_query = self._method == "GET"
        fault: NothingSent | NoAnswer
        try:
            with self._session.request(
                self._method,
                self._url,
                timeout=self._timeouts,
                allow_redirects=False,  # a 301 turns POST into GET and drops the body
                stream=True,
                params=fields if in_query else None,
                data=None if in_query else fields,
            ) as response:
                return self._read(response, max_bytes)
        except (NothingSent, NoAnswer) as known:
            fault = known
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            # requests lets some of urllib3's own through. None of them proves that nothing was written.
            fault = NoAnswer(f"no answer ({type(_innermost(error)).__name__})")
        # Raised out here so that the query, which requests' own exceptions quote, is not even in its context.
        raise fault

    def _read(self, response: requests.Response, max_bytes: int) -> Reply:
        body = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > max_bytes:
                raise NoAnswer(f"an answer of more than {max_bytes} bytes")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=headers, body=bytes(body), secret=self._secret)


def _innermost(error: BaseException) -> BaseException:
    """Return what began a fault; the texts of what was raised from it may quote the query."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


class _Bounded(io.RawIOBase):
    """Reads a socket until a moment, and no endless head.

    The socket's own timeout is for one `recv`, and a byte a second resets it.
    """

    def __init__(self, raw: io.RawIOBase, connection: "_Socket") -> None:
        super().__init__()
        self._raw = raw
        self._connection = connection
        self._ends_at = time.monotonic() + (connection.gettimeout() or 0.0)
        self._read_bytes = 0
        self.reads_head = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._connection.settimeout(left)
        count = self._raw.readinto(buffer)
        self._read_bytes += count or 0
        if self.reads_head and self._read_bytes > MAX_HEAD_BYTES:
            raise OSError(f"a head of more than {MAX_HEAD_BYTES} bytes")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Socket(Protocol):
    def gettimeout(self) -> float | None: ...
    def settimeout(self, value: float | None, /) -> None: ...


class _Response(PlainResponse):
    """Begins when the request is written; the read timeout set on the socket then is its whole budget."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._bounded = _Bounded(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._bounded)

    def begin(self) -> None:
        """Read the head, and drop its cookies: none is kept, and long ones take many seconds to parse."""
        super().begin()
        self._bounded.reads_head = False
        for name in ("Set-Cookie", "Set-Cookie2"):
            del self.headers[name]


class _Connecting:
    """What both kinds of connection add: a failure to connect is told apart, no old idle one is reused.

    Nor is one after an answer that has no body by its status.
    """

    response_class: Any = _Response
    _answered_at = 0.0

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        except Exception as error:
            # By where it happened, not by its class: TLS faults may also come after the request was written.
            raise NothingSent(f"could not connect: {_innermost(error)}") from None

    def getresponse(self) -> Any:
        self._answered_at = time.monotonic()
        response = super().getresponse()  # type: ignore[misc]
        if response.status in WITHOUT_BODY:
            # One that follows all the same would be read as the answer to the next call.
            self._answered_at = -math.inf
        return response

    @property
    def is_connected(self) -> bool:
        idle_seconds = time.monotonic() - self._answered_at
        return bool(super().is_connected) and idle_seconds < MAX_IDLE_SECONDS  # type: ignore[misc]


class _PlainConnection(_Connecting, HTTPConnection):
    pass


class _SecureConnection(_Connecting, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Session(requests.Session):
    """Sees no redirect in any answer.

    Without leave to follow one, requests still prepares the next call, and for that reads the answer's body
    to its end, however long it is: past our bound, before we see a byte.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


def _session(pool_size: int) -> requests.Session:
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=pool_size, max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    session = _Session()
    session.trust_env = False  # no proxy and no .netrc of the machine
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class _WithoutKeys(logging.Filter):
    """Masks the key in urllib3's own log lines, which quote the path and query of each call."""

    _KEY = re.compile(r"([?&]key=)[^&\s\"']*")

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._KEY.sub(r"\1***", record.getMessage()), ()
        return True


_without_keys = _WithoutKeys()


def _keep_keys_out_of_logs() -> None:
    for name in ("urllib3.connectionpool", "urllib3.connection"):
        logging.getLogger(name).addFilter(_without_keys)
