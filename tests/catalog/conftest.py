"""A provider on a socket, whose answers a test writes, and the row that leads to it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from catalog.models import Provider
from tests.factories import make_provider
from tests.upstream.scripted import ScriptedServer, answer, close, scripted_server


@dataclass
class Site:
    """The provider's own side: what it answers to each action, and which actions it was asked for."""

    server: ScriptedServer

    def lists(self, *rows: dict[str, object]) -> None:
        """Answer `services` by these rows."""
        self.server.script["services"] = answer(list(rows))

    def says(
        self, action: str, body: object, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Answer an action by bytes as they are, or anything else as JSON."""
        self.server.script[action] = answer(body, status=status, headers=headers)

    def has(self, balance: str, **more: object) -> None:
        """Answer `balance` as in `provider-api.txt`."""
        self.says("balance", [{"userid": 1, "balance": balance, "username": "smmub", **more}])

    def goes_down(self) -> None:
        """Close every connection without an answer."""
        self.server.script.clear()
        self.server.script["any"] = close


def row(service: int | str, **fields: object) -> dict[str, object]:
    """Return a row of a catalogue, valid unless told otherwise."""
    plain: dict[str, object] = {
        "service": service,
        "name": f"Service {service}",
        "type": "Default",
        "category": "YouTube",
        "rate": "90",
        "min": "100",
        "max": "50.000",
    }
    return plain | fields


@pytest.fixture
def site() -> Iterator[Site]:
    """A provider with two services and a balance."""
    with scripted_server() as server:
        site = Site(server)
        site.lists(row(1), row(2, name="Просмотры ТикТок", category="ТикТок", rate="100", min="1.000"))
        site.has("12.34")
        yield site


@pytest.fixture
def provider(db: None, site: Site) -> Provider:
    """The row of that provider."""
    return make_provider(url=site.server.url)
