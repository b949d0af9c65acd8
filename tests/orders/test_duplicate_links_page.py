"""The order form, for a link on which an order of the service is still open."""

import re
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from catalog.models import Service
from orders.models import Order
from tests.factories import LINK, credit, make_service, place
from tests.pages import Browser, html, inputs, queries_of, text
from wallet.statement import balance_of

WARNING = "An order of this service for this link is still open. Two at once get in each other's way"


@pytest.fixture
def service(db: None) -> Service:
    """130 per 1000, from 100 to 50,000."""
    return make_service(price=Decimal(130))


@pytest.fixture
def rich(alice: User) -> Browser:
    """Alice's browser; her wallet holds 1000."""
    credit(alice, 1000)
    return Browser(alice)


@pytest.fixture
def first(rich: Browser, alice: User, service: Service) -> Order:
    """Alice's open order for the link; 870 are left."""
    return place(alice, service)


def send(browser: Browser, service: Service, **typed: object) -> Any:
    """Fill in the form of a service as the page offers it, and send it."""
    form = inputs(browser.get("/orders/new/", {"service": service.pk}), "order-form")
    return browser.post("/orders/new/", form | {"link": LINK, "quantity": 1000} | typed)


def refuse(service: Service) -> None:
    Service.objects.filter(pk=service.pk).update(duplicate_links="refuse")


def error_of_link(answer: Any) -> str:
    found = re.search(r'id="id_link_error" role="alert"><div>(.*?)</div>', html(answer))
    return found[1] if found else ""


def test_nothing_is_asked_without_an_open_order(rich: Browser, service: Service) -> None:
    page = rich.get("/orders/new/", {"service": service.pk})

    assert "agreed_link" not in html(page)
    assert send(rich, service).status_code == 302


def test_asks_once_more_and_links_to_the_customers_own(
    rich: Browser, service: Service, alice: User, first: Order
) -> None:
    answer = send(rich, service)

    assert answer.status_code == 422
    assert WARNING in text(answer)
    assert f'href="/orders/{first.pk}/">Your order {first.pk}</a>' in html(answer)
    assert 'alert-danger" role="alert"' not in html(answer)
    assert (Order.objects.count(), balance_of(alice)) == (1, Decimal(870))


def test_the_box_stands_before_the_button_and_is_not_ticked(
    rich: Browser, service: Service, first: Order
) -> None:
    page = html(send(rich, service))

    assert page.index('id="total"') < page.index('id="twin"') < page.index('btn-lg w-100" type="submit"')
    [box] = re.findall(r'<input\b[^>]*name="agreed_link"[^>]*>', page)
    assert "checked" not in box
    assert f'value="{LINK}"' in box


def test_agreed_to_it_is_ordered(rich: Browser, service: Service, alice: User, first: Order) -> None:
    asked = inputs(send(rich, service), "order-form")

    answer = rich.post("/orders/new/", asked)

    assert answer.status_code == 302
    assert (Order.objects.count(), balance_of(alice)) == (2, Decimal(740))


def test_sent_again_without_agreeing_it_asks_again(
    rich: Browser, service: Service, alice: User, first: Order
) -> None:
    asked = inputs(send(rich, service), "order-form")
    del asked["agreed_link"]  # a box that is not ticked is not sent

    answer = rich.post("/orders/new/", asked)

    assert answer.status_code == 422
    assert WARNING in text(answer)
    assert (Order.objects.count(), balance_of(alice)) == (1, Decimal(870))


def test_another_link_is_asked_about_anew(rich: Browser, service: Service, alice: User, first: Order) -> None:
    other = f"{LINK}/other"
    place(alice, service, link=other)
    asked = inputs(send(rich, service), "order-form")

    answer = rich.post("/orders/new/", asked | {"link": other})

    assert answer.status_code == 422
    assert WARNING in text(answer)
    assert inputs(answer, "order-form")["agreed_link"] == other
    assert Order.objects.count() == 2
    assert rich.post("/orders/new/", inputs(answer, "order-form")).status_code == 302


def test_another_link_without_an_open_order_is_simply_ordered(
    rich: Browser, service: Service, first: Order
) -> None:
    asked = inputs(send(rich, service), "order-form")

    assert rich.post("/orders/new/", asked | {"link": f"{LINK}/other"}).status_code == 302


def test_agreeing_twice_is_one_order(rich: Browser, service: Service, alice: User, first: Order) -> None:
    asked = inputs(send(rich, service), "order-form")

    answers = [rich.post("/orders/new/", asked) for _ in range(2)]

    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert (Order.objects.count(), balance_of(alice)) == (2, Decimal(740))


def test_what_was_typed_stays_and_its_total(rich: Browser, service: Service, first: Order) -> None:
    answer = send(rich, service, quantity=2000)

    shown = inputs(answer, "order-form")
    assert (shown["link"], shown["quantity"]) == (LINK, "2000")
    assert 'data-testid="total">260.00 RUB<' in html(answer)


@pytest.mark.parametrize("policy", ["warn", "refuse"])
def test_of_anothers_order_neither_number_nor_owner_is_shown(
    rich: Browser, service: Service, boris: User, policy: str
) -> None:
    Service.objects.update(duplicate_links=policy)
    credit(boris)
    place(boris, service)

    answer = send(rich, service)

    assert answer.status_code == 422
    assert "An order of this service for this link is still open." in text(answer)
    assert not re.search(r"/orders/\d|order #?\d|boris", html(answer), re.IGNORECASE)


@pytest.mark.parametrize("agreed", [LINK, ""])
def test_refuse_says_so_beside_the_link_and_offers_no_choice(
    rich: Browser, service: Service, alice: User, first: Order, agreed: str
) -> None:
    refuse(service)

    answer = send(rich, service, agreed_link=agreed)

    assert answer.status_code == 422
    assert error_of_link(answer) == (
        f"Your order {first.pk} of this service for this link is still open. Order again when it has ended."
    )
    assert "agreed_link" not in html(answer)
    assert (Order.objects.count(), balance_of(alice)) == (1, Decimal(870))


def test_off_asks_nothing(rich: Browser, service: Service, first: Order) -> None:
    Service.objects.update(duplicate_links="off")
    assert send(rich, service).status_code == 302


def test_a_hostile_link_is_words_only(rich: Browser, service: Service, alice: User) -> None:
    hostile = "https://example.com/?\"><script>alert('1')</script>"
    place(alice, service, link=hostile)

    answer = send(rich, service, link=hostile)

    assert WARNING in text(answer)
    assert "<script>alert" not in answer.content.decode()
    assert inputs(answer, "order-form")["agreed_link"] == hostile.replace("&", "&amp;")
    assert rich.post("/orders/new/", inputs(answer, "order-form")).status_code == 302


def test_the_page_that_asks_costs_the_same_whatever_is_open(
    rich: Browser, service: Service, alice: User, boris: User
) -> None:
    credit(alice, 100_000)
    found = []
    for size in (10, 200):
        while Order.objects.count() < size:
            place(alice, service)

        def ask() -> Any:
            answer = send(rich, service)
            answer.status_code = {422: 200}[answer.status_code]
            return answer

        found.append(queries_of(ask))
    assert found[0] == found[1]
