import re
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from catalog.models import Category, LinkRule, Service
from orders.models import Order
from tests.factories import LINK, credit, make_service
from tests.pages import Browser, html, inputs, queries_of, text
from wallet.models import Transfer
from wallet.statement import balance_of


@pytest.fixture
def rich(alice: User) -> Browser:
    """Alice's browser; her wallet holds 1000."""
    credit(alice, 1000)
    return Browser(alice)


@pytest.fixture
def service(db: None) -> Service:
    """130 per 1000, from 100 to 50,000."""
    return make_service(price=Decimal(130))


def offered(browser: Browser, service: Service) -> dict[str, str]:
    """Return the inputs of the form that offers a service."""
    return inputs(browser.get("/orders/new/", {"service": service.pk}), "order-form")


def fill(browser: Browser, service: Service, **typed: object) -> dict[str, Any]:
    """Return the form of a service, filled in."""
    return offered(browser, service) | {"link": LINK, "quantity": 1000} | typed


def error_of(answer: Any, name: str) -> str:
    """Return what the page says beside a field."""
    found = re.search(rf'id="id_{name}_error" role="alert"><div>(.*?)</div>', html(answer))
    return found[1] if found else ""


def alert_of(answer: Any) -> str:
    """Return what the page says of the whole form."""
    found = re.search(r'alert alert-danger" role="alert">(.*?)</div> ?(<div>|</div>)', html(answer))
    return re.sub(r"<[^>]*>", "", found[1]).strip() if found else ""


def nothing_happened(user: User, *, holds: int = 1000) -> bool:
    """Whether no order was written and no money moved."""
    orders, charges = Order.objects.count(), Transfer.objects.filter(kind="order_charge").count()
    return (orders, charges, balance_of(user)) == (0, 0, Decimal(holds))


# --- Choosing ---------------------------------------------------------------------------------------------


def test_first_the_category_then_the_service_then_the_form(rich: Browser, service: Service) -> None:
    other = make_service(service.provider, name="Reposts", category="VK")

    first = rich.get("/orders/new/")
    assert 'id="category"' in html(first)
    assert 'id="service"' not in html(first)
    second = rich.get("/orders/new/", {"category": service.category_id})
    assert f'<option value="{service.pk}">{service.pk} · Подписчики YouTube · 130.00 RUB</option>' in html(
        second
    )
    assert "Reposts" not in html(second)
    assert 'id="order-form"' not in html(second)
    third = rich.get("/orders/new/", {"service": other.pk})

    assert f'<option value="{other.category_id}" selected>VK</option>' in html(third)
    assert f'<option value="{other.pk}" selected>' in html(third)
    for fact in ("130.00 RUB", "1,000.00 RUB", "100", "50,000", "Enter a quantity to see the total."):
        assert fact in text(third)
    assert 'id="order-form"' in html(third)


@pytest.mark.parametrize(
    "query", [{"category": "x"}, {"category": "9" * 30}, {"service": ""}, {"service": "x"}]
)
def test_nonsense_in_the_address_is_an_empty_choice(
    rich: Browser, service: Service, query: dict[str, str]
) -> None:
    answer = rich.get("/orders/new/", query)

    assert answer.status_code == 200
    assert 'id="order-form"' not in html(answer)


def test_a_category_with_nothing_on_sale_says_so(rich: Browser, service: Service) -> None:
    empty = Category.objects.create(name="Empty")

    answer = rich.get("/orders/new/", {"category": empty.pk})

    assert "Nothing of this category is sold now." in text(answer)


def test_an_empty_catalogue_says_so(rich: Browser) -> None:
    assert "There is nothing to order yet." in text(rich.get("/orders/new/"))


@pytest.mark.parametrize("why", [{"is_hidden": True}, {"is_listed": False}, {"price": None}])
def test_a_service_that_is_not_sold_is_not_offered(rich: Browser, why: dict[str, Any], alice: User) -> None:
    gone = make_service(**why)
    make_service(gone.provider, name="Other")

    answer = rich.get("/orders/new/", {"service": gone.pk})

    assert "This service is not sold now. Choose another one." in text(answer)
    assert 'id="order-form"' not in html(answer)


def test_the_only_quantity_is_filled_in(rich: Browser) -> None:
    package = make_service(min_quantity=500, max_quantity=500, price=Decimal(10))

    answer = rich.get("/orders/new/", {"service": package.pk})

    assert inputs(answer, "order-form")["quantity"] == "500"
    assert 'data-testid="total">5.00 RUB<' in html(answer)


def test_the_example_of_the_services_rule_stands_under_the_link(rich: Browser, service: Service) -> None:
    LinkRule.objects.create(example="https://site.example/?a=<b>")
    LinkRule.objects.create(service=service, hosts="t.me", example="https://t.me/name")
    other = make_service(service.provider)

    shown = rich.get("/orders/new/", {"service": service.pk})
    assert "The page, post or video that the order is for. For example: https://t.me/name" in text(shown)
    assert "For example: https://site.example/?a=<b>" in text(rich.get("/orders/new/", {"service": other.pk}))
    assert "a=<b>" not in rich.get("/orders/new/", {"service": other.pk}).content.decode()

    refused = rich.post("/orders/new/", fill(rich, service))
    assert "For example: https://t.me/name" in text(refused)
    assert error_of(refused, "link") == (
        "This service is for links of another kind. Enter one like this: https://t.me/name"
    )
    assert not Order.objects.exists()


# --- Ordering ---------------------------------------------------------------------------------------------


def test_orders_and_pays(rich: Browser, service: Service, alice: User) -> None:
    answer = rich.post("/orders/new/", fill(rich, service), follow=True)

    order = Order.objects.get()
    assert answer.redirect_chain == [(f"/orders/{order.pk}/", 302)]
    assert f"Order {order.pk} is placed." in text(answer)
    assert (order.customer, order.service, order.link, order.quantity) == (alice, service, LINK, 1000)
    assert order.charge == Decimal(130)
    assert balance_of(alice) == Decimal(870)


def test_a_form_sent_twice_is_one_order(rich: Browser, service: Service, alice: User) -> None:
    form = fill(rich, service)

    answers = [rich.post("/orders/new/", form) for _ in range(3)]

    order = Order.objects.get()
    assert {answer.headers["Location"] for answer in answers} == {f"/orders/{order.pk}/"}
    assert Transfer.objects.filter(kind="order_charge").count() == 1
    assert balance_of(alice) == Decimal(870)


def test_two_forms_are_two_orders(rich: Browser, service: Service) -> None:
    for number in range(2):
        rich.post("/orders/new/", fill(rich, service, link=f"{LINK}/{number}"))

    assert Order.objects.count() == 2


def test_a_form_that_came_back_with_other_values_asks_first(
    rich: Browser, service: Service, alice: User
) -> None:
    form = fill(rich, service)
    rich.post("/orders/new/", form)

    answer = rich.post("/orders/new/", form | {"quantity": 2000})

    assert answer.status_code == 422
    assert alert_of(answer) == "This form was sent before with other values. Check it and order again."
    assert (Order.objects.count(), balance_of(alice)) == (1, Decimal(870))
    again = rich.post("/orders/new/", inputs(answer, "order-form") | {"link": f"{LINK}/2"})
    assert again.status_code == 302
    assert (Order.objects.count(), balance_of(alice)) == (2, Decimal(610))


# --- Refusing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"link": ""}, "link", "Enter the link that the order is for."),
        ({"link": "youtube"}, "link", "Enter a full address that begins with http:// or https://."),
        ({"link": "ftp://a.example/x"}, "link", "Enter a full address that begins with http:// or https://."),
        (
            {"link": "javascript:alert(1)"},
            "link",
            "Enter a full address that begins with http:// or https://.",
        ),
        ({"quantity": ""}, "quantity", "Enter how much to order."),
        ({"quantity": "1e3"}, "quantity", "Enter a whole number, for example 1000."),
        ({"quantity": "1.5"}, "quantity", "Enter a whole number, for example 1000."),
        ({"quantity": 99}, "quantity", "Enter a quantity from 100 to 50,000."),
        ({"quantity": 50_001}, "quantity", "Enter a quantity from 100 to 50,000."),
    ],
)
def test_refuses_beside_the_field(
    rich: Browser, service: Service, alice: User, typed: dict[str, Any], field: str, words: str
) -> None:
    answer = rich.post("/orders/new/", fill(rich, service, **typed))

    assert answer.status_code == 422
    assert error_of(answer, field) == words
    described = re.search(rf'name="{field}"[^>]*aria-describedby="([^"]*)"', html(answer))
    assert described
    assert f"id_{field}_error" in described[1].split()
    assert nothing_happened(alice)


@pytest.mark.parametrize(
    "quantity", [-5, 0, 10**16, "9" * 400, "1.000", "100.0", "1_000", "١٠٠", "１００", "+100"]
)
def test_refuses_quantities_that_are_none(
    rich: Browser, service: Service, alice: User, quantity: object
) -> None:
    answer = rich.post("/orders/new/", fill(rich, service, quantity=quantity))

    assert answer.status_code == 422
    assert error_of(answer, "quantity")
    assert nothing_happened(alice)


def test_refuses_a_link_too_long(rich: Browser, service: Service, alice: User) -> None:
    answer = rich.post("/orders/new/", fill(rich, service, link=f"https://example.com/{'x' * 2040}"))

    assert answer.status_code == 422
    assert error_of(answer, "link")
    assert nothing_happened(alice)


def test_keeps_what_was_typed_and_shows_its_total(rich: Browser, service: Service) -> None:
    answer = rich.post("/orders/new/", fill(rich, service, link="youtube", quantity=2000))

    assert inputs(answer, "order-form")["link"] == "youtube"
    assert inputs(answer, "order-form")["quantity"] == "2000"
    assert 'data-testid="total">260.00 RUB<' in html(answer)
    assert "740.00 RUB" in text(answer)


def test_too_little_money_says_what_to_do(rich: Browser, service: Service, alice: User) -> None:
    answer = rich.post("/orders/new/", fill(rich, service, quantity=10_000))

    assert answer.status_code == 422
    assert alert_of(answer).startswith(
        "The order costs 1,300.00 RUB and your wallet holds 1,000.00 RUB. Top up and order again."
    )
    assert "Missing in your wallet 300.00 RUB" in text(answer)
    assert 'href="/wallet/">How to top up' in html(answer)
    assert nothing_happened(alice)


def test_an_order_too_small_to_be_charged(rich: Browser, alice: User) -> None:
    cheap = make_service(cost=Decimal("0.00001"), price=Decimal("0.00001"), min_quantity=1)

    answer = rich.post("/orders/new/", fill(rich, cheap, quantity=1))

    assert error_of(answer, "quantity").startswith("This order is too small to be charged.")
    assert nothing_happened(alice)


def test_a_service_switched_off_meanwhile(rich: Browser, service: Service, alice: User) -> None:
    make_service(service.provider, name="Other")
    form = fill(rich, service)
    Service.objects.filter(pk=service.pk).update(is_listed=False)

    answer = rich.post("/orders/new/", form)

    assert answer.status_code == 422
    assert "This service is not sold now. Choose another one." in text(answer)
    assert nothing_happened(alice)


@pytest.mark.parametrize(
    "damage",
    [
        {"service": "x"},
        {"service": 2**70},
        {"service": ""},
        {"request_id": ""},
        {"request_id": "<script>"},
        {"agreed_price": "x"},
        {"agreed_link": "x" * 2049},
    ],
)
def test_a_form_that_no_page_made(
    rich: Browser, service: Service, alice: User, damage: dict[str, object]
) -> None:
    answer = rich.post("/orders/new/", fill(rich, service) | damage)

    assert answer.status_code == 422
    assert "The form arrived damaged. Choose the service again." in text(answer)
    assert nothing_happened(alice)


def test_a_service_that_never_was(rich: Browser, service: Service, alice: User) -> None:
    answer = rich.post("/orders/new/", fill(rich, service) | {"service": service.pk + 1000})

    assert "This service is not sold now. Choose another one." in text(answer)
    assert nothing_happened(alice)


def test_a_price_that_rose_is_shown_and_agreed_to_by_the_next_submit(
    rich: Browser, service: Service, alice: User
) -> None:
    form = fill(rich, service)
    Service.objects.filter(pk=service.pk).update(price=Decimal("150.5"))

    answer = rich.post("/orders/new/", form)

    assert answer.status_code == 422
    assert alert_of(answer) == (
        "The price has changed to 150.50 RUB per 1000. Check the new total and order again."
    )
    assert 'data-testid="total">150.50 RUB<' in html(answer)
    assert nothing_happened(alice)
    shown = inputs(answer, "order-form")
    assert {name: shown[name] for name in ("link", "quantity")} == {"link": LINK, "quantity": "1000"}
    again = rich.post("/orders/new/", shown)
    assert again.status_code == 302
    assert Order.objects.get().charge == Decimal("150.5")
    assert balance_of(alice) == Decimal("849.5")


def test_a_price_that_fell_is_simply_paid(rich: Browser, service: Service, alice: User) -> None:
    form = fill(rich, service)
    Service.objects.filter(pk=service.pk).update(price=Decimal(100))

    assert rich.post("/orders/new/", form).status_code == 302
    assert balance_of(alice) == Decimal(900)


def test_without_the_token_nothing_is_ordered(alice: User, service: Service) -> None:
    credit(alice, 1000)
    form = fill(Browser(alice), service)

    answer = Browser(alice, enforce_csrf_checks=True).post("/orders/new/", form | {"csrfmiddlewaretoken": ""})

    assert answer.status_code == 403
    assert nothing_happened(alice)


# --- The total as one types -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("2000", "Total 260.00 RUB Left in your wallet 740.00 RUB"),
        ("10000", "Total 1,300.00 RUB Missing in your wallet 300.00 RUB"),
        ("5", "Enter a quantity from 100 to 50,000."),
        ("9" * 18, "Enter a quantity from 100 to 50,000."),
        ("", "Enter a quantity to see the total."),
        ("-3", "Enter a quantity to see the total."),
        ("9" * 30, "Enter a quantity to see the total."),
        ("x", "Enter a quantity to see the total."),
    ],
)
def test_the_total_follows_the_quantity(rich: Browser, service: Service, quantity: str, words: str) -> None:
    answer = rich.get("/orders/new/total/", {"service": service.pk, "quantity": quantity})

    assert answer.status_code == 200
    assert words in text(answer)
    assert "<html" not in html(answer)


def test_the_total_of_a_service_that_is_gone(rich: Browser) -> None:
    answer = rich.get("/orders/new/total/", {"service": 7, "quantity": 100})

    assert "This service is not sold now." in text(answer)


def test_the_total_only_reads(rich: Browser, service: Service, alice: User) -> None:
    assert rich.post("/orders/new/total/").status_code == 405
    assert Browser().get("/orders/new/total/").status_code == 302
    assert nothing_happened(alice)


# --- As every page ----------------------------------------------------------------------------------------


def test_words_of_others_are_words_only(rich: Browser) -> None:
    hostile = '"><script>alert(1)</script>\u202e👍' + "x" * 400
    service = make_service(name=hostile, category=f"c{hostile[:200]}")

    answers = [
        rich.get("/orders/new/", {"service": service.pk}),
        rich.post("/orders/new/", fill(rich, service, link='"><script>alert(2)</script>', quantity=3)),
    ]

    for answer in answers:
        content = answer.content.decode()
        assert "<script>alert" not in content
        assert '"><script>' not in content


def test_in_russian(alice: User, service: Service) -> None:
    browser = Browser(alice, language="ru")
    credit(alice, 1000)

    page = browser.get("/orders/new/", {"service": service.pk})
    refused = browser.post("/orders/new/", fill(browser, service, quantity=99))

    assert "Цена за 1000 130,00 RUB" in text(page)
    assert error_of(refused, "quantity") == "Введите количество от 100 до 50 000."


def test_queries_do_not_grow_with_services(rich: Browser, service: Service) -> None:
    found = []
    for size in (10, 190):
        for number in range(size):
            make_service(service.provider, name=f"s {number}")
            make_service(service.provider, name=f"s {number}", category=f"c {service.pk} {size} {number}")
        found.append(queries_of(lambda: rich.get("/orders/new/", {"service": service.pk})))

    # Session, user, whether the terms are accepted, services of the category, whether the customer has rules
    # of prices, the rule of links, balance, categories, how long orders take; whether orders are taken,
    # announcements and foot.
    assert found == [12, 12]


@pytest.mark.parametrize(("chosen", "most"), [("", 8), ("category", 10), ("service", 12)])
def test_no_step_asks_for_more_than_it_shows(
    rich: Browser, service: Service, chosen: str, most: int, django_assert_max_num_queries: Any
) -> None:
    numbers = {"category": service.category_id, "service": service.pk}
    step = {chosen: numbers[chosen]} if chosen else {}

    with django_assert_max_num_queries(most):
        assert rich.get("/orders/new/", step).status_code == 200
