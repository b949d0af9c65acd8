"""Redis emptied or down, PostgreSQL restarted: no process of the site is started again, and all go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.servers import Servers
from tests.recovery.looking import place_many, rows, statuses, wait_until_all_are_sent
from tests.recovery.servers import OwnRedis
from tests.site.customers import Customer, hidden_fields
from tests.site.processes import RunningSite

pytestmark = [pytest.mark.needs_postgres, pytest.mark.needs_redis]


@pytest.fixture(scope="module")
def shopper(served_site: RunningSite) -> Customer:
    """A customer with money and an open session."""
    customer = Customer(served_site.url, "shopper@example.com")
    customer.sign_up()
    served_site.manage("credit_wallet", customer.email, "100000", "--note", "for tests")
    return customer


@contextmanager
def nobody_started_again(site: RunningSite) -> Iterator[None]:
    """Prove that the block left the site's processes as they were: alive, and the same."""
    before = list(site.processes)
    yield
    assert site.processes == before
    assert [process.poll() for process in before] == [None] * len(before)


def order_form(site: RunningSite, shopper: Customer) -> tuple[str, dict[str, str]]:
    """Open the form of the cheapest service, and return its address and fields."""
    query = "SELECT id, min_quantity FROM catalog_service WHERE price IS NOT NULL ORDER BY price, id LIMIT 1"
    service, quantity = rows(site, query)[0]
    page = f"/orders/new/?service={service}"
    return page, hidden_fields(shopper.get(page)) | {"quantity": str(quantity)}


def test_redis_emptied_while_orders_wait(served_site: RunningSite, broker: OwnRedis) -> None:
    site = served_site
    with nobody_started_again(site):
        broker.forget_everything()
        place_many(site, "emptied", 10, wake=False)
        broker.forget_everything()
        wait_until_all_are_sent(site, "emptied", 10)


def test_redis_down(served_site: RunningSite, broker: OwnRedis, shopper: Customer) -> None:
    site = served_site
    page, fields = order_form(site, shopper)
    with nobody_started_again(site):
        broker.stop()

        answer = shopper.send(page, fields | {"link": "https://example.com/down/1"}, follow=False)

        assert answer.status_code == 302
        assert sum(statuses(site, "down").values()) == 1
        assert "down" in shopper.get("/orders/")
        broker.start()
        wait_until_all_are_sent(site, "down", 1)


def test_postgresql_away(served_site: RunningSite, own_postgres: Servers, shopper: Customer) -> None:
    site = served_site
    page, fields = order_form(site, shopper)
    fields["link"] = "https://example.com/away/1"
    with nobody_started_again(site):
        own_postgres.stop_postgres()
        answers = [
            shopper.send(page, fields, follow=False),
            shopper.session.get(site.url + "/orders/", headers={"Accept-Language": "en"}, timeout=30),
            shopper.session.get(site.url + "/login/?next=/admin/", timeout=30),
        ]
        alive = shopper.session.get(site.url + "/healthz", timeout=30)
        own_postgres.start_postgres()

        assert [answer.status_code for answer in answers] == [503] * 3
        assert all("Traceback" not in answer.text and "psycopg" not in answer.text for answer in answers)
        assert "Back in a moment" in answers[1].text
        assert alive.status_code == 200
        assert not statuses(site, "away"), "nothing was written"
        assert shopper.send(page, fields, follow=False).status_code == 302
        assert shopper.send(page, fields, follow=False).status_code == 302
        wait_until_all_are_sent(site, "away", 1)
