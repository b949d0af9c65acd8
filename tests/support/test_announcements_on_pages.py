"""Announcements as customers meet them."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import User
from support.models import Dismissal
from tests.pages import Browser, html, inputs, text
from tests.support.making import make_news

PAGES = ("/", "/services/", "/orders/", "/orders/new/", "/wallet/", "/account/", "/email/")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_a_customer_shows_them(alice: User, page: str) -> None:
    make_news("Prices fall")
    answer = Browser(alice).get(page)
    assert "Prices fall" in text(answer)
    assert html(answer).count("htmx.min.js") == 1


def test_a_stranger_meets_them_on_the_first_page_alone(db: None) -> None:
    make_news("Prices fall")
    browser = Browser()
    assert "Prices fall" in text(browser.get("/"))
    assert "announcements/" not in html(browser.get("/"))
    for page in ("/services/", "/login/", "/signup/", "/no-such-page/"):
        assert "Prices fall" not in text(browser.get(page))


def test_admin_shows_none(olga: User) -> None:
    make_news("Prices fall")
    assert "Prices fall" not in text(Browser(olga).get("/admin/"))


@pytest.mark.parametrize(
    ("fields", "language", "shown"),
    [
        ({"title_ru": "Скидки", "text_ru": "Все"}, "ru", "Скидки Все"),
        ({"title_ru": "Скидки", "text_ru": "Все"}, "en", "Sale All"),
        ({}, "ru", "Sale All"),
        ({"title_ru": "Скидки"}, "ru", "Скидки All"),
    ],
)
def test_in_the_readers_language_else_in_the_other(
    alice: User, fields: dict[str, str], language: str, shown: str
) -> None:
    make_news("Sale", text_en="All", **fields)
    assert shown in text(Browser(alice, language=language).get("/"))


def test_the_language_is_named_where_it_is_not_the_pages(alice: User) -> None:
    make_news("Sale")
    assert 'lang="en">Sale</h2>' in html(Browser(alice, language="ru").get("/"))


def test_a_title_is_words_only(alice: User) -> None:
    make_news("<script>alert(1)</script>", text_en="<script>alert(1)</script>")
    assert "<script>alert" not in Browser(alice).get("/").content.decode()


def test_the_button_dismisses_without_scripts_and_the_page_comes_again(alice: User) -> None:
    news = make_news()
    browser = Browser(alice, enforce_csrf_checks=True)
    page = browser.get("/services/?q=a&page=2")
    assert f'action="/announcements/{news.pk}/dismiss/"' in html(page)
    token = inputs(page, "search")["csrfmiddlewaretoken"] if 'id="search"' in html(page) else ""
    token = token or page.context["csrf_token"]

    answer = browser.post(
        f"/announcements/{news.pk}/dismiss/", {"next": "/services/?q=a", "csrfmiddlewaretoken": str(token)}
    )

    assert (answer.status_code, answer.headers["Location"]) == (302, "/services/?q=a")
    assert f"announcement-{news.pk}" not in html(browser.get("/services/"))


def test_htmx_gets_nothing_to_put_there(alice: User) -> None:
    news = make_news()
    browser = Browser(alice)
    page = html(browser.get("/"))
    assert f'hx-post="/announcements/{news.pk}/dismiss/" hx-target="closest section" hx-swap="delete"' in page

    answer = browser.post(f"/announcements/{news.pk}/dismiss/", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert Dismissal.objects.get().customer == alice


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "", "/\\e"]
)
def test_it_never_leads_to_another_site(alice: User, wanted: str) -> None:
    answer = Browser(alice).post(f"/announcements/{make_news().pk}/dismiss/", {"next": wanted})
    assert answer.headers["Location"] == "/"


def test_who_may_dismiss_what(alice: User) -> None:
    news = make_news()
    later = make_news(starts_at=datetime.now(UTC) + timedelta(days=1))
    assert Browser().post(f"/announcements/{news.pk}/dismiss/").headers["Location"].startswith("/login/")
    assert Browser(alice).get(f"/announcements/{news.pk}/dismiss/").status_code == 405
    assert Browser(alice).post(f"/announcements/{later.pk}/dismiss/").status_code == 404
    assert Browser(alice).post(f"/announcements/{2**63}/dismiss/").status_code == 404
    assert (
        Browser(alice, enforce_csrf_checks=True).post(f"/announcements/{news.pk}/dismiss/").status_code == 403
    )
    assert not Dismissal.objects.exists()


def test_one_that_must_be_read_has_no_button(alice: User) -> None:
    news = make_news(can_dismiss=False)
    assert f"announcements/{news.pk}" not in html(Browser(alice).get("/"))
