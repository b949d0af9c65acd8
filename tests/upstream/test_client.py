"""The client's five actions over a socket: what is sent, and what comes of clear answers."""

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from tests.upstream.scripted import Behaviour, ScriptedServer, answer, scripted_server
from upstream.answers import CancelTaken, OrderStatus, Placed, Status
from upstream.client import Client
from upstream.errors import (
    CancelRefused,
    Halt,
    Later,
    OrderUnknown,
    ProviderError,
    Refused,
    Uncertain,
    UnknownText,
)
from upstream.transport import check_address

KEY = "k3y-0123456789&abcdef/+ ="
STATUS = {
    "charge": "0.27819",
    "start_count": "1.000",
    "status": "Pending",
    "remains": "500",
    "currency": "RUB",
}
BALANCE = [{"userid": 1, "balance": "1.000", "username": "smmub"}]


@contextmanager
def talking(method: str = "POST", **script: Behaviour) -> Iterator[tuple[Client, ScriptedServer]]:
    with scripted_server(**script) as server:
        client = Client(server.url, KEY, method=method, read_timeout_seconds=5)
        yield client, server
        client.close()


def add(client: Client) -> Placed:
    return client.add(service_id="7", link="https://example.com/страница?a=1&b=2", quantity=1000)


def add_fault(client: Client) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        add(client)
    return raised.value


# --- What is sent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_add_sends_a_form_or_a_query(method: str) -> None:
    with talking(method, add=answer([{"order": "1242"}])) as (client, server):
        assert add(client) == Placed("1242", '[{"order": "1242"}]')
    (call,) = server.calls
    assert call.method == method
    assert call.fields == {
        "key": KEY,
        "action": "add",
        "service": "7",
        "link": "https://example.com/страница?a=1&b=2",
        "quantity": "1000",
    }
    assert ("?" in call.target) is (method == "GET")


def test_every_action_is_sent_in_lower_case() -> None:
    script = {
        "services": answer([]),
        "status": answer([STATUS]),
        "cancel": answer([{"order": "Order canceled successfully"}]),
        "balance": answer(BALANCE),
    }
    with talking(**script) as (client, server):
        client.services()
        client.status("1")
        client.cancel("1")
        client.balance()
    assert server.actions() == ["services", "status", "cancel", "balance"]
    assert [call.fields.get("order") for call in server.calls] == [None, "1", "1", None]


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com/api", "ftp://example.com", "file:///etc/passwd", "http://"),
        *("http://127.0.0.1:99999/", "http://x:y/", "http://a b/", "http://.example/", "http://a..example/"),
        *("http://[zz]/", "http://" + "a" * 64 + ".example/", "http://a:1:2/", "http://℀.example/"),
    ],
)
def test_address_must_be_one_that_can_be_called(url: str) -> None:
    for attempt in (check_address, lambda url: Client(url, KEY)):
        with pytest.raises(ValueError, match="address") as raised:
            attempt(f"{url}?key={KEY}")
        assert KEY not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "url", ["http://[::1]:9/", "https://пример.рф/api", "http://a_b.example", "http://127.0.0.1:65535/?a=1"]
)
def test_address_that_can_be_called(url: str) -> None:
    check_address(url)
    Client(url, KEY).close()


def test_method_must_be_known() -> None:
    with pytest.raises(ValueError, match="POST or GET"):
        Client("http://example.com", KEY, method="PUT")


def test_key_is_not_in_the_repr() -> None:
    client = Client(f"https://example.com/{KEY}?key={KEY}", KEY)
    assert repr(client) == "Client('example.com')"


def test_calls_share_a_connection_and_keep_no_cookies() -> None:
    balance = answer(BALANCE, headers={"Set-Cookie": "session=1; Path=/"})
    with talking(balance=balance) as (client, server):
        for _ in range(3):
            client.balance()
    assert {call.connection for call in server.calls} == {1}
    assert not any("cookie" in call.headers for call in server.calls)


def test_client_serves_many_threads_at_once() -> None:
    with talking(balance=answer(BALANCE), add=answer({"order": 5})) as (client, server):
        placed: list[str] = []

        def work() -> None:
            for _ in range(5):
                client.balance()
                placed.append(add(client).order_id)

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
    assert placed == ["5"] * 60
    assert len(server.calls) == 120


# --- add -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "order_id"),
    [
        ([{"order": "1242"}], "1242"),
        ({"order": 23501}, "23501"),
        ({"order": 123456789012345678901234567890}, "123456789012345678901234567890"),
        ({"data": {"order": "a-1"}, "error": None}, "a-1"),
        ({"status": "success", "order": 5, "error": ""}, "5"),
    ],
)
def test_add_is_placed(body: object, order_id: str) -> None:
    with talking(add=answer(body)) as (client, _):
        assert add(client).order_id == order_id


@pytest.mark.parametrize(
    "body",
    [
        {}, [], None, "ok", 5, [[]], {"order": None}, {"order": ""}, {"order": 0}, {"order": -1},
        {"order": "Order placed"}, {"order": "1" * 101}, {"order": "12\u000034"}, {"order": {"id": 5}},
        {"order": True}, {"status": "success"}, [{"order": 1}, {"order": 2}],
    ],
)  # fmt: skip
def test_add_without_order_and_error_is_uncertain(body: object) -> None:
    with talking(add=answer(body)) as (client, server):
        error = add_fault(client)
    assert (type(error), error.rule, error.http_status) == (Uncertain, "no_clear_answer", 200)
    assert server.actions() == ["add"]


@pytest.mark.parametrize(
    "body", [{"order": 5, "error": "Invalid API key"}, [{"order": "5", "status": "fail"}]]
)
def test_add_with_order_and_error_is_uncertain(body: object) -> None:
    with talking(add=answer(body)) as (client, _):
        error = add_fault(client)
    assert (type(error), error.rule) == (Uncertain, "order_and_error")
    assert "5" in error.text


@pytest.mark.parametrize("status", [302, 404, 422, 429, 500])
def test_add_with_order_and_a_bad_status_is_uncertain(status: int) -> None:
    with talking(add=answer({"order": 5}, status=status), balance=answer({}, status=403)) as (client, server):
        error = add_fault(client)
    assert (type(error), error.rule, error.http_status) == (Uncertain, "order_and_error", status)
    assert server.actions() == ["add"]


@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_add_refused_with_words(status: int) -> None:
    with talking(add=answer([{"order": None, "error": "Service Not Active"}], status=status)) as (
        client,
        server,
    ):
        error = add_fault(client)
    assert isinstance(error, Refused)
    assert (error.rule, error.text, error.switch_service_off) == (
        "service_inactive",
        "Service Not Active",
        True,
    )
    assert error.raw == '[{"order": null, "error": "Service Not Active"}]'
    assert server.actions() == ["add"]


def test_add_refused_with_unknown_words() -> None:
    with talking(add=answer({"error": "Computer says no"})) as (client, _):
        error = add_fault(client)
    assert (type(error), error.text) == (UnknownText, "Computer says no")


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 403, 404, 405])
@pytest.mark.parametrize("body", [b"<html>", b'{"error": "Computer says no"}'])
def test_add_and_balance_fail_so_our_settings_are_wrong(status: int, body: bytes) -> None:
    bad = answer(body, status=status, headers={"Location": "/elsewhere"})
    with talking(any=bad) as (client, server):
        error = add_fault(client)
    assert (type(error), error.rule, error.http_status) == (Halt, "misconfigured", status)
    assert server.actions() == ["add", "balance"]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 403, 405])
def test_add_fails_and_balance_answers(status: int) -> None:
    with talking(add=answer(b"<html>", status=status), balance=answer(BALANCE)) as (client, server):
        error = add_fault(client)
    assert (type(error), error.rule) == (Uncertain, "no_clear_answer")
    assert server.actions() == ["add", "balance"]


def test_add_is_not_found_and_balance_answers() -> None:
    with talking(add=answer(b"<html>", status=404), balance=answer(BALANCE)) as (client, _):
        error = add_fault(client)
    assert isinstance(error, Refused)
    assert (error.rule, error.switch_service_off, error.http_status) == ("service_unknown", True, 404)


# --- Reads -----------------------------------------------------------------------------------------------


def test_services() -> None:
    row = {"service": 1, "name": "a", "type": "Default", "category": "b", "rate": "90", "min": "100"}
    with talking(services=answer([{**row, "max": "50.000"}, {**row, "service": 2, "max": "1"}])) as (
        client,
        _,
    ):
        catalogue = client.services()
    assert [(service.service_id, service.max) for service in catalogue.rows] == [("1", 50_000)]
    assert [service.service_id for service in catalogue.skipped] == ["2"]


def test_empty_catalogue_is_returned() -> None:
    with talking(services=answer([])) as (client, _):
        assert client.services().rows == ()


def test_what_came_instead_of_a_catalogue_is_told() -> None:
    page = b"<!doctype html><title>Maintenance</title><h1>We will be back</h1>"
    with scripted_server(services=answer(page)) as server, pytest.raises(Later) as raised:
        Client(server.url, KEY).services()
    assert "<!doctype html>" in raised.value.text
    cut = b'[{"service": 1, "name": "Views", "rate": "90", "min": "1'
    with scripted_server(services=answer(cut)) as server, pytest.raises(Later) as raised:
        Client(server.url, KEY).services()
    assert f"no JSON in {len(cut)} bytes" in raised.value.text
    assert '"min": "1' in raised.value.text


@pytest.mark.parametrize("body", [{}, {"data": []}, None, ["x"], b"<html>", b'[{"service":1'])
def test_no_catalogue(body: object) -> None:
    with talking(services=answer(body)) as (client, _), pytest.raises(Later) as raised:
        client.services()
    assert raised.value.rule == "no_catalogue"


@pytest.mark.parametrize("body", [{"error": "Invalid API key"}, [{"error": "Invalid API key"}]])
def test_services_with_a_refused_key(body: object) -> None:
    with talking(services=answer(body)) as (client, _), pytest.raises(Halt) as raised:
        client.services()
    assert raised.value.rule == "key"


@pytest.mark.parametrize("body", [STATUS, [STATUS], {"1242": STATUS}, {"data": STATUS}])
def test_status(body: object) -> None:
    with talking(status=answer(body)) as (client, _):
        status = client.status("1242")
    assert (status.status, status.charge, status.start_count, status.remains, status.currency) == (
        Status.PENDING,
        Decimal("0.27819"),
        1000,
        500,
        "RUB",
    )
    assert "0.27819" in status.raw


@pytest.mark.parametrize(
    "body", [STATUS | {"order": "999"}, [STATUS | {"order": 999}], {"1242": STATUS | {"order": 9}}]
)
def test_status_of_another_order_is_not_believed(body: object) -> None:
    with talking(status=answer(body)) as (client, _), pytest.raises(Later) as raised:
        client.status("1242")
    assert (raised.value.rule, raised.value.paces_provider) == ("no_clear_answer", False)


def test_status_may_say_whose_it_is() -> None:
    with talking(status=answer(STATUS | {"order": 1242})) as (client, _):
        assert client.status("1242").status is Status.PENDING


@pytest.mark.parametrize(
    "body",
    [{"error": "Invalid order ID"}, {"1242": "Incorrect order ID"}, {"1242": {"error": "Invalid order ID"}}],
)
def test_status_of_an_unknown_order(body: object) -> None:
    with talking(status=answer(body)) as (client, _), pytest.raises(OrderUnknown) as raised:
        client.status("1242")
    assert raised.value.rule == "order_unknown"


@pytest.mark.parametrize("body", [{}, [], None, b"<html>", b"", {"status": "success"}])
def test_unreadable_reads_are_later(body: object) -> None:
    with talking(any=answer(body)) as (client, _):
        for call in (lambda: client.status("1242"), client.balance):
            with pytest.raises(Later) as raised:
                call()
            assert raised.value.rule == "no_clear_answer"


@pytest.mark.parametrize("status", [301, 403, 404, 500])
def test_read_with_a_bad_status_is_not_believed(status: int) -> None:
    script = {"services": answer([], status=status), "balance": answer(BALANCE, status=status)}
    with talking(**script, status=answer(STATUS, status=status)) as (client, _):
        for call in (client.services, client.balance, lambda: client.status("1")):
            with pytest.raises(Later) as raised:
                call()
            assert raised.value.http_status == status


def test_balance() -> None:
    with talking(balance=answer(BALANCE)) as (client, _):
        balance = client.balance()
    assert (balance.amount, balance.raw_text, balance.verified) == (Decimal(1), "1.000", False)
    assert (balance.user_id, balance.username) == ("1", "smmub")


# --- Many statuses ---------------------------------------------------------------------------------------


def test_statuses_by_id() -> None:
    body = {"1": STATUS, "2": {"error": "Incorrect order ID"}, "3": "Incorrect order ID", "9": STATUS}
    with talking(status=answer(body)) as (client, server):
        found = client.statuses(["1", "2", "3", "4", "1"])
    assert list(found) == ["1", "2", "3", "4"]
    assert isinstance(found["1"], OrderStatus)
    assert isinstance(found["2"], OrderUnknown)
    assert isinstance(found["3"], OrderUnknown)
    assert isinstance(found["4"], Later)
    assert [call.fields.get("orders") for call in server.calls] == ["1,2,3,4"]


def test_statuses_come_in_hundreds() -> None:
    with talking(status=answer({str(number): STATUS for number in range(250)})) as (client, server):
        found = client.statuses([str(number) for number in range(250)])
    assert len(found) == 250
    assert all(isinstance(status, OrderStatus) for status in found.values())
    assert [len(call.fields["orders"].split(",")) for call in server.calls] == [100, 100, 50]


def test_statuses_of_a_list_with_orders() -> None:
    with talking(status=answer([{"order": 2, **STATUS, "remains": "2"}, {"order": 1, **STATUS}])) as (
        client,
        _,
    ):
        found = client.statuses(["1", "2"])
    assert isinstance(found["2"], OrderStatus)
    assert found["2"].remains == 2


@pytest.mark.parametrize("status", [204, 304])
def test_a_connection_ends_with_an_answer_that_has_no_body(status: int) -> None:
    """A body that follows it late is not read as the answer to the next call."""
    with talking(add=answer(b"", status=status), balance=answer(BALANCE)) as (client, server):
        with pytest.raises(Uncertain):
            add(client)
        client.balance()
        client.balance()
    assert [call.connection for call in server.calls] == [1, 2, 2]


def test_statuses_under_an_id_that_is_not_theirs_are_not_believed() -> None:
    with talking(status=answer({"1": STATUS | {"order": "2"}, "2": STATUS})) as (client, _):
        one, two = client.statuses(["1", "2"]).values()
    assert isinstance(one, Later)
    assert isinstance(two, OrderStatus)


def test_cancel_of_another_order_is_uncertain() -> None:
    with talking(cancel=answer([{"order": 999, "cancel": 1}])) as (client, _), pytest.raises(Uncertain):
        client.cancel("1242")


def test_statuses_of_a_list_without_orders_are_none() -> None:
    with talking(status=answer([STATUS, STATUS])) as (client, server):
        found = client.statuses(["1", "2"])
    assert [status.rule for status in found.values() if isinstance(status, Later)] == ["no_clear_answer"] * 2
    assert len(server.calls) == 1, "how many calls more are made is the caller's"


def test_fault_of_many_statuses_stands_at_each_and_ends_it() -> None:
    with talking(status=answer({"error": "Invalid API key"})) as (client, server):
        found = client.statuses([str(number) for number in range(150)])
    assert len(found) == 150
    assert all(isinstance(fault, Halt) for fault in found.values())
    assert len(server.calls) == 1


def test_statuses_before_a_fault_are_kept() -> None:
    answers = [answer({str(number): STATUS for number in range(100)}), answer(b"", status=502)]
    with talking(status=lambda connection: answers.pop(0)(connection)) as (client, _):
        found = client.statuses([str(number) for number in range(150)])
    assert [type(said) for said in found.values()] == [OrderStatus] * 100 + [Later] * 50


def test_no_statuses_no_call() -> None:
    with talking() as (client, server):
        assert client.statuses([]) == {}
    assert server.calls == []


# --- cancel ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "already"),
    [
        ([{"order": "Order canceled successfully"}], False),
        ({"order": 1, "cancel": 1}, False),
        ({"status": "success"}, False),
        ({"error": "Order already canceled"}, True),
        ([{"error": "Order was already been cancelled"}], True),
        ({"order": 1, "cancel": {"error": "Already canceled"}}, True),
    ],
)
def test_cancel_is_taken(body: object, already: bool) -> None:
    with talking(cancel=answer(body)) as (client, _):
        taken = client.cancel("1")
    assert isinstance(taken, CancelTaken)
    assert taken.already is already
    assert taken.raw


@pytest.mark.parametrize(
    ("behave", "kind", "rule"),
    [
        (
            answer({"error": "An order can be canceled only within 10 minutes"}),
            CancelRefused,
            "cancel_window",
        ),
        (answer({"order": 1, "cancel": {"error": "Incorrect order ID"}}), CancelRefused, "order_unknown"),
        (answer({"error": "Computer says no"}), CancelRefused, "unknown_text"),
        (answer({"error": "Invalid API key"}), Halt, "key"),
        (answer(b"", status=429), Later, "rate_limit"),
        (answer({}), Uncertain, "no_clear_answer"),
        (answer({"cancel": 0}), Uncertain, "no_clear_answer"),
        (answer(b"<html>"), Uncertain, "no_clear_answer"),
        (answer(b"<html>", status=500), Uncertain, "http_5xx"),
    ],
)
def test_cancel_is_not_taken(behave: Behaviour, kind: type[ProviderError], rule: str) -> None:
    with talking(cancel=behave) as (client, _), pytest.raises(ProviderError) as raised:
        client.cancel("1")
    assert (type(raised.value), raised.value.rule) == (kind, rule)
