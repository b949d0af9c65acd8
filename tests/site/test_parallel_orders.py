"""Fifty orders at once by one session, over real HTTP, of a customer whose money covers ten.

Beside it the control: the same site without the wallet's conditional update, which must sell too much.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from money.amounts import charge_for
from tests.site.books import books
from tests.site.customers import Customer, hidden_fields
from tests.site.processes import RunningSite, running_site, wait_for

ORDERS, PAID_FOR = 50, 10

HALT = """
from catalog.halting import BY_HAND, halt, resume
from catalog.models import Provider
{}
"""


@pytest.fixture
def waiting(site: RunningSite) -> Iterator[RunningSite]:
    """The site while its provider is halted by hand: no refund of an order that ended brings money back."""
    site.manage("shell", "-v", "0", "-c", HALT.format("halt(Provider.objects.get(), rule=BY_HAND, text='x')"))
    yield site
    site.manage("shell", "-v", "0", "-c", HALT.format("resume(Provider.objects.get())"))


def order_at_once(site: RunningSite, customer: Customer) -> list[requests.Response]:
    """Give a customer money for ten orders, and send fifty forms of theirs at once."""
    customer.sign_up()
    service_id, _, least, price, _ = books(site)["services"][0]
    money = charge_for(Decimal(price), least) * PAID_FOR
    site.manage("credit_wallet", customer.email, str(money), "--note", "for ten orders")
    page = f"/orders/new/?service={service_id}"
    forms = [
        hidden_fields(customer.get(page))
        | {"link": f"https://example.com/{customer.email}/{number}", "quantity": str(least)}
        for number in range(ORDERS)
    ]

    def send(form: dict[str, str]) -> requests.Response:
        session = requests.Session()  # a connection of its own, the same login
        session.cookies.update(customer.session.cookies)
        return replace(customer, session=session).send(page, form)

    with ThreadPoolExecutor(max_workers=ORDERS) as pool:
        return list(pool.map(send, forms))


def orders_of(site: RunningSite, customer: Customer) -> list[int]:
    """Return the numbers of a customer's orders."""
    return [row[0] for row in books(site)["orders"] if row[1] == customer.email]


def test_ten_are_placed_and_forty_clearly_refused(waiting: RunningSite) -> None:
    customer = Customer(waiting.url, "fifty@example.com")

    answers = order_at_once(waiting, customer)

    placed = [int(found[1]) for each in answers if (found := re.search(r"/orders/(\d+)/$", each.url))]
    refused = [re.sub(r"\s+", " ", unescape(each.text)) for each in answers if each.status_code == 422]
    assert (len(placed), len(refused)) == (PAID_FOR, ORDERS - PAID_FOR)
    assert sorted(placed) == orders_of(waiting, customer)
    for page in refused:
        assert re.search(r"The order costs [\d.,]+ RUB and your wallet holds 0\.00 RUB\. Top up", page)
    assert Decimal(books(waiting)["balances"][customer.email]) == 0
    assert "right" in waiting.manage("audit_money")


def test_control_without_the_conditional_update_more_are_placed(tmp_path: Path) -> None:
    with running_site(tmp_path, web=False, workers=0, beat=False) as site:
        site.manage("collectstatic", "--no-input", "--verbosity", "0")
        bind = urlsplit(site.url).netloc
        site.start("-m", "gunicorn", "tests.site.unguarded", "--bind", bind, "--threads", "4")
        customer = Customer(site.url, "fifty@example.com")
        wait_for(lambda: _answers(site.url), "the web server")

        order_at_once(site, customer)

        assert len(orders_of(site, customer)) > PAID_FOR
        assert "stored balance" in site.manage("audit_money", code=1)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=2).ok
    except requests.RequestException:
        return False
