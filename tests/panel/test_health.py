from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from operations.models import JobRun
from panel.celery import app as celery
from tests.pages import Browser as Pages


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


def test_they_answer_by_http_where_the_site_redirects_to_https(
    client: Browser, settings: Any, db: None
) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert client.get("/login/").status_code == 301


@pytest.mark.parametrize("page", ["/healthz", "/readyz"])
def test_a_session_is_not_looked_for(alice: User, page: str) -> None:
    browser = Pages(alice)
    assert "sessionid" in browser.cookies

    with CaptureQueriesContext(connection) as asked:
        browser.get(page)

    assert not [query["sql"] for query in asked if "session" in query["sql"] or "accounts_" in query["sql"]]


# --- Whether the parts work -------------------------------------------------------------------------------


@pytest.fixture
def worker(db: None) -> JobRun:
    """A sign of life of a worker, now."""
    return JobRun.objects.create(task="orders.tasks.expire_attempts", outcome="done")


def test_when_all_parts_work_it_says_so(client: Browser, worker: JobRun) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {"database": True, "broker": True, "worker": True}
    assert not response.cookies


def test_without_a_worker_it_is_not_ready(client: Browser, worker: JobRun) -> None:
    JobRun.objects.update(started_at=timezone.now() - timedelta(minutes=3))

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"database": True, "broker": True, "worker": False}


def test_without_a_broker_it_is_not_ready(
    client: Browser, worker: JobRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = celery.connection_for_write("redis://127.0.0.1:9/0", transport="redis", transport_options={})
    monkeypatch.setattr(celery, "connection_for_write", lambda: nobody)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"database": True, "broker": False, "worker": True}


@pytest.mark.parametrize("with_session", [False, True])
def test_without_a_database_it_is_not_ready(
    client: Browser, alice: User, monkeypatch: pytest.MonkeyPatch, with_session: bool
) -> None:
    if with_session:
        client.force_login(alice)

    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("away from db.example.com")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", away)
        response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {"database": False, "broker": True, "worker": False}


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost"])
def test_it_answers_to_a_check_from_the_same_machine(client: Browser, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200
