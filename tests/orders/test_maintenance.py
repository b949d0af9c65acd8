"""While the site takes no orders: nothing new, and all else as ever."""

import pytest
from django.test import Client as Browser

from accounts.models import User
from catalog.models import Service
from operations.models import SiteState
from orders.errors import NoOrdersNow
from orders.messages import message_of
from orders.models import Order
from tests.factories import LINK, place
from tests.orders.acting import charges, forward, fresh, held_by

WORDS = "We are moving <b>"


def close() -> None:
    SiteState.objects.update_or_create(pk=1, defaults={"takes_orders": False, "reason_en": WORDS})


@pytest.fixture(autouse=True)
def _in_english(client: Browser) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


def test_an_order_is_refused_and_costs_nothing(customer: User, service: Service) -> None:
    close()

    with pytest.raises(NoOrdersNow) as refusal:
        place(customer, service)

    assert message_of(refusal.value) == refusal.value.reason != ""
    assert not Order.objects.exists()
    assert (charges(), held_by(customer)) == (0, 1000)


def test_a_repeat_of_what_was_ordered_before_is_answered_by_it(customer: User, service: Service) -> None:
    order = place(customer, service, request_id="r-1")
    close()

    assert place(customer, service, request_id="r-1") == order
    assert held_by(customer) == 870


def test_what_was_ordered_is_sent(customer: User, service: Service) -> None:
    order = place(customer, service)
    close()

    forward(order.provider)

    assert fresh(order).status == "pending"


def test_orders_are_taken_again(customer: User, service: Service) -> None:
    close()
    SiteState.objects.update(takes_orders=True)

    assert place(customer, service).status == "queued"


def test_pages_say_so_and_go_on(client: Browser, customer: User, service: Service) -> None:
    order = place(customer, service)
    client.force_login(customer)
    pages = ("/", "/services/", "/orders/", f"/orders/{order.pk}/", "/wallet/", "/orders/new/")
    for page in pages:
        assert "We are moving" not in client.get(page).content.decode(), page

    close()
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert answer.content.decode().count("We are moving &lt;b&gt;") == 1, page


def test_the_form_shows_the_refusal(client: Browser, customer: User, service: Service) -> None:
    client.force_login(customer)
    close()
    form = {
        "service": service.pk,
        "request_id": "a-request-id",
        "agreed_price": "130",
        "link": LINK,
        "quantity": 1000,
    }

    answer = client.post("/orders/new/", form)

    assert answer.status_code == 422
    assert answer.context["form"].non_field_errors() == [WORDS]
    assert not Order.objects.exists()
