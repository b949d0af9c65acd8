"""A customer with money, and a provider on a socket."""

from decimal import Decimal

import pytest

from accounts.models import User
from catalog.models import Provider, Service
from orders.models import Order
from tests.factories import credit, make_provider, make_service, place
from upstream.sandbox import SandboxServer


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """The tasks that were sent after a commit: name, arguments."""
    sent: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr("operations.waking._send", lambda task, *args: sent.append((task, args)))
    return sent


@pytest.fixture
def provider(db: None, sandbox: SandboxServer) -> Provider:
    """The account at the sandbox."""
    return make_provider(name="Sandbox", url=sandbox.url, key=sandbox.key, calls_at_once=4)


@pytest.fixture
def service(provider: Provider, sandbox: SandboxServer) -> Service:
    """A service that costs us 100 per 1000 and our customers 130, from 100 to 50,000."""
    sandbox.services.change(1, rate=Decimal(100), min=100, max=50_000)
    return make_service(provider, provider_service_id="1", cost=Decimal(100), price=Decimal(130))


@pytest.fixture
def customer(alice: User) -> User:
    """Alice, with 1000 in her wallet."""
    credit(alice, 1000)
    return alice


@pytest.fixture
def order(customer: User, service: Service) -> Order:
    """Alice's order of 1000 for 130, queued."""
    return place(customer, service)
