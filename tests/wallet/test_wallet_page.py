import uuid
from decimal import Decimal

from accounts.models import User
from orders.refunding import refund_up_to
from tests.factories import credit, make_service, place
from tests.pages import Browser, html, queries_of, text
from wallet import ledger


def test_a_new_wallet_says_what_to_do(alice: User) -> None:
    answer = Browser(alice).get("/wallet/")

    assert answer.status_code == 200
    assert "0.00 RUB" in text(answer)
    assert "No money has moved yet." in text(answer)
    assert "name your account: alice@example.com" in text(answer)


def test_shows_what_moved_and_what_was_left(alice: User, boris: User) -> None:
    credit(alice, 500)
    credit(boris, 77)
    order = place(alice, make_service(price=Decimal(130)), quantity=1000)
    refund_up_to(order, target=Decimal("30.5"), why="the provider's words, for staff")

    answer = Browser(alice).get("/wallet/")

    said = text(answer)
    assert 'data-testid="balance">400.50 RUB<' in html(answer)
    for line in ("+500.00 RUB", "-130.00 RUB", "370.00 RUB", "+30.50 RUB"):
        assert line in said
    assert said.count(f"Order {order.pk}") == said.count(f"Refund {order.pk}") == 1
    assert f'href="/orders/{order.pk}/"' in html(answer)
    assert "for a test" in said
    assert "for staff" not in said
    assert "77.00" not in said


def test_in_russian_with_the_readers_separators(alice: User) -> None:
    credit(alice, 12345)

    answer = Browser(alice, language="ru").get("/wallet/")

    assert "Кошелёк" in text(answer)
    assert "12 345,00 RUB" in text(answer)


def test_times_carry_the_exact_one(alice: User) -> None:
    credit(alice)

    assert 'UTC">' in html(Browser(alice).get("/wallet/"))


def test_a_note_is_words_only(alice: User) -> None:
    hostile = '<script>alert(1)</script>\u202e"><img src=x>'
    ledger.adjust(alice, amount=Decimal(1), reference=uuid.uuid4().hex, note=hostile)

    content = Browser(alice).get("/wallet/").content.decode()

    assert "<script>alert" not in content
    assert "<img" not in content
    assert "<bdi>&lt;script&gt;" in content


def test_fifty_lines_a_page(alice: User) -> None:
    browser = Browser(alice)
    for number in range(60):
        ledger.adjust(alice, amount=Decimal(1), reference=f"a{number}", note=f"line {number};")

    first = browser.get("/wallet/")
    assert "line 59;" in text(first)
    assert "line 10;" in text(first)
    assert "line 9;" not in text(first)
    second = browser.get("/wallet/", {"before": first.context["older"]})

    assert "line 9;" in text(second)
    assert "line 10;" not in text(second)
    assert second.context["older"] is None
    assert "There is nothing older." in text(browser.get("/wallet/", {"before": 1}))
    assert "line 59;" in text(browser.get("/wallet/", {"before": "nonsense"}))


def test_queries_do_not_grow(alice: User) -> None:
    browser = Browser(alice)
    found = []
    for size in (10, 190):
        for _ in range(size):
            credit(alice, 1)
        found.append(queries_of(lambda: browser.get("/wallet/")))

    # Session, user, entries with their transfers, their sum, balance; whether orders are taken, news, foot.
    assert found == [8, 8]


def test_only_reads(alice: User) -> None:
    assert Browser(alice).post("/wallet/").status_code == 405
