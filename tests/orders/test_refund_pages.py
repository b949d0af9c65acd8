"""Admin's page on which money is given back: enter, confirm, done; once, and by who may."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from orders.models import Order
from orders.polling import record_answer
from tests.factories import make_user
from tests.orders.acting import accept, fresh, refunds, said
from tests.pages import Browser, html, text


@pytest.fixture
def browser(olga: User) -> Browser:
    """Olga's browser, in English."""
    return Browser(olga)


@pytest.fixture
def page(order: Order) -> str:
    """The address, of an order that its provider has."""
    accept(order)
    return f"/admin/orders/order/{order.pk}/refund/"


FILLED_IN = {"amount": "30", "why": "It never came.", "seen": "0.000000"}


def test_enter_confirm_done(browser: Browser, order: Order, page: str) -> None:
    form = browser.get(page)
    assert "Given back so far: 0.00 RUB." in html(form)
    assert 'value="130.00"' in form.content.decode()

    asked = browser.post(page, FILLED_IN)
    said_so = text(asked)
    assert (
        f"Order {order.pk}: 30.00 RUB go back to the wallet of alice@example.com, at your own loss."
        in said_so
    )
    assert "100.00 RUB of its charge of 130.00 RUB stay paid." in said_so
    assert "Reason: It never came." in said_so
    assert refunds(order) == []

    done = browser.post(page, FILLED_IN | {"confirmed": "yes"}, follow=True)
    assert f"Order {order.pk}: 30.00 RUB are back in the wallet of alice@example.com." in text(done)
    assert "Refunded by hand" in text(done)
    assert refunds(order) == [Decimal(30)]


def test_going_back_keeps_what_was_filled_in(browser: Browser, page: str) -> None:
    form = browser.post(page, FILLED_IN | {"back": "yes"})

    assert 'value="30"' in form.content.decode()
    assert "It never came." in text(form)


def test_a_second_click(browser: Browser, order: Order, page: str) -> None:
    browser.post(page, FILLED_IN | {"confirmed": "yes"})

    again = browser.post(page, FILLED_IN | {"confirmed": "yes"}, follow=True)

    assert f"Order {order.pk}: 30.00 RUB of its charge are back by now" in text(again)
    assert refunds(order) == [Decimal(30)]


def test_the_rest_went_back_meanwhile(browser: Browser, order: Order, page: str) -> None:
    record_answer(order.pk, said("canceled"))

    answer = browser.post(page, FILLED_IN | {"confirmed": "yes"}, follow=True)

    assert "the whole charge is back already. Nothing was done." in text(answer)
    assert refunds(order) == [Decimal(130)]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("amount", "130.00001", "At most 130.00 RUB."),
        ("amount", "0", "greater than or equal to 0.00001"),
        ("amount", "-5", "greater than or equal to 0.00001"),
        ("amount", "1.000001", "no more than 5 decimal places"),
        ("amount", "NaN", "Enter a number."),
        ("why", "  ", "This field is required."),
    ],
)
def test_what_is_refused(
    browser: Browser, order: Order, page: str, field: str, value: str, words: str
) -> None:
    answer = browser.post(page, FILLED_IN | {"confirmed": "yes", field: value})

    assert words in text(answer)
    assert refunds(order) == []


def test_an_order_that_waits_is_settled_instead(browser: Browser, order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(status="held", due_at=None)

    answer = browser.get(f"/admin/orders/order/{order.pk}/refund/", follow=True)

    assert "is now: Held. It is canceled or settled instead; nothing was done." in text(answer)


def test_the_button_stands_where_something_can_go_back(browser: Browser, order: Order, page: str) -> None:
    assert page in browser.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    record_answer(order.pk, said("canceled"))
    assert page not in browser.get(f"/admin/orders/order/{order.pk}/change/").content.decode()


def test_who_only_reads_cannot(order: Order, page: str) -> None:
    reader = make_user(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_order"))
    browser = Browser(reader)

    assert browser.get(page).status_code == 403
    assert browser.post(page, FILLED_IN | {"confirmed": "yes"}).status_code == 403
    assert page not in browser.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    assert fresh(order).refunded == 0


def test_the_customer_reads_of_the_money_and_not_of_the_reason(
    browser: Browser, order: Order, page: str, alice: User
) -> None:
    browser.post(page, FILLED_IN | {"confirmed": "yes"})

    for address in (f"/orders/{order.pk}/", "/wallet/"):
        seen = text(Browser(alice).get(address))
        assert "30.00 RUB" in seen
        assert "It never came." not in seen
