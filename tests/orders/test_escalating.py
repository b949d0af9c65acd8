import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from catalog.halting import resume
from catalog.models import Provider, Service
from catalog.selling import let_go_on
from operations.models import Alert
from orders.forwarding import claim_next
from orders.models import Order
from orders.outcomes import record_outcome
from tests.factories import credit, make_service, place
from tests.orders.acting import fault, forward, fresh, held_by
from tests.upstream.scripted import unused_url
from upstream.answers import Placed
from upstream.errors import Later, ProviderError, Refused, Uncertain
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
    assert let_go_on(Service.objects.get())
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
