"""A provider that means harm, on a socket, as the tasks meet it: what becomes of orders, money and pages."""

import tracemalloc
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.urls import reverse

from accounts.models import User
from catalog.models import Provider, Service
from operations.models import Alert
from orders.canceling import request_cancel
from orders.models import Attempt, Order, OrderEvent
from tests.factories import make_provider, make_service, place
from tests.orders.acting import (
    accept,
    cancel_at_once,
    charges,
    findings,
    forward,
    forward_at_once,
    fresh,
    held_by,
    outcomes,
    poll_at_once,
    refunds,
)
from tests.upstream.hostile import (
    BAD,
    GOOD_FOR_ALL,
    HOSTILE_TEXT,
    LOST,
    NUMBERS,
    assert_harmless,
    impatient,
    in_turn,
    json_text,
    moved,
)
from tests.upstream.scripted import ScriptedServer, answer, scripted_server

PLACED = answer([{"order": "77"}])
COMPLETED = answer([{"status": "Completed", "remains": "0"}])
TAKEN = answer([{"order": "Order canceled successfully"}])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """A provider whose balance can be asked for; the rest each test writes."""
    impatient(monkeypatch)
    with scripted_server(balance=answer([{"balance": "50.55"}]), any=answer(b"")) as scripted:
        yield scripted


@pytest.fixture
def provider(db: None, server: ScriptedServer) -> Provider:
    """The account there, called by one call after the other, so that answers come in the script's order."""
    return make_provider(url=server.url, calls_at_once=1)


@pytest.fixture
def service(provider: Provider) -> Service:
    """A service that costs our customers 130 per 1000."""
    return make_service(provider, provider_service_id="1")


@pytest.fixture
def order(customer: User, service: Service) -> Order:
    """Alice's order of 1000 for 130."""
    return place(customer, service)


@pytest.fixture
def second(customer: User, service: Service) -> Order:
    """Her next one at the same provider, by which it is seen that the worker goes on."""
    return place(customer, service, link="https://example.com/another")


def alerts(order: Order) -> list[str]:
    return list(Alert.objects.filter(cause=f"order:{order.pk}").values_list("kind", flat=True))


def assert_nothing_crashed(caplog: pytest.LogCaptureFixture) -> None:
    assert "call.not_recorded" not in caplog.text
    assert "call.not_taken" not in caplog.text


def assert_money_stays(order: Order, *, orders: int = 1) -> None:
    """Demand that an order's charge is where it was, and nothing else moved."""
    assert (fresh(order).refunded, refunds(order), charges()) == (Decimal(0), [], orders)
    assert held_by(order.customer) == 1000 - 130 * orders
    assert findings() == []


def assert_kept_for_a_person(order: Order, server: ScriptedServer, *, status: str = "uncertain") -> None:
    """Demand that it waits for a person, is not sent again, and staff knows."""
    assert fresh(order).status == status
    assert fresh(order).provider_order_id is None
    assert alerts(order) == [f"order_{status}"]
    sent = server.actions().count("add")
    forward_at_once(order)
    assert server.actions().count("add") == sent


def pages_of(order: Order, operator: Browser) -> str:
    """Return all pages that show an order, of its customer and of staff."""
    customer = Browser()
    customer.force_login(order.customer)
    shown = [customer.get(url) for url in (reverse("order", args=[order.pk]), reverse("orders"))]
    rows = [
        ("orders_order", order.pk),
        ("orders_attempt", Attempt.objects.latest("id").pk if Attempt.objects.exists() else None),
        ("orders_orderevent", OrderEvent.objects.latest("id").pk),
        ("operations_alert", Alert.objects.latest("id").pk if Alert.objects.exists() else None),
        ("catalog_provider", order.provider_id),
    ]
    for name, pk in rows:
        shown.append(operator.get(reverse(f"admin:{name}_changelist")))
        if pk is not None:
            shown.append(operator.get(reverse(f"admin:{name}_change", args=[pk])))
    if fresh(order).status in Order.FOR_A_PERSON:
        shown.append(operator.get(reverse("admin:orders_order_settle", args=[order.pk])))
    assert {page.status_code for page in shown} == {200}
    return "".join(page.content.decode() for page in shown)


# --- add --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD)
def test_add_without_a_clear_answer(
    name: str, order: Order, second: Order, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script["add"] = in_turn(BAD[name](), PLACED)
    assert forward(order.provider) == 2
    assert_kept_for_a_person(order, server)
    assert_money_stays(order, orders=2)
    assert (fresh(second).status, fresh(second).provider_order_id) == ("pending", "77")
    assert_nothing_crashed(caplog)


NO_IDS = {name: text for name, text in NUMBERS.items() if name != "1e999 as a text"} | {
    text: text
    for text in ("null", '""', '"0"', "0", "-0", "-1", '"-5"', "1.0", "1E5", '"Order placed"', '" 1 2 "')
}


@pytest.mark.parametrize("name", NO_IDS)
def test_add_with_an_id_that_is_none(
    name: str, order: Order, second: Order, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script["add"] = in_turn(json_text(f'[{{"order": {NO_IDS[name]}}}]'), PLACED)
    forward(order.provider)
    assert_kept_for_a_person(order, server)
    assert_money_stays(order, orders=2)
    assert fresh(second).provider_order_id == "77"
    assert_nothing_crashed(caplog)


@pytest.mark.parametrize("error", [HOSTILE_TEXT, "Insuffcient Funds", "Bad link", "Service Not Active"])
def test_add_with_an_id_and_an_error(order: Order, server: ScriptedServer, error: str) -> None:
    server.script["add"] = answer([{"order": "1242", "error": error}])
    forward(order.provider)
    assert_kept_for_a_person(order, server)
    assert outcomes(order) == [("uncertain", "order_and_error")]
    assert_money_stays(order)
    assert fresh(order).provider.halted_at is None


def test_add_with_an_id_that_another_order_has(order: Order, second: Order, server: ScriptedServer) -> None:
    server.script["add"] = PLACED
    forward(order.provider)
    assert fresh(order).provider_order_id == "77"
    assert_kept_for_a_person(second, server)
    assert outcomes(second) == [("uncertain", "id_taken")]
    assert_money_stays(second, orders=2)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"error": HOSTILE_TEXT}, id="an error"),
        pytest.param({"errors": [{"message": HOSTILE_TEXT}]}, id="errors in a list"),
        pytest.param({"status": "fail", "message": HOSTILE_TEXT}, id="a message"),
        pytest.param({"error": f"{HOSTILE_TEXT} " + "x" * 200_000}, id="a long error"),
    ],
)
def test_words_of_an_error_are_words_only(
    order: Order, server: ScriptedServer, operator: Browser, said: object
) -> None:
    server.script["add"] = answer(said)
    forward(order.provider)
    page = pages_of(order, operator)
    assert_harmless(page)
    assert "&lt;script&gt;alert(1)" in page
    assert_kept_for_a_person(order, server, status="held")
    assert_money_stays(order)


@pytest.mark.parametrize("body", [b"", GOOD_FOR_ALL], ids=["empty", "with an answer"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(order: Order, server: ScriptedServer, status: int, body: bytes) -> None:
    """The account still answers: its address is right, and the order may be placed."""
    with scripted_server(any=PLACED) as other:
        server.script["add"] = moved(status, other.url, body=body)
        forward(order.provider)
        assert other.calls == []
    assert_kept_for_a_person(order, server)
    assert_money_stays(order)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_provider_that_only_redirects_is_halted(order: Order, server: ScriptedServer, status: int) -> None:
    """Its address is wrong: nothing is sent there until it answers again, and the key goes nowhere else."""
    with scripted_server(any=PLACED) as other:
        server.script["any"] = server.script["balance"] = moved(status, other.url)
        forward(order.provider)
        forward_at_once(order)
        assert outcomes(order) == [("halt", "misconfigured")]
        accept(order, "1242")
        poll_at_once(order)
        assert other.calls == []
    assert server.actions().count("add") == 1
    assert fresh(order).provider.halt_rule == "misconfigured"
    assert_money_stays(order)


# --- status -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD)
def test_status_without_a_clear_answer(
    name: str, order: Order, second: Order, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    accept(order, "1242")
    accept(second, "1243")
    server.script["status"] = in_turn(BAD[name](), COMPLETED)
    poll_at_once(order, second)
    assert (fresh(order).status, fresh(order).remains) == ("pending", None)
    assert fresh(order).due_at is not None  # it is asked again
    assert fresh(second).status == "completed"
    assert_money_stays(order, orders=2)
    assert_nothing_crashed(caplog)


@pytest.mark.parametrize("name", NUMBERS)
def test_partial_without_readable_remains_moves_nothing(
    name: str, order: Order, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    accept(order, "1242")
    server.script["status"] = json_text(f'[{{"status": "Partial", "remains": {NUMBERS[name]}}}]')
    assert poll_at_once(order).status == "pending"
    assert alerts(order) == ["order_unreadable"]
    assert_money_stays(order)
    assert_nothing_crashed(caplog)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("field", ["charge", "start_count", "currency"])
def test_other_fields_that_are_none(
    field: str, name: str, order: Order, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    accept(order, "1242")
    server.script["status"] = json_text(
        f'[{{"status": "Partial", "remains": "500", "{field}": {NUMBERS[name]}}}]'
    )
    ended = poll_at_once(order)
    assert (ended.status, ended.refunded, refunds(order)) == ("partial", Decimal(65), [Decimal(65)])
    assert (ended.provider_charge, ended.start_count) == (None, None)
    assert_nothing_crashed(caplog)


@pytest.mark.parametrize(
    ("status", "remains", "expected", "back"),
    [
        ("Partial", "-5", "partial", 0),  # more was delivered than was asked for
        ("Partial", "-0", "partial", 0),
        ("Partial", "1.000", "partial", 130),
        ("Partial", "5.000", "partial", 130),  # never more than the charge
        ("Partial", "999999999999999999", "partial", 130),
        ("Partial", "-999999999999999999", "partial", 0),
        ("Partial", "1000000000000000000", "pending", 0),  # more digits than are kept
        ("Partial", "0.5", "pending", 0),
        ("Partial", "", "pending", 0),
        ("Completed", "1000", "completed", 0),
        ("Canceled", "0", "canceled", 130),
        ("Cancelation pending", "1000", "pending", 0),
        ("Canceled<b>", "1000", "pending", 0),
        ("Can\u202eceled", "1000", "pending", 0),
        (["Canceled"], "1000", "pending", 0),
        ({"Canceled": 1}, "1000", "pending", 0),
        (True, "1000", "pending", 0),
        ("Canceled" * 2000, "1000", "pending", 0),
    ],
)
def test_money_follows_what_is_readable(
    order: Order, server: ScriptedServer, status: object, remains: str, expected: str, back: int
) -> None:
    accept(order, "1242")
    server.script["status"] = answer([{"status": status, "remains": remains, "charge": "-1"}])
    for _ in range(3):  # the same answer again moves nothing more
        said = poll_at_once(order)
        assert (said.status, said.refunded) == (expected, Decimal(back))
        assert sum(refunds(order)) == back
    assert said.provider_charge is None  # below zero is none
    assert alerts(order) == ["order_unreadable"]
    assert held_by(order.customer) == 870 + back
    assert findings() == []


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"status": HOSTILE_TEXT, "remains": "5"}, id="the status"),
        pytest.param({"status": "Partial", "remains": HOSTILE_TEXT, "charge": HOSTILE_TEXT}, id="numbers"),
        pytest.param({"status": "Pending", "currency": HOSTILE_TEXT, "charge": "1"}, id="the currency"),
        pytest.param({"error": HOSTILE_TEXT}, id="an error"),
        pytest.param({"error": f"Invalid order ID {HOSTILE_TEXT}"}, id="an error about the id"),
    ],
)
def test_words_of_a_status_are_words_only(
    order: Order, server: ScriptedServer, operator: Browser, said: object
) -> None:
    accept(order, "1242")
    server.script["status"] = answer([said])
    for _ in range(3):
        assert poll_at_once(order).status == "pending"
    assert_harmless(pages_of(order, operator))
    assert_money_stays(order)


# --- cancel -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD)
def test_cancel_without_a_clear_answer(
    name: str, order: Order, second: Order, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    for one, provider_order_id in ((order, "1242"), (second, "1243")):
        accept(one, provider_order_id)
        request_cancel(one.pk, actor=one.customer)
    server.script["cancel"] = in_turn(BAD[name](), TAKEN)
    asked = cancel_at_once(order)
    assert (asked.status, asked.cancel_state) == ("pending", "unanswered")
    assert fresh(second).cancel_state == "taken"
    assert_money_stays(order, orders=2)
    assert_nothing_crashed(caplog)


@pytest.mark.parametrize("said", [{"order": HOSTILE_TEXT}, {"error": HOSTILE_TEXT}, {"cancel": [[1]]}])
def test_words_of_a_cancel_move_no_money(
    order: Order, server: ScriptedServer, operator: Browser, said: object
) -> None:
    accept(order, "1242")
    request_cancel(order.pk, actor=order.customer)
    server.script["cancel"] = answer([said])
    assert cancel_at_once(order).status == "pending"
    assert_harmless(pages_of(order, operator))
    assert_money_stays(order)


# --- Memory -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in LOST if " MB" in name or "bomb" in name])
def test_many_large_answers_at_once_stay_small_in_memory(
    name: str, customer: User, service: Service, server: ScriptedServer
) -> None:
    orders = [place(customer, service, quantity=100, link=f"https://example.com/{n}") for n in range(8)]
    Provider.objects.update(calls_at_once=8)
    server.script["add"] = LOST[name]()
    tracemalloc.start()
    forward(service.provider)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {fresh(order).status for order in orders} == {"uncertain"}
    assert peak < 40_000_000  # eight answers; one that is kept whole is a hundred million


def test_answers_of_nested_lists_stay_small_in_memory(order: Order, server: ScriptedServer) -> None:
    server.script["add"] = answer(b"[" + b",".join([b'{"a":[]}'] * 28_000) + b"]")
    tracemalloc.start()
    forward(order.provider)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcomes(order) == [("uncertain", "no_clear_answer")]
    assert peak < 40_000_000
