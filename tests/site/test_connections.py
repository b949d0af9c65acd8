"""Connections that customers, or the proxy before the site, keep open between two requests."""

import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.site.processes import RunningSite

IDLE_SECONDS = 4.0
"""Longer than gunicorn by itself keeps a connection, which is 2 seconds, looked at once a second."""


def test_a_connection_is_kept_for_its_next_request(site: RunningSite) -> None:
    connection = HTTPConnection(urlsplit(site.url).netloc, timeout=30)
    assert _status(connection) == 200
    kept = connection.sock

    time.sleep(IDLE_SECONDS)

    assert _status(connection) == 200
    assert connection.sock is kept
    connection.close()


def _status(connection: HTTPConnection) -> int:
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    return answer.status
