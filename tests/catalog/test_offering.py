"""What a customer pays: on the price list, the order form, and when placing."""

import html
import re
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import CustomerGroup, User
from catalog.models import CataloguePolicy, PriceRule, Provider, Service
from catalog.offering import with_prices_for
from catalog.pricing import drop_rule, save_rule
from catalog.rates import save_rate
from orders.errors import PriceChanged, ServiceNotSold
from orders.placing import quote
from tests.factories import credit, make_provider, make_service, make_user, place


@pytest.fixture(autouse=True)
def _in_english(client: Browser) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def service(provider: Provider) -> Service:
    return make_service(provider)


@pytest.fixture
def hers(service: Service, alice: User) -> PriceRule:
    """Alice's own rule: she pays 110 where everybody pays 130."""
    return save_rule(PriceRule(scope="everything", customer=alice, percent=Decimal(10)))


def price_for(customer: User | None, service: Service) -> Decimal | None:
    fresh = Service.objects.get(pk=service.pk)
    with_prices_for(customer, [fresh])
    return fresh.price


def shown(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", html.unescape(answer.content.decode()))


def test_everybody_pays_the_stored_price(service: Service, alice: User, hers: PriceRule) -> None:
    assert price_for(None, service) == 130
    assert price_for(make_user(), service) == 130
    assert price_for(alice, service) == 110


def test_a_group_pays_its_own(service: Service, alice: User) -> None:
    group = CustomerGroup.objects.create(name="Resellers")
    save_rule(PriceRule(scope="everything", group=group, percent=Decimal(20)))
    assert price_for(alice, service) == 130
    alice.customer_group = group
    alice.save()

    assert price_for(alice, service) == 120
    save_rule(PriceRule(scope="everything", customer=alice, percent=Decimal(25)))
    assert price_for(alice, service) == 125  # a customer's own, though it is dearer


def test_where_no_own_rule_speaks_of_a_service_the_stored_price_stays(service: Service, alice: User) -> None:
    other = make_service(category="Other", price=Decimal(177))  # whatever it is stored as
    save_rule(PriceRule(scope="service", service=service, customer=alice, percent=Decimal(10)))

    assert (price_for(alice, service), price_for(alice, other)) == (110, 177)


def test_in_another_currency(alice: User, db: None) -> None:
    abroad = make_service(make_provider(currency="USD"), price=None)
    save_rule(PriceRule(scope="everything", customer=alice, percent=Decimal(10)))
    assert price_for(alice, abroad) is None
    save_rate("USD", Decimal(80))
    assert (price_for(alice, abroad), price_for(None, abroad)) == (8800, 10400)


def test_pages_show_the_price_that_is_charged(
    client: Browser, service: Service, alice: User, boris: User, hers: PriceRule
) -> None:
    pages = (
        "/services/",
        f"/orders/new/?service={service.pk}",
        f"/orders/new/?category={service.category_id}",
    )
    for customer, price, other in ((alice, "110.00", "130.00"), (boris, "130.00", "110.00")):
        client.force_login(customer)
        for page in pages:
            text = shown(client, page)
            assert f"{price}\u00a0RUB" in text or f"{price} RUB" in text
            assert other not in text
        total = shown(client, f"{reverse('order_total')}?service={service.pk}&quantity=2000")
        assert f"{Decimal(price) * 2}" in total
    client.logout()
    assert "130.00" in shown(client, "/services/")


def test_an_order_is_charged_what_was_shown_and_keeps_it(
    client: Browser, service: Service, alice: User, hers: PriceRule
) -> None:
    credit(alice)
    client.force_login(alice)
    data = {
        "service": service.pk,
        "request_id": uuid.uuid4().hex,
        "agreed_price": "110.000000",
        "link": "https://example.com/a",
        "quantity": 1000,
    }
    assert client.post("/orders/new/", data).status_code == 302

    order = service.orders.get()
    assert (order.price, order.charge) == (110, 110)
    drop_rule(hers)
    order.refresh_from_db()
    assert (order.price, order.charge) == (110, 110)
    assert place(alice, service).price == 130


def test_an_own_rule_that_became_dearer_is_not_charged_unasked(
    service: Service, alice: User, hers: PriceRule
) -> None:
    credit(alice)
    hers.percent = Decimal(40)
    save_rule(hers)

    with pytest.raises(PriceChanged) as refused:
        place(alice, service, agreed_price=Decimal(110))
    assert refused.value.price == 140
    assert not service.orders.exists()
    assert place(alice, service, agreed_price=Decimal(150)).price == 140


def test_an_own_rule_below_a_cost_that_rose_stops_the_sale_to_its_customer(
    client: Browser, service: Service, alice: User, boris: User
) -> None:
    save_rule(PriceRule(scope="service", service=service, customer=alice, fixed_price=Decimal(105)))
    Service.objects.update(cost=Decimal(120), price=Decimal(156))

    credit(alice)
    with pytest.raises(ServiceNotSold):
        place(alice, service)
    assert quote(service.pk, quantity=1000, customer=boris).price == 156
    client.force_login(alice)
    assert "not sold now" in shown(client, f"/orders/new/?service={service.pk}")
    listed = shown(client, "/services/")
    assert service.name in listed
    assert f"?service={service.pk}" not in listed

    CataloguePolicy.objects.create(on_loss=CataloguePolicy.OnLoss.FOLLOW)
    assert quote(service.pk, quantity=1000, customer=alice).price == 120


@pytest.mark.parametrize("page", ["/services/", "/orders/new/?category={category}"])
def test_prices_of_a_page_take_a_fixed_number_of_queries(
    client: Browser, service: Service, alice: User, hers: PriceRule, page: str
) -> None:
    client.force_login(alice)
    found = []
    for size in (5, 40):
        for _ in range(size):
            other = make_service(make_provider())
            PriceRule.objects.create(scope="service", service=other, customer=alice, percent=Decimal(5))
        with CaptureQueriesContext(connection) as asked:
            shown(client, page.format(category=service.category_id))
        found.append(len(asked))

    assert found[0] == found[1]


def test_who_has_no_own_rule_costs_one_query(
    service: Service, boris: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        with_prices_for(boris, [service])
    with django_assert_num_queries(0):
        with_prices_for(None, [service])
        with_prices_for(boris, [])
