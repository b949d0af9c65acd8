"""The site's own pages, and the foot that leads to them."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from support.models import Page
from support.pages import MOST_IN_FOOT, foot_links
from tests.pages import Browser, html, text
from tests.support.making import make_page, publish_terms


def foot_of(answer: Any) -> str:
    return re.search(r"<footer.*?</footer>", html(answer), re.DOTALL)[0]  # type: ignore[index]


def test_everybody_reads_it_in_their_language(db: None) -> None:
    make_page()
    russian, english = Browser(language="ru").get("/pages/faq/"), Browser().get("/pages/faq/")

    assert 'lang="en">Questions</h1>' in html(english)
    assert '<div class="card-body markdown" lang="en"><h2>Why?</h2></div>' in html(english)
    assert "<title>Questions · Panel</title>" in html(english)
    assert 'lang="ru">Вопросы</h1>' in html(russian)
    assert "<h2>Почему?</h2>" in html(russian)


def test_in_the_other_language_where_theirs_is_not_written(db: None) -> None:
    make_page(title_ru="", text_ru="")
    answer = html(Browser(language="ru").get("/pages/faq/"))
    assert 'lang="en">Questions</h1>' in answer
    assert 'markdown" lang="en">' in answer
    assert '<html lang="ru">' in answer


def test_changing_the_language_keeps_the_page(db: None) -> None:
    make_page()
    browser = Browser()
    assert 'name="next" value="/pages/faq/"' in html(browser.get("/pages/faq/"))

    answer = browser.post("/i18n/setlang/", {"language": "ru", "next": "/pages/faq/"}, follow=True)

    assert answer.redirect_chain == [("/pages/faq/", 302)]
    assert "Почему?" in text(answer)


def test_the_foot_of_each_page_leads_to_those_that_are_shown(alice: User) -> None:
    make_page("b", title_en="Second", position=2)
    make_page("a", title_en="First", position=1)
    make_page("c", title_en="Secret", is_shown=False)
    for answer in (Browser().get("/"), Browser(alice).get("/wallet/"), Browser().get("/no-such-page/")):
        foot = foot_of(answer)
        assert re.findall(r'<a [^>]*href="([^"]*)"[^>]*>([^<]*)<', foot) == [
            ("/pages/a/", "First"),
            ("/pages/b/", "Second"),
        ]


def test_the_foot_is_in_the_readers_language(db: None) -> None:
    make_page()
    make_page("about", title_ru="")
    foot = foot_of(Browser(language="ru").get("/"))
    assert ">Вопросы<" in foot
    assert 'lang="en">Questions<' in foot


def test_the_foot_costs_one_query_without_the_texts(db: None, django_assert_num_queries: Any) -> None:
    for number in range(200):
        make_page(f"p{number}")
    with django_assert_num_queries(1) as asked:
        assert len(foot_links()) == MOST_IN_FOOT
    assert "text_" not in asked[0]["sql"]


def test_a_page_that_is_not_shown_is_there_for_those_who_may_change_it(
    alice: User, sasha: User, olga: User
) -> None:
    make_page(is_shown=False)
    for reader in (None, alice, sasha):
        answer = Browser(reader).get("/pages/faq/")
        assert answer.status_code == 404
        assert "Why?" not in text(answer)
    sasha.user_permissions.add(Permission.objects.get(codename="change_page"))
    for reader in (sasha, olga):
        answer = Browser(reader).get("/pages/faq/")
        assert answer.status_code == 200
        assert "Not shown: only staff see this page." in text(answer)
        assert "Why?" in text(answer)


def test_a_page_that_is_shown_has_no_such_mark(olga: User) -> None:
    make_page()
    assert "Not shown" not in text(Browser(olga).get("/pages/faq/"))


@pytest.mark.parametrize("address", ["/pages/faq/", "/pages/terms/", "/pages/-/", "/pages/%00/", "/pages/я/"])
def test_there_is_no_such_page(db: None, address: str) -> None:
    assert Browser().get(address).status_code in (400, 404)


def test_it_only_reads(db: None) -> None:
    make_page()
    assert Browser().post("/pages/faq/").status_code == 405


def test_what_is_written_does_nothing(db: None) -> None:
    make_page(
        title_en="<script>alert(1)</script>", text_en="<script>alert(2)</script>[x](javascript:alert(3))"
    )
    content = Browser().get("/pages/faq/").content.decode()
    assert "<script>alert" not in content
    assert "javascript:" not in content


# --- The page of the terms is their draft -----------------------------------------------------------------


def test_before_anything_is_published_the_draft_is_a_page_as_others(db: None) -> None:
    make_page("terms", text_en="Draft")
    assert "Draft" in text(Browser().get("/pages/terms/"))


def test_customers_read_what_is_in_force_and_staff_also_the_draft(olga: User, alice: User) -> None:
    publish_terms(olga, "In force.")
    Page.objects.update(text_en="Draft.")

    for reader in (None, alice, olga):
        for address in ("/pages/terms/", "/pages/terms/?draft"):
            if reader is olga and "draft" in address:
                continue
            answer = Browser(reader).get(address, follow=True)
            assert answer.redirect_chain == [("/terms/", 302)]
            assert "In force." in text(answer)
            assert "Draft." not in text(answer)
    answer = Browser(olga).get("/pages/terms/?draft")
    assert "Draft." in text(answer)
    assert "A draft: customers read the version that was published last." in text(answer)
