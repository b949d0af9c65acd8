from typing import Any

import pytest
from django.test import Client as Browser


def test_a_process_that_answers_says_so(client: Browser, django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok")
    assert response.headers["Content-Type"] == "text/plain"


def test_it_asks_nobody_and_sets_no_cookie(client: Browser) -> None:
    # Without the `db` fixture a query would fail.
    response = client.get("/healthz")

    assert response.status_code == 200
    assert not response.cookies


def test_it_answers_by_http_where_the_site_redirects_to_https(client: Browser, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/healthz").status_code == 200
    assert client.get("/login/").status_code == 301


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost"])
def test_it_answers_to_a_check_from_the_same_machine(client: Browser, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200
