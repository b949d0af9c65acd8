"""An hour in which nobody listens at the provider's address: orders wait, and go out once when it is back."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from catalog.models import Provider, Service
from catalog.probing import probe_due
from operations.models import Alert
from orders.forwarding import due_to_send, expire_attempts, forward_due
from orders.models import Attempt, Order
from tests.factories import credit, make_provider, make_service, place
from tests.site.processes import unused_port
from upstream.sandbox import SandboxServer, Settings

ORDERS = 20
STEP = timedelta(minutes=1)


@pytest.fixture
def service(db: None) -> Service:
    """A service of a provider that is down."""
    provider = make_provider(url=f"http://127.0.0.1:{unused_port()}/api/v2", key="sandbox-key")
    return make_service(provider, provider_service_id="1", min_quantity=1, max_quantity=10**6)


def pass_time(clock: time_machine.Traveller, minutes: int) -> None:
    """Let minutes pass, and do in each what beat has done."""
    for _ in range(minutes):
        clock.shift(STEP)
        expire_attempts()
        probe_due()
        for provider in Provider.objects.all():
            if Order.objects.filter(due_to_send(provider.pk)).exists():
                forward_due(provider.pk, seconds=20)


def test_orders_wait_an_hour_and_are_sent_once(
    alice: User,
    service: Service,
    tasks: list[object],
) -> None:
    credit(alice, 100_000)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        links = [f"https://example.com/{number}" for number in range(ORDERS)]
        for link in links:
            place(alice, service, link=link)

        pass_time(clock, 60)

        assert set(Order.objects.values_list("status", "refunded")) == {("queued", 0)}
        assert set(Attempt.objects.values_list("outcome", "rule")) == {("later", "nothing_sent")}
        provider = Provider.objects.get()
        assert provider.halted_at is not None
        assert provider.halt_rule == "unreachable"
        alerts = Alert.objects.filter(kind=Alert.Kind.PROVIDER_HALTED, closed_at=None)
        assert alerts.count() == 1, "one alert for the hour, not one for each order"

        port = int(provider.url.split(":")[2].split("/")[0])
        with SandboxServer(Settings(services=5, spam_seconds=0), port=port) as sandbox:
            bounds = {"min": 1, "max": 10**6}
            sandbox.services.change(1, **bounds)
            pass_time(clock, 45)  # half an hour at most to the next probe, and what an order waits besides

            assert sorted(row.link for row in sandbox.journal.accepted) == sorted(links), "each once"
            assert sandbox.calls["add"] == ORDERS
    assert set(Order.objects.values_list("status", flat=True)) == {"pending"}
    assert not alerts.exists()
