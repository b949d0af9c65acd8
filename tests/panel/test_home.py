from decimal import Decimal

import pytest

from accounts.models import User
from tests.factories import credit, make_service, place
from tests.pages import Browser, html, queries_of, text


def test_strangers_read_what_is_sold_and_how(db: None) -> None:
    service = make_service()
    make_service(service.provider)
    make_service(service.provider, is_hidden=True)

    answer = Browser().get("/")

    assert answer.status_code == 200
    assert "2 services are on sale now." in text(answer)
    assert "Sign up and top up your wallet" in text(answer)
    for address in ("/signup/", "/services/", "/login/"):
        assert f'href="{address}"' in html(answer)
    assert "/admin/" not in html(answer)


@pytest.mark.parametrize(
    ("on_sale", "words"),
    [(1, "продаётся 1 услуга."), (3, "продаются 3 услуги."), (11, "продаётся 11 услуг.")],
)
def test_strangers_read_it_in_russian(db: None, on_sale: int, words: str) -> None:
    provider = make_service().provider
    for _ in range(on_sale - 1):
        make_service(provider)

    assert words in text(Browser(language="ru").get("/"))


def test_a_customer_sees_how_they_stand(alice: User, boris: User) -> None:
    service = make_service(price=Decimal(130))
    credit(alice, 500)
    credit(boris, 500)
    order = place(alice, service, quantity=1000)
    other = place(boris, service)

    answer = Browser(alice).get("/")

    assert "Hello, Alice" in text(answer)
    assert "370.00 RUB" in text(answer)
    assert 'data-testid="orders-under-way">1<' in html(answer)
    assert f"/orders/{order.pk}/" in html(answer)
    assert f"/orders/{other.pk}/" not in html(answer)


def test_a_new_customer_is_told_what_to_do_next(alice: User) -> None:
    answer = Browser(alice).get("/")

    assert "You have not ordered anything yet." in text(answer)
    assert 'href="/orders/new/"' in html(answer)
    assert "0.00 RUB" in text(answer)


def test_staff_find_admin(alice: User, olga: User) -> None:
    assert 'href="/admin/"' in html(Browser(olga).get("/"))
    assert 'href="/admin/"' not in html(Browser(alice).get("/"))


def test_a_name_is_words_only(alice: User) -> None:
    alice.name = "<script>alert(1)</script>"
    alice.save()

    content = Browser(alice).get("/").content.decode()

    assert "<script>alert" not in content
    assert "&lt;script&gt;alert(1)" in content


def test_queries_do_not_grow(alice: User) -> None:
    service = make_service()
    credit(alice, 100_000)
    found = []
    for size in (10, 190):
        for _ in range(size):
            place(alice, service)
            make_service(service.provider)
        # Session and user, then balance, orders under way, last orders; of each page whether orders are
        # taken, announcements and foot.
        found += [queries_of(lambda: Browser(alice).get("/")), queries_of(lambda: Browser().get("/"))]

    assert found[:2] == found[2:]
    assert found[1] == 4


def test_pages_load_nothing_of_others_and_run_nothing_inline(alice: User) -> None:
    answer = Browser(alice).get("/orders/new/")

    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    content = html(answer)
    for inline in ("<script>", "<style", ' style="', " onclick=", "javascript:", 'src="http', "hx-on"):
        assert inline not in content
    assert '"allowEval": false' in content


def test_only_reads(db: None) -> None:
    assert Browser().post("/").status_code == 405


def test_the_language_is_chosen_and_kept(db: None) -> None:
    browser = Browser()

    answer = browser.post("/i18n/setlang/", {"language": "ru", "next": "/services/"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/services/")
    page = browser.get("/services/")
    assert '<html lang="ru">' in html(page)
    assert "Услуги" in text(page)
