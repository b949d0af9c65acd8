"""The sandbox to the letter of `provider-api.txt`: every answer and every error, by POST and by GET."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from http.client import HTTPConnection, RemoteDisconnected
from socket import SHUT_WR
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from upstream.sandbox import MovedClock, SandboxServer, Service, Settings

LINK = "https://example.com/channel"
DOCUMENT_ROWS = (
    Service(service=1, name="Подписчики YouTube", category="YouTube", rate=Decimal(90), min=100, max=50_000),
    Service(
        service=2,
        name="Просмотры ТикТок",
        category="ТикТок",
        rate=Decimal("0.55638"),
        min=1_000,
        max=5_000_000,
    ),
)


def call(sandbox: SandboxServer, method: str = "POST", **fields: Any) -> Any:
    """Make one call with the right key, unless `key` is given, and return the decoded answer."""
    fields = {"key": sandbox.key, **fields}
    place = {"params": fields} if method == "GET" else {"data": fields}
    answer = requests.request(method, sandbox.url, timeout=5, **place)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


def add(sandbox: SandboxServer, service: int = 1, link: str = LINK, quantity: int = 1_000) -> Any:
    """Place an order and return its id, or the whole answer when it is refused."""
    answer = call(sandbox, action="add", service=service, link=link, quantity=quantity)
    return answer[0]["order"] if isinstance(answer, list) else answer


def status(sandbox: SandboxServer, order: str) -> Any:
    """Ask an order's status, without its list."""
    [answer] = call(sandbox, action="Status", order=order)
    return answer


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def sandbox(clock: MovedClock) -> Iterator[SandboxServer]:
    """Two services, 3 is retired, 4 is unknown; order 1242 is canceled, 1243 pending, 1244 too old."""
    settings = Settings(services=2, balance=Decimal(1_000), life_seconds=6_000, username="somebody")
    with SandboxServer(settings, clock=clock) as server:
        server.services.update({row.service: row for row in DOCUMENT_ROWS})
        yield server


METHODS = pytest.mark.parametrize("method", ["POST", "GET"])

GOOD_ADD = {"action": "add", "service": "1", "link": LINK, "quantity": "100"}

ERRORS = [
    ({"action": ""}, "Action should not be empty"),
    ({"action": "  "}, "Action should not be empty"),
    ({"action": "services", "key": ""}, "API key should not be empty"),
    ({"action": "refill"}, "Invalid Action"),
    ({"action": "refill", "key": ""}, "API key should not be empty"),
    ({"action": "refill", "key": "wrong"}, "Invalid Action"),
    ({"action": "Services", "key": "wrong"}, "Invalid API key"),
    ({**GOOD_ADD, "key": ""}, "API key should not be empty"),
    ({**GOOD_ADD, "service": ""}, "Service ID should not be empty"),
    ({**GOOD_ADD, "link": " "}, "Requested link should not be empty"),
    ({**GOOD_ADD, "quantity": ""}, "Order quantity should not be empty"),
    ({**GOOD_ADD, "key": "wrong"}, "Invalid API key"),
    ({**GOOD_ADD, "service": "3"}, "Service Not Active"),
    ({**GOOD_ADD, "service": "4"}, "Invalid Service ID"),
    ({**GOOD_ADD, "service": "one"}, "Invalid Service ID"),
    ({**GOOD_ADD, "quantity": "50000"}, "Insuffcient Funds"),
    ({**GOOD_ADD, "quantity": "99"}, "Quantity should be within min quantity to max quantity"),
    (
        {**GOOD_ADD, "service": "2", "quantity": "999"},
        "Quantity should be within min quantity to max quantity",
    ),
    ({**GOOD_ADD, "quantity": "-100"}, "Quantity should be within min quantity to max quantity"),
    ({**GOOD_ADD, "quantity": "1.000"}, "Quantity should be within min quantity to max quantity"),
    ({**GOOD_ADD, "quantity": "9" * 5000}, "Quantity should be within min quantity to max quantity"),
    ({"action": "Status", "key": ""}, "API key should not be empty"),
    ({"action": "Status", "order": ""}, "Order ID should not be empty"),
    ({"action": "Status", "orders": "1242"}, "Order ID should not be empty"),
    ({"action": "Status", "order": "1242", "key": "wrong"}, "Invalid API key"),
    ({"action": "Status", "order": "1"}, "Invalid order ID"),
    ({"action": "Cancel", "key": ""}, "API key should not be empty"),
    ({"action": "Cancel"}, "Order ID should not be empty"),
    ({"action": "Cancel", "order": "1242", "key": "wrong"}, "Invalid API key"),
    ({"action": "Cancel", "order": "1"}, "Invalid order ID"),
    ({"action": "Balance", "key": ""}, "API key should not be empty"),
    ({"action": "Balance", "key": "wrong"}, "Invalid API key"),
]


@METHODS
@pytest.mark.parametrize(("fields", "text"), ERRORS)
def test_every_error_is_bare_and_exact(
    sandbox: SandboxServer, method: str, fields: dict[str, str], text: str
) -> None:
    assert call(sandbox, method, **fields) == {"error": text}
    assert sandbox.journal.rows == []
    assert sandbox.balance == 1_000


@METHODS
def test_errors_that_need_an_order(sandbox: SandboxServer, clock: MovedClock, method: str) -> None:
    order = add(sandbox)
    repeated = call(sandbox, method, action="add", service=1, link=LINK, quantity=200)
    assert repeated == {"error": "Spam protection, wait 7 seconds"}
    clock.move(601)
    late = {"error": "An order can be canceled only within 10 minutes"}
    assert call(sandbox, method, action="Cancel", order=order) == late
    young = add(sandbox)
    call(sandbox, method, action="Cancel", order=young)
    again = {"error": "Order already canceled"}
    assert call(sandbox, method, action="Cancel", order=young) == again


@METHODS
def test_a_call_without_any_field(sandbox: SandboxServer, method: str) -> None:
    answer = requests.request(method, sandbox.url, timeout=5)
    assert (answer.status_code, answer.json()) == (200, {"error": "Action should not be empty"})


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (["key", "service", "link", "quantity"], "API key should not be empty"),
        (["service", "link", "quantity"], "Service ID should not be empty"),
        (["link", "quantity"], "Requested link should not be empty"),
    ],
)
def test_of_several_faults_the_first_listed_is_told(
    sandbox: SandboxServer, missing: list[str], text: str
) -> None:
    assert call(sandbox, **{**GOOD_ADD, "key": "wrong", **dict.fromkeys(missing, "")}) == {"error": text}


@METHODS
@pytest.mark.parametrize("action", ["Services", "services", "SERVICES", " services "])
def test_services_as_in_the_document(sandbox: SandboxServer, method: str, action: str) -> None:
    sandbox.services.change(2, rate=Decimal("100.00"))
    assert call(sandbox, method, action=action) == [
        {
            "service": 1,
            "name": "Подписчики YouTube",
            "type": "Default",
            "category": "YouTube",
            "rate": "90",
            "min": "100",
            "max": "50.000",
        },
        {
            "service": 2,
            "name": "Просмотры ТикТок",
            "type": "Default",
            "category": "ТикТок",
            "rate": "100",
            "min": "1.000",
            "max": "5.000.000",
        },
    ]


@METHODS
def test_add_as_in_the_document(sandbox: SandboxServer, method: str) -> None:
    assert call(sandbox, method, **GOOD_ADD) == [{"order": "1242"}]


@METHODS
def test_status_as_in_the_document(sandbox: SandboxServer, method: str) -> None:
    sandbox.services.change(2, min=1)
    sandbox.plan_next(start_count=1_000)
    order = add(sandbox, service=2, quantity=500)
    assert call(sandbox, method, action="Status", order=order) == [
        {
            "charge": "0.27819",
            "start_count": "1.000",
            "status": "Pending",
            "remains": "500",
            "currency": "RUB",
        }
    ]


@METHODS
def test_cancel_as_in_the_document(sandbox: SandboxServer, method: str) -> None:
    order = add(sandbox)
    assert call(sandbox, method, action="Cancel", order=order) == [{"order": "Order canceled successfully"}]


@METHODS
def test_balance_as_in_the_document(sandbox: SandboxServer, method: str) -> None:
    sandbox.set_balance(1)
    assert call(sandbox, method, action="Balance") == [
        {"userid": 1, "balance": "1.000", "username": "somebody"}
    ]


def test_balance_is_money_with_three_decimals_and_never_more_than_there_is(sandbox: SandboxServer) -> None:
    sandbox.set_balance("1234.56789")
    assert call(sandbox, action="Balance")[0]["balance"] == "1234.567"


def test_thousands_are_dotted_in_whole_numbers_only(sandbox: SandboxServer) -> None:
    sandbox.set_balance(2_000_000)
    sandbox.services.change(1, rate=Decimal(1_500), max=5_000_000)
    sandbox.plan_next(start_count=1_234_567)
    answer = status(sandbox, add(sandbox, quantity=1_000_000))
    assert (answer["start_count"], answer["remains"]) == ("1.234.567", "1.000.000")
    assert answer["charge"] == "1500000.00000"
    assert call(sandbox, action="Services")[0]["rate"] == "1500"


def test_a_multipart_form_and_a_closing_slash_are_taken(sandbox: SandboxServer) -> None:
    fields = {name: (None, value) for name, value in {**GOOD_ADD, "key": sandbox.key}.items()}
    fields["link"] = (None, "https://example.com/канал")
    answer = requests.post(sandbox.url + "/", files=fields, timeout=5, allow_redirects=False)
    assert answer.json() == [{"order": "1242"}]
    assert sandbox.journal.accepted[0].link == "https://example.com/канал"


def test_other_paths(sandbox: SandboxServer) -> None:
    home = requests.get(sandbox.url.removesuffix("api/v2"), timeout=5)
    assert (home.status_code, "/api/v2" in home.text) == (200, True)
    assert requests.get(sandbox.url + "/services", timeout=5).status_code == 404


def test_a_cut_off_form_is_not_an_order(sandbox: SandboxServer) -> None:
    form = urlencode({**GOOD_ADD, "key": sandbox.key}).encode()
    with closing(HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)) as connection:
        connection.request("POST", "/api/v2", headers={"Content-Length": str(len(form) + 1)}, body=form)
        connection.sock.shutdown(SHUT_WR)
        with pytest.raises(RemoteDisconnected):
            connection.getresponse()
    assert sandbox.journal.rows == []


@pytest.mark.parametrize(("length", "status"), [("", 411), ("-1", 411), ("9" * 5000, 411), ("2000000", 413)])
def test_a_body_without_a_length_or_too_long(sandbox: SandboxServer, length: str, status: int) -> None:
    with closing(HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)) as connection:
        connection.putrequest("POST", "/api/v2")
        connection.putheader("Content-Length", length)
        connection.endheaders()
        assert connection.getresponse().status == status


def test_many_calls_share_a_connection(sandbox: SandboxServer) -> None:
    with closing(HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)) as connection:
        sockets = set()
        for body in (None, b"key=x", None):
            connection.request("POST" if body else "GET", "/api/v2?action=balance", body=body)
            connection.getresponse().read()
            sockets.add(id(connection.sock))
    assert len(sockets) == 1


def test_calls_are_counted_whatever_they_are_answered(sandbox: SandboxServer) -> None:
    call(sandbox, action="Balance")
    call(sandbox, action="balance", key="wrong")
    call(sandbox, action="refill")
    assert sandbox.calls == {"balance": 2, "other": 1}
