import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from accounts.models import User
from panel.urls import handler500  # noqa: F401 (of these addresses too)
from panel.urls import urlpatterns as site_urls
from tests.pages import Browser, text

FAULTS: dict[str, Exception] = {
    "away": OperationalError("server closed the connection unexpectedly: key=k-e-y"),
    "hung-up": InterfaceError("connection already closed"),
    "wrong": ProgrammingError("no such column"),
}


def fail(request: HttpRequest, how: str) -> HttpResponse:
    raise FAULTS[how]


urlpatterns = [*site_urls, path("fail/<how>/", fail)]


@pytest.mark.parametrize("how", ["away", "hung-up"])
@pytest.mark.parametrize(("language", "words"), [("en", "To the first page"), ("ru", "На главную")])
@override_settings(ROOT_URLCONF=__name__)
def test_a_database_that_is_away_is_a_page_that_says_so(
    db: None, how: str, language: str, words: str
) -> None:
    browser = Browser(language=language, raise_request_exception=False)

    answer = browser.get(f"/fail/{how}/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert words in text(answer)
    for secret in ("Traceback", "k-e-y", "OperationalError", "InterfaceError"):
        assert secret not in answer.content.decode()


@override_settings(ROOT_URLCONF=__name__)
def test_a_mistake_of_ours_is_no_outage(db: None) -> None:
    answer = Browser(raise_request_exception=False).get("/fail/wrong/")

    assert answer.status_code == 500
    assert "Retry-After" not in answer.headers
    assert "Something broke here" in text(answer)


@override_settings(ROOT_URLCONF=__name__)
def test_the_page_asks_the_database_nothing(alice: User, django_assert_num_queries: object) -> None:
    browser = Browser(alice, raise_request_exception=False)
    # The session and its user, before the view that finds the database away; the page adds none.
    with django_assert_num_queries(2):  # type: ignore[operator]
        assert browser.get("/fail/away/").status_code == 503
