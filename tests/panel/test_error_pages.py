import pytest
from django.test import override_settings
from django.urls import path
from django.views.defaults import bad_request, permission_denied, server_error

from accounts.models import User
from panel.urls import urlpatterns as site_urls
from tests.pages import Browser, text

urlpatterns = [
    *site_urls,
    path("bad/", bad_request, {"exception": None}),
    path("forbidden/", permission_denied, {"exception": Exception()}),
    path("broken/", server_error),
]


@pytest.mark.parametrize(
    ("language", "words"), [("en", "There is no such page"), ("ru", "Такой страницы нет")]
)
def test_an_unknown_address(db: None, language: str, words: str) -> None:
    answer = Browser(language=language).get("/nowhere/")

    assert answer.status_code == 404
    assert words in text(answer)


def test_an_unknown_address_for_a_customer(alice: User) -> None:
    answer = Browser(alice).get("/orders/1/")

    assert answer.status_code == 404
    assert "There is no such page" in text(answer)
    assert "0.00 RUB" in text(answer)


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/bad/", 400, "The request was not understood"),
        ("/forbidden/", 403, "This is not yours to open"),
        ("/broken/", 500, "Something broke here"),
    ],
)
@override_settings(ROOT_URLCONF=__name__)
def test_other_refusals_say_what_to_do(db: None, address: str, status: int, words: str) -> None:
    answer = Browser().get(address)

    assert answer.status_code == status
    assert words in text(answer)
    assert 'href="/"' in answer.content.decode()


@override_settings(ROOT_URLCONF=__name__)
def test_broken_and_bad_pages_ask_the_database_nothing(
    alice: User, django_assert_num_queries: object
) -> None:
    browser = Browser()
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert browser.get("/broken/").status_code == 500
        assert browser.get("/bad/").status_code == 400


def test_a_form_without_its_token(alice: User) -> None:
    browser = Browser(alice, enforce_csrf_checks=True)

    answer = browser.post("/account/", {"name": "Eve"})

    assert answer.status_code == 403
    assert "The form was open for too long" in text(answer)
    alice.refresh_from_db()
    assert alice.name == "Alice"
