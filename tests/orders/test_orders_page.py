import re
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from orders.life import Event, move
from orders.models import Order
from tests.factories import credit, make_service, place
from tests.orders.acting import answered
from tests.pages import Browser, html, queries_of, text

Status = Order.Status


@pytest.fixture
def rich(alice: User) -> User:
    """Alice, who can order a lot."""
    credit(alice, 1_000_000)
    return alice


def sent(order: Order, status: str) -> Order:
    """Take an order to a status that its provider gave it."""
    ended = {"ended_at": timezone.now()} if status in Order.ENDED else {}
    move(order, to=Status.SENDING, event=Event.SENDING)
    move(order, to=status, event=Event.STATUS, provider_order_id=f"p{order.pk}", **ended)
    answered(order, f"p{order.pk}")
    return order


def listed(answer: Any) -> list[int]:
    """Return the numbers of the orders that a page lists."""
    return [int(number) for number in re.findall(r'data-label="ID"><a href="/orders/(\d+)/"', html(answer))]


def test_an_empty_list_says_what_to_do(alice: User) -> None:
    answer = Browser(alice).get("/orders/")

    assert "You have not ordered anything yet." in text(answer)
    assert 'href="/orders/new/"' in html(answer)


def test_lists_ones_own_newest_first(rich: User, boris: User) -> None:
    service = make_service()
    credit(boris)
    first, other, second = place(rich, service), place(boris, service), place(rich, service, quantity=1234)

    answer = Browser(rich).get("/orders/")

    assert listed(answer) == [second.pk, first.pk]
    assert str(other.pk) not in listed(Browser(rich).get("/orders/", {"before": other.pk + 1}))
    for part in ("Подписчики YouTube", "1,234", "160.42 RUB", "Pending"):
        assert part in text(answer)


def test_tabs_count_and_filter_by_what_the_customer_sees(rich: User) -> None:
    service = make_service()
    queued = place(rich, service)
    pending = sent(place(rich, service), Status.PENDING)
    held = place(rich, service)
    move(held, to=Status.HELD, event=Event.HELD)
    done = sent(place(rich, service), Status.COMPLETED)
    browser = Browser(rich)

    everything = text(browser.get("/orders/"))
    for tab in ("All 4", "Pending 3", "Processing 0", "Completed 1", "Canceled 0"):
        assert tab in everything
    assert listed(browser.get("/orders/", {"status": "pending"})) == [held.pk, pending.pk, queued.pk]
    assert listed(browser.get("/orders/", {"status": "completed"})) == [done.pk]
    assert len(listed(browser.get("/orders/", {"status": "held"}))) == 4
    empty = browser.get("/orders/", {"status": "canceled"})
    assert listed(empty) == []
    assert "No orders here." in text(empty)


def test_fifty_a_page_with_the_tab_kept(rich: User) -> None:
    service = make_service()
    orders = [place(rich, service).pk for _ in range(60)]
    browser = Browser(rich)

    first = browser.get("/orders/", {"status": "pending"})
    assert listed(first) == orders[:9:-1]
    assert f'href="?status=pending&before={orders[10]}"' in html(first)
    second = browser.get("/orders/", {"status": "pending", "before": orders[10]})

    assert listed(second) == orders[9::-1]
    assert 'href="?status=pending">Newest' in html(second)
    assert "Older" not in text(second)


def test_links_lead_out_safely(rich: User) -> None:
    place(rich, make_service(), link="https://example.com/?a=1&b=<2>".replace("<2>", "%3C2"))

    content = Browser(rich).get("/orders/").content.decode()

    assert (
        'href="https://example.com/?a=1&amp;b=%3C2" target="_blank" rel="noopener noreferrer nofollow"'
        in content
    )


def test_words_of_others_are_words_only(rich: User) -> None:
    hostile = '"><script>alert(1)</script>\u202e👍' + "x" * 400
    place(rich, make_service(name=hostile, category="c"), link=f"https://example.com/{'y' * 2000}")

    content = Browser(rich).get("/orders/").content.decode()

    assert "<script>alert" not in content
    assert '"><script>' not in content
    assert '<bdi class="text-break lines-2">&quot;&gt;&lt;script&gt;' in content


def test_in_russian(rich: User) -> None:
    sent(place(rich, make_service()), Status.COMPLETED)

    said = text(Browser(rich, language="ru").get("/orders/"))

    assert "Выполнен 1" in said
    assert "130,00 RUB" in said


def test_queries_do_not_grow_with_orders(rich: User) -> None:
    provider = make_service().provider
    browser, found = Browser(rich), []
    for size in (10, 190):
        for _ in range(size):
            place(rich, make_service(provider))
        found.append(queries_of(lambda: browser.get("/orders/")))

    # Session, user, orders with their services, counts, balance; whether orders are taken, news, foot.
    assert found == [8, 8]


def test_only_reads(alice: User) -> None:
    assert Browser(alice).post("/orders/").status_code == 405
