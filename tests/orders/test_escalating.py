import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from catalog.halting import resume
from catalog.holding import let_go
from catalog.models import Provider, Service
from operations.models import Alert
from orders.escalating import unnamed_wait
from orders.forwarding import claim_next
from orders.models import Attempt, Order
from orders.outcomes import record_outcome
from tests.factories import credit, make_service, place
from tests.operations.reading import texts_within
from tests.orders.acting import fault, forward, fresh, held_by
from tests.upstream.scripted import unused_url
from upstream.answers import Placed
from upstream.errors import Bounds, Later, ProviderError, Refused, Uncertain
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import saying

MISSING = fault(Refused, rule="missing_parameter")
QUANTITY = fault(Refused, rule="quantity")
UNKNOWN = fault(Refused, rule="service_unknown", switch_service_off=True)
NOTHING_SENT = fault(Later, rule="nothing_sent")


@pytest.fixture(autouse=True)
def _money(customer: User) -> None:
    credit(customer, 100_000)


def answered(customer: User, service: Service, answer: ProviderError | Placed, *, link: str = "") -> Order:
    """Place an order and let this be the answer to it."""
    order = place(customer, service, link=link or "https://example.com/channel")
    return again(order, answer)


def again(order: Order, answer: ProviderError | Placed) -> Order:
    """Send an order and let this be the answer."""
    Order.objects.exclude(pk=order.pk).filter(status="queued").update(due_at=None)
    Order.objects.filter(pk=order.pk).update(due_at=timezone.now())
    Provider.objects.update(paced_until=None)
    send = claim_next(order.provider_id)
    assert send is not None
    record_outcome(send.attempt_id, answer)
    return fresh(order)


def test_three_orders_that_miss_parameters_halt(customer: User, service: Service) -> None:
    for expected in ("", "", "missing_parameter"):
        answered(customer, service, MISSING)
        assert Provider.objects.get().halt_rule == expected
    assert Provider.objects.get().probe_at is None  # a good balance would prove nothing
    assert held_by(customer) == 101_000


@pytest.mark.parametrize(
    "between", [Placed("1", raw=""), QUANTITY, fault(Uncertain)], ids=["placed", "refused", "lost"]
)
def test_another_answer_between_them_is_no_row(customer: User, service: Service, between: Any) -> None:
    for answer in (MISSING, MISSING, between, MISSING, MISSING):
        answered(customer, service, answer)
    assert Provider.objects.get().halted_at is None


def test_an_attempt_under_way_does_not_break_the_row(customer: User, service: Service) -> None:
    answered(customer, service, MISSING)
    waiting = place(customer, service)
    claim_next(service.provider_id)
    answered(customer, service, MISSING)
    answered(customer, service, MISSING)
    assert Provider.objects.get().halt_rule == "missing_parameter"
    assert fresh(waiting).status == "sending"


def test_other_providers_do_not_count(customer: User, service: Service) -> None:
    elsewhere = make_service()
    for where in (service, service, elsewhere):
        answered(customer, where, MISSING)
    assert not Provider.objects.filter(halted_at__isnull=False).exists()


def test_after_a_resume_the_first_one_more_halts(customer: User, service: Service) -> None:
    for _ in range(3):
        answered(customer, service, MISSING)
    resume(Provider.objects.get())
    answered(customer, service, MISSING)
    assert Provider.objects.get().halt_rule == "missing_parameter"


def test_an_unknown_service_is_switched_off_and_no_more(customer: User, service: Service) -> None:
    order = answered(customer, service, UNKNOWN)
    assert not Service.objects.get().is_listed
    assert (order.status, order.refunded) == ("canceled", 130)
    assert Provider.objects.get().halted_at is None
    assert Alert.objects.get().cause == f"service:{service.pk}"


def test_several_unknown_services_halt(customer: User, service: Service) -> None:
    for each in (service, make_service(service.provider), make_service(service.provider)):
        answered(customer, each, UNKNOWN)
    assert Provider.objects.get().halt_rule == "service_unknown"


def test_one_unknown_service_three_times_does_not_halt(customer: User, service: Service) -> None:
    for _ in range(3):
        Service.objects.update(is_listed=True)
        answered(customer, service, UNKNOWN)
    assert Provider.objects.get().halted_at is None


def test_refused_quantities_within_the_bounds_hold_the_service(
    customer: User, service: Service, commits: Any
) -> None:
    for _ in range(2):
        answered(customer, service, QUANTITY)
        assert Service.objects.get().held_text == ""
    with commits as sent:
        answered(customer, service, QUANTITY)
    assert Service.objects.get().held_text
    assert Alert.objects.get().kind == Alert.Kind.SERVICE_STOPPED
    assert texts_within(Alert.objects.get()) == [Service.objects.get().held_text]
    assert Provider.objects.get().halted_at is None
    assert ("catalog.tasks.sync_provider", (service.provider_id,)) in sent  # its bounds are others now


def test_quantities_of_another_service_do_not_break_the_row_of_one(customer: User, service: Service) -> None:
    other = make_service(service.provider)
    for each in (service, other, service, other, service):
        answered(customer, each, QUANTITY)
    assert Service.objects.get(pk=service.pk).held_text
    assert not Service.objects.get(pk=other.pk).held_text


def test_a_held_service_goes_on_by_hand(customer: User, service: Service) -> None:
    for _ in range(3):
        answered(customer, service, QUANTITY)
    assert let_go(Service.objects.get())
    assert answered(customer, service, Placed("1", raw="")).status == "pending"


def test_five_calls_that_reached_nobody_halt(customer: User, service: Service) -> None:
    order = answered(customer, service, NOTHING_SENT)
    for _ in range(3):
        again(order, NOTHING_SENT)  # the same order as well: it is the address that is at fault
    assert Provider.objects.get().halted_at is None
    order = again(order, NOTHING_SENT)
    assert Provider.objects.get().halt_rule == "unreachable"
    assert Provider.objects.get().probe_at is not None
    assert (order.status, order.refunded) == ("queued", 0)


def test_a_dead_address_halts_over_a_socket(customer: User, service: Service) -> None:
    Provider.objects.update(url=unused_url(), calls_at_once=1)
    orders = [place(customer, service) for _ in range(8)]

    assert forward(service.provider) == 5

    assert Provider.objects.get().halt_rule == "unreachable"
    assert {fresh(order).status for order in orders} == {"queued"}


def test_a_spam_wait_for_different_links_paces_the_account(
    customer: User, service: Service, sandbox: SandboxServer
) -> None:
    first, second, third = (place(customer, service, link=f"https://example.com/{n}") for n in range(3))
    Provider.objects.update(calls_at_once=1)
    sandbox.script("add", saying(json.dumps({"error": "Spam protection, wait 7 seconds"})), times=2)

    assert forward(service.provider) == 2

    assert [fresh(order).status for order in (first, second, third)] == ["queued"] * 3
    wait = Provider.objects.get().paced_until - timezone.now()  # type: ignore[operator]
    assert 5 < wait.total_seconds() <= 8


def test_a_spam_wait_of_long_ago_paces_nobody(customer: User, service: Service) -> None:
    spam = fault(Later, rule="spam_wait", wait_seconds=8, hints_at_earlier=True)
    answered(customer, service, spam, link="https://example.com/1")
    with time_machine.travel(timezone.now() + timedelta(seconds=9)):
        answered(customer, service, spam, link="https://example.com/2")
    assert Provider.objects.get().paced_until is None


# --- "read the numbers out of the text if there" -----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("Quantity less than minimal 2.000", (2000, 50_000)),
        ("Quantity more than maximal 500", (100, 500)),
        ("Quantity should be within 2000 to 5000", (2000, 50_000)),
        ("Quantity should be within 100 to 900", (100, 900)),
        ("Quantity should be within min quantity to max quantity", (100, 50_000)),
        ("Quantity should be within 10 to 40.000", (100, 50_000)),  # the refused 1000 is: another matter
        ("Quantity less than minimal 99999", (100, 50_000)),  # above what it takes at most
        ("Quantity less than minimal " + "9" * 30, (100, 50_000)),
    ],
)
def test_bounds_that_a_refusal_names_are_sold_by(
    customer: User, service: Service, sandbox: SandboxServer, text: str, bounds: tuple[int, int]
) -> None:
    order = place(customer, service)
    sandbox.script("add", saying(json.dumps({"error": text})))

    forward(service.provider)

    assert (fresh(order).status, fresh(order).refunded) == ("canceled", 130)
    service.refresh_from_db()
    assert (service.min_quantity, service.max_quantity) == bounds


def test_bounds_are_never_widened_by_a_refusal(customer: User, service: Service) -> None:
    order = place(customer, service, quantity=200)
    Service.objects.update(min_quantity=5000)  # a sync came meanwhile
    again(order, fault(Refused, rule="quantity", bounds=Bounds(least=300)))
    assert Service.objects.get().min_quantity == 5000


def test_quantities_from_before_the_bounds_changed_hold_nothing(customer: User, service: Service) -> None:
    """ "three in a row on quantities inside our bounds -> service off"."""
    orders = [place(customer, service) for _ in range(4)]
    named = fault(Refused, rule="quantity", bounds=Bounds(least=2000))
    for order in orders:
        again(order, named)
    assert Service.objects.get().held_text == ""
    for quantity in (2000, 3000, 4000):
        again(place(customer, Service.objects.get(), quantity=quantity), QUANTITY)
    assert Service.objects.get().held_text


# --- "429: Retry-After, X-RateLimit-Reset, else 30 s doubling; paces the whole provider" -------------------

TOO_MANY = fault(Later, rule="rate_limit", paces_provider=True)


def paced_for(customer: User, service: Service, answer: ProviderError | Placed) -> float | None:
    """Return for how many seconds the provider is left alone after a fresh order's answer."""
    answered(customer, service, answer)
    until = Provider.objects.get().paced_until
    return None if until is None else (until - timezone.now()).total_seconds()


def test_an_unnamed_wait_of_the_account_doubles(customer: User, service: Service) -> None:
    with time_machine.travel(timezone.now(), tick=False) as time:
        waits = []
        for _ in range(9):
            time.shift(timedelta(hours=1))
            waits.append(paced_for(customer, service, TOO_MANY))
        time.shift(timedelta(hours=1))
        paced_for(customer, service, Placed("1", raw=""))
        time.shift(timedelta(hours=1))
        waits.append(paced_for(customer, service, TOO_MANY))
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 30]


def test_a_wait_of_the_account_that_is_named_counts(customer: User, service: Service) -> None:
    named = fault(Later, rule="rate_limit", paces_provider=True, wait_seconds=7)
    with time_machine.travel(timezone.now(), tick=False) as time:
        paced_for(customer, service, TOO_MANY)
        time.shift(timedelta(hours=1))
        assert paced_for(customer, service, named) == 7


def test_what_was_refused_together_is_one_time(customer: User, service: Service) -> None:
    orders = [place(customer, service) for _ in range(4)]
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as time:
        sends = [claim_next(service.provider_id) for _ in orders]
        for send in sends:
            assert send is not None
            time.shift(timedelta(seconds=1))
            record_outcome(send.attempt_id, TOO_MANY)
        assert unnamed_wait(Attempt.objects.latest("id")) == 30
