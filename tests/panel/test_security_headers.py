from typing import Any

import pytest
from django.test import Client as Browser

from accounts.models import User

HEADER = "Content-Security-Policy"


def policy(response: Any) -> dict[str, list[str]]:
    """Return a page's policy: directive, sources."""
    parts = (part.split() for part in response.headers[HEADER].split(";") if part.strip())
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("page", ["/", "/login/", "/signup/", "/services/", "/healthz", "/no-such-page/"])
def test_a_page_runs_and_loads_nothing_from_elsewhere(db: None, client: Browser, page: str) -> None:
    found = policy(client.get(page))

    assert found["default-src"] == ["'self'"]
    assert found.get("script-src", found["default-src"]) == ["'self'"]
    assert found.get("style-src", found["default-src"]) == ["'self'"]
    assert (found["object-src"], found["frame-ancestors"]) == (["'none'"], ["'none'"])
    assert (found["base-uri"], found["form-action"]) == (["'self'"], ["'self'"])


@pytest.mark.parametrize("page", ["/admin/", "/admin/accounts/user/", "/admin/login/", "/admin/no-page/"])
def test_admin_may_evaluate_and_style_inline_and_nothing_more(
    operator: Browser, client: Browser, page: str
) -> None:
    site, admin = policy(client.get("/healthz")), policy(operator.get(page))

    assert admin.pop("script-src") == ["'self'", "'unsafe-eval'"]
    assert admin.pop("style-src") == ["'self'", "'unsafe-inline'"]
    assert admin == site


def test_an_address_that_only_looks_like_admins_gets_no_more(db: None, client: Browser) -> None:
    for page in ("/administrator/", "/there/admin/", "/?next=/admin/"):
        assert "unsafe" not in client.get(page).headers[HEADER]


@pytest.mark.parametrize("page", ["/", "/services/", "/wallet/", "/admin/"])
def test_no_other_host_is_named_anywhere(operator: Browser, page: str) -> None:
    response = operator.get(page)

    assert response.status_code == 200
    for name, sources in policy(response).items():
        more = {"style-src": "'unsafe-inline'", "script-src": "'unsafe-eval'", "img-src": "data:"}.get(
            name, ""
        )
        assert set(sources) <= {"'self'", "'none'", more}


def test_the_other_headers(db: None, client: Browser) -> None:
    headers = client.get("/").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_scripts_cannot_read_the_session(client: Browser, alice: User) -> None:
    client.post("/login/", {"login": "alice@example.com", "password": "a long password"})

    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_another_site_cannot_post(alice: User) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(alice)

    response = browser.post("/account/", {"name": "Mallory"})

    assert response.status_code == 403
    assert User.objects.get().name == "Alice"
