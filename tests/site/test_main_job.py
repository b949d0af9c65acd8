"""The main job on running processes: sign up, be given money, order, and see the orders to their ends."""

from decimal import Decimal
from typing import Any

from money.amounts import charge_for, share_of
from tests.site.books import books
from tests.site.customers import Customer, hidden_fields
from tests.site.processes import RunningSite, wait_for
from upstream.sandbox.journal import Accepted, Ended

ORDERS = 8


def test_orders_reach_their_end_and_all_books_agree(site: RunningSite) -> None:
    customer = Customer(site.url, "main-job@example.com")
    customer.sign_up()
    said = site.manage("credit_wallet", customer.email, "50000", "--note", "a first top-up")
    assert customer.email in said
    service_id, provider_service, least, price, _ = books(site)["services"][0]
    link = "https://example.com/main-job/"
    placed = [customer.order(service_id, link=f"{link}{number}", quantity=least) for number in range(ORDERS)]
    charge = charge_for(Decimal(price), least)

    def ended() -> list[Any]:
        mine = [row for row in books(site)["orders"] if row[0] in placed]
        assert len(mine) == ORDERS
        return mine if all(row[2] in ("completed", "partial", "canceled") for row in mine) else []

    orders = wait_for(ended, f"the orders' ends\n{site.log()}")
    accepted = {row.order: row for row in site.journal() if isinstance(row, Accepted) and link in row.link}
    ends = {row.order: row for row in site.journal() if isinstance(row, Ended)}
    assert sorted(accepted) == sorted(row[3] for row in orders), "each order once, and none lost"
    kept = Decimal(0)
    for _, _, status, provider_order, quantity, charged, refunded, order_link in orders:
        assert accepted[provider_order].link == order_link
        assert accepted[provider_order].service == int(provider_service)
        assert accepted[provider_order].quantity == quantity == least
        end = ends[provider_order]
        assert status == end.status.lower()
        assert Decimal(charged) == charge
        due = {"completed": Decimal(0), "canceled": charge}.get(status)
        assert Decimal(refunded) == (share_of(charge, end.remains, quantity) if due is None else due)
        kept += charge - Decimal(refunded)
    assert Decimal(books(site)["balances"][customer.email]) == Decimal(50000) - kept
    assert "right" in site.manage("audit_money")


def test_a_form_that_is_sent_again_is_one_order(site: RunningSite) -> None:
    customer = Customer(site.url, "twice@example.com")
    customer.sign_up()
    site.manage("credit_wallet", customer.email, "50000", "--note", "a first top-up")
    service_id, _, least, *_ = books(site)["services"][0]
    page = f"/orders/new/?service={service_id}"
    fields = hidden_fields(customer.get(page)) | {"link": "https://example.com/twice", "quantity": str(least)}
    answers = [customer.send(page, fields), customer.send(page, fields)]
    assert answers[0].url == answers[1].url
    mine = [row for row in books(site)["orders"] if row[1] == customer.email]
    assert len(mine) == 1
    assert Decimal(books(site)["balances"][customer.email]) == Decimal(50000) - Decimal(mine[0][5])


def test_staff_see_the_providers_balance_with_its_time(site: RunningSite) -> None:
    read = (
        "from catalog.models import Provider; p = Provider.objects.get(); print(p.balance_text, p.balance_at)"
    )
    said = wait_for(
        lambda: site.manage("shell", "-v", "0", "-c", read).strip().splitlines()[-1].partition(" ")[0],
        "a balance",
    )
    assert said[0].isdigit()
