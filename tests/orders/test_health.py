import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts.models import User
from catalog.health_words import duration, usual_time
from catalog.holding import Kind, hold, let_go
from catalog.models import (
    ON_SALE,
    CataloguePolicy,
    Provider,
    Service,
    ServiceHealth,
    ServiceHold,
    ServiceSpeed,
)
from operations.models import Alert
from orders import health
from orders.health import Speed, measure_due, speeds_of
from orders.models import Attempt, Order
from orders.tasks import measure_health
from tests.factories import fill_table, make_provider, make_service, place
from tests.interrupting import cutting_in
from tests.operations.reading import texts_within

pytestmark = [pytest.mark.django_db, pytest.mark.tampers]  # nobody paid for the rows that are filled in

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def provider(db: None) -> Provider:
    """A provider that nobody calls."""
    return make_provider()


@pytest.fixture
def service(provider: Provider) -> Service:
    """Its service."""
    return make_service(provider)


@pytest.fixture
def like(customer: User, service: Service) -> Order:
    """An order whose copies fill the table; it stays queued."""
    return place(customer, service)


def ended(
    number: int, status: str = "completed", *, after: timedelta = MINUTE, **fields: Any
) -> dict[str, Any]:
    """Return an order that ended `number` hours ago, and took so long."""
    at = fields.pop("at", NOW - timedelta(hours=number))
    plain = {
        "status": status,
        "ended_at": at,
        "sent_at": at - after,
        "provider_order_id": uuid.uuid4().hex,
        "quantity": 1000,
    }
    return plain | fields


def measured(service: Service) -> ServiceHealth:
    return ServiceHealth.objects.get(service=service)


def test_shares_and_times_are_counted(service: Service, like: Order) -> None:
    done = [ended(number, after=number * MINUTE) for number in range(1, 11)]
    failed = [ended(number, "canceled") for number in range(20, 22)]
    fill_table([*done, *failed, ended(30, "partial")], like=like)

    assert measure_due(now=NOW) == 1

    found = measured(service)
    assert (found.ended, found.failed, found.stuck) == (13, 2, 0)
    assert (found.median_seconds, found.most_seconds) == (5 * 60, 9 * 60)
    assert found.measured_at == NOW
    assert list(ServiceSpeed.objects.values_list("up_to_quantity", "orders")) == [(1000, 10)]


def test_what_a_customer_wished_or_never_came_to_the_provider_tells_nothing(
    service: Service, like: Order
) -> None:
    wished = ended(1, "canceled", cancel_state="taken")
    unsent = ended(2, "canceled", sent_at=None, provider_order_id=None)
    fill_table([wished, unsent, ended(3)], like=like)

    measure_due(now=NOW)

    assert (measured(service).ended, measured(service).failed) == (1, 0)


def test_a_refused_order_failed(service: Service, like: Order) -> None:
    fill_table([ended(1, "canceled", sent_at=None, provider_order_id=None)], like=like)
    refused = Order.objects.get(status="canceled")
    Attempt.objects.create(
        order=refused,
        provider=refused.provider,
        started_at=NOW,
        lease_until=NOW,
        ended_at=NOW,
        outcome="refused",
    )

    measure_due(now=NOW)

    assert (measured(service).ended, measured(service).failed) == (1, 1)


def test_only_the_last_two_hundred_of_ninety_days_count(service: Service, like: Order) -> None:
    last = [ended(0, at=NOW - number * MINUTE) for number in range(1, 201)]
    fill_table([*last, *(ended(number, "canceled") for number in range(10, 15))], like=like)
    fill_table([ended(0, "canceled", at=NOW - timedelta(days=91))], like=like)

    measure_due(now=NOW)

    assert (measured(service).ended, measured(service).failed) == (200, 0)


def test_thirty_orders_are_told_apart_by_quantity() -> None:
    done = [(quantity, quantity) for quantity in range(1, 31)]

    assert speeds_of(done) == [Speed(10, 10, 5, 9), Speed(20, 10, 15, 19), Speed(30, 10, 25, 29)]
    assert speeds_of(done[:29]) == [Speed(29, 29, 15, 27)]
    assert speeds_of([(500, 60)] * 40) == [Speed(500, 40, 60, 60)]
    assert speeds_of([]) == []


def test_orders_far_beyond_their_time_are_stuck(service: Service, like: Order) -> None:
    small = [ended(number, quantity=100, after=10 * MINUTE) for number in range(1, 11)]
    middle = [ended(number, quantity=500, after=60 * MINUTE) for number in range(11, 21)]
    large = [ended(number, quantity=900, after=timedelta(hours=20)) for number in range(21, 31)]
    opened = {"status": "in_progress", "ended_at": None}
    two_days, three_days = NOW - timedelta(days=2), NOW - timedelta(days=3)
    late = [
        opened | {"quantity": 100, "sent_at": two_days, "provider_order_id": "late"},
        opened | {"quantity": 900, "sent_at": two_days, "provider_order_id": "in time"},
        opened | {"quantity": 5000, "sent_at": three_days, "provider_order_id": "late, and larger than any"},
        opened | {"quantity": 100, "sent_at": NOW - timedelta(hours=23), "provider_order_id": "not a day"},
    ]
    fill_table([*small, *middle, *large, *late], like=like)

    measure_due(now=NOW)

    assert measured(service).stuck == 2


def test_only_what_ended_since_is_measured_again(service: Service, like: Order) -> None:
    fill_table([ended(1)], like=like)
    assert measure_due(now=NOW) == 1

    assert measure_due(now=NOW + 15 * MINUTE) == 0
    fill_table([ended(0, at=NOW + 20 * MINUTE)], like=like)
    assert measure_due(now=NOW + 30 * MINUTE) == 1
    assert measured(service).ended == 2


def test_an_end_committed_late_is_not_missed(service: Service, like: Order) -> None:
    fill_table([ended(1)], like=like)
    measure_due(now=NOW)

    fill_table([ended(0, at=NOW - timedelta(seconds=30))], like=like)
    measure_due(now=NOW + 15 * MINUTE)

    assert measured(service).ended == 2


def test_the_clock_alone_makes_an_order_stuck(service: Service, like: Order) -> None:
    opened = {"status": "pending", "ended_at": None, "sent_at": NOW, "provider_order_id": "open"}
    fill_table([ended(1), opened], like=like)
    measure_due(now=NOW)

    assert measure_due(now=NOW + timedelta(hours=25)) == 1
    assert measured(service).stuck == 1


def test_a_run_is_bounded_and_goes_on(
    provider: Provider, like: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "AT_ONCE", 2)
    others = [make_service(provider) for _ in range(3)]
    fill_table([ended(number, service_id=one.pk) for number, one in enumerate(others, 1)], like=like)

    assert [measure_due(now=NOW + number * 15 * MINUTE) for number in range(3)] == [2, 1, 0]


def test_queries_of_a_service_do_not_grow_with_its_orders(service: Service, like: Order) -> None:
    found = []
    for size in (5, 100):
        fill_table([ended(0, at=NOW + (size + number) * MINUTE) for number in range(size)], like=like)
        with CaptureQueriesContext(connection) as asked:
            assert measure_due(now=NOW + timedelta(hours=size // 5)) == 1
        found.append(len(asked))

    assert found[1] <= found[0]


# --- What fails too often ---------------------------------------------------------------------------------


@pytest.fixture
def policy(db: None) -> CataloguePolicy:
    """Half of ten."""
    return CataloguePolicy.objects.create(failing_percent=50, failing_orders=10)


def fill_failing(like: Order, *, failed: int, of: int = 10, at: datetime = NOW) -> None:
    rows = [
        ended(0, "canceled" if number < failed else "completed", at=at - number * MINUTE)
        for number in range(of)
    ]
    fill_table(rows, like=like)


def test_a_service_that_fails_too_often_is_held_and_staff_are_told(
    service: Service, like: Order, policy: CataloguePolicy
) -> None:
    fill_failing(like, failed=5)

    measure_due(now=NOW)

    held = ServiceHold.objects.get()
    assert (held.kind, held.until, held.since) == ("failing", None, NOW)
    assert held.text == "Fails too often: 5 of its last 10 orders were canceled or refused"
    assert not Service.objects.filter(ON_SALE, pk=service.pk).exists()
    assert Alert.objects.filter(kind="service_stopped", closed_at=None).count() == 1
    (told,) = texts_within(Alert.objects.get())
    assert told.startswith("Fails too often: %(failed)s of its last %(count)s orders")


@pytest.mark.parametrize(("failed", "of", "percent"), [(4, 10, 50), (9, 9, 50), (10, 10, None)])
def test_a_service_is_not_held_without_need(
    service: Service, like: Order, policy: CataloguePolicy, failed: int, of: int, percent: int | None
) -> None:
    CataloguePolicy.objects.update(failing_percent=percent)
    fill_failing(like, failed=failed, of=of)

    measure_due(now=NOW)

    assert not ServiceHold.objects.exists()
    assert not Alert.objects.exists()
    assert Service.objects.filter(ON_SALE, pk=service.pk).exists()


def test_it_comes_back_after_the_hours_that_are_set(
    service: Service, like: Order, policy: CataloguePolicy
) -> None:
    CataloguePolicy.objects.update(failing_hours=6)
    fill_failing(like, failed=10)

    measure_due(now=NOW)
    assert ServiceHold.objects.get().until == NOW + timedelta(hours=6)
    fill_failing(like, failed=10, at=NOW + 10 * MINUTE)
    measure_due(now=NOW + 20 * MINUTE)

    assert ServiceHold.objects.get().until == NOW + timedelta(hours=6)


def test_what_came_back_is_judged_by_what_ended_later(
    service: Service, like: Order, policy: CataloguePolicy, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    fill_failing(like, failed=10)
    measure_due()
    time_machine.move_to(NOW + timedelta(hours=1), tick=False)
    assert let_go(service, Kind.FAILING)

    fill_failing(like, failed=5, of=5, at=NOW + timedelta(hours=2))
    measure_due(now=NOW + timedelta(hours=3))
    assert not ServiceHold.objects.exists()
    assert measured(service).failed == 15

    fill_failing(like, failed=5, of=5, at=NOW + timedelta(hours=4))
    measure_due(now=NOW + timedelta(hours=5))
    assert ServiceHold.objects.get().kind == "failing"


def test_what_somebody_lets_go_while_it_is_measured_stays_back(
    service: Service, like: Order, policy: CataloguePolicy, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    fill_failing(like, failed=10)
    measure_due()
    time_machine.move_to(NOW + timedelta(hours=1), tick=False)
    fill_failing(like, failed=5, of=5, at=NOW + 30 * MINUTE)

    with cutting_in(lambda: let_go(service, Kind.FAILING), before='UPDATE "catalog_servicehealth"'):
        measure_due()

    assert measured(service).failed == 15
    assert not ServiceHold.objects.exists()
    assert Service.objects.filter(ON_SALE, pk=service.pk).exists()


def test_what_somebody_holds_while_it_is_measured_stays_as_it_is(
    service: Service, like: Order, policy: CataloguePolicy
) -> None:
    CataloguePolicy.objects.update(failing_hours=6)
    fill_failing(like, failed=10)

    with cutting_in(
        lambda: hold(service, Kind.FAILING, "by another worker"), before='INSERT INTO "catalog_servicehealth"'
    ):
        measure_due(now=NOW)

    assert (ServiceHold.objects.get().text, ServiceHold.objects.get().until) == ("by another worker", None)


def test_the_task_measures(service: Service, like: Order, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    fill_table([ended(1)], like=like)

    measure_health()

    assert measured(service).measured_at == NOW


# --- What people read -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 minute"),
        (61, "2 minutes"),
        (5_400, "90 minutes"),
        (5_401, "2 hours"),
        (172_800, "48 hours"),
        (172_801, "3 days"),
    ],
)
def test_durations_are_rounded_up(seconds: int, words: str) -> None:
    with translation.override("en"):
        assert duration(seconds) == words


def test_nothing_is_said_of_what_was_not_measured() -> None:
    assert usual_time(None) == usual_time(ServiceHealth(ended=3, failed=3)) == ""


def test_customers_read_measured_times(client: Any, customer: User, service: Service, like: Order) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.force_login(customer)
    order_form, prices = f"/orders/new/?service={service.pk}", "/services/"
    assert all("Usually" not in client.get(page).content.decode() for page in (order_form, prices))

    fill_table([ended(number, quantity=number, after=number * MINUTE) for number in range(1, 31)], like=like)
    measure_due(now=NOW)

    said = "Usually done within 15 minutes, nine of ten within 27 minutes."
    assert said in client.get(prices).content.decode()
    assert said in (form := client.get(order_form).content.decode())
    assert "Quantities up to 10: Usually done within 5 minutes, nine of ten within 9 minutes." in form
