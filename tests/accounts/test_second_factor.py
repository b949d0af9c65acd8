import re
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from accounts.models import User
from tests.pages import Browser, html, text

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def _fresh_limits() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def _needed(settings: Any) -> None:
    settings.STAFF_NEED_SECOND_FACTOR = True


def code(secret: str = SECRET) -> str:
    """Return what an app shows now."""
    cache.clear()  # the same code twice within its half minute is refused; tests are faster
    [counter] = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, counter))


def with_factor(user: User) -> User:
    TOTP.activate(user, SECRET)
    RecoveryCodes.activate(user)
    return user


def sign_in(user: User, **more: str) -> Browser:
    browser = Browser()
    browser.post("/login/", {"login": user.email, "password": PASSWORD, **more})
    return browser


def where(answer: Any) -> str:
    """Return where an answer sends."""
    assert answer.status_code == 302, answer.status_code
    return str(answer.headers["Location"])


# --- Setting one up ---------------------------------------------------------------------------------------


def set_up(browser: Browser) -> Any:
    """Set the app up as a person does; return the page with the recovery codes."""
    asked = browser.get("/account/2fa/totp/activate/", follow=True)
    assert "Enter your password" in text(asked)
    page = browser.post(
        "/reauthenticate/", {"password": PASSWORD, "next": "/account/2fa/totp/activate/"}, follow=True
    )
    assert 'src="data:image/svg+xml;base64,' in html(page)
    secret = re.search(r'data-testid="totp-secret">(\w+)<', html(page))
    assert secret
    done = browser.post("/account/2fa/totp/activate/", {"code": code(secret[1])}, follow=True)
    # The session proves once that the app works.
    assert "code that your authenticator app shows" in text(done)
    next_page = "/account/2fa/recovery-codes/"
    return browser.post(
        "/account/2fa/reauthenticate/", {"code": code(secret[1]), "next": next_page}, follow=True
    )


@pytest.mark.parametrize("who", ["alice", "olga"])
def test_anybody_sets_one_up_and_signs_in_by_it(request: pytest.FixtureRequest, who: str) -> None:
    user = request.getfixturevalue(who)
    codes = set_up(sign_in(user))

    found = re.findall(r"\b\d{8}\b", re.search(r"<pre.*?</pre>", html(codes))[0])  # type: ignore[index]
    assert len(found) == 10

    browser = sign_in(user)
    assert SESSION_KEY not in browser.session
    assert "code that your authenticator app shows" in text(browser.get("/account/2fa/authenticate/"))
    browser.post("/account/2fa/authenticate/", {"code": "000000"})
    assert SESSION_KEY not in browser.session
    browser.post("/account/2fa/authenticate/", {"code": found[0]})
    assert browser.session[SESSION_KEY] == str(user.pk)


def test_the_account_leads_there(alice: User) -> None:
    browser = Browser(alice)

    assert 'href="/account/2fa/"' in html(browser.get("/account/"))
    assert "It is off." in text(browser.get("/account/2fa/"))


def test_codes_are_limited(alice: User) -> None:
    browser = sign_in(with_factor(alice))
    right = code()
    for _ in range(12):
        browser.post("/account/2fa/authenticate/", {"code": "000000"})

    browser.post("/account/2fa/authenticate/", {"code": right})

    assert SESSION_KEY not in browser.session


# --- How it is kept ---------------------------------------------------------------------------------------


def test_the_database_never_sees_the_secrets(alice: User) -> None:
    with_factor(alice)

    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator")
        rows = str(cursor.fetchall())
    assert SECRET not in rows
    assert not re.search(r"seed\W+[0-9a-f]{80}", rows)


def test_a_secret_that_no_key_opens_lets_nobody_in(alice: User, settings: Any) -> None:
    settings.SECRET_KEY = "another"
    with_factor(alice)
    settings.SECRET_KEY = "only-for-tests"
    authenticator = Authenticator.objects.get(type="totp")

    for guess in ("", "000000", code("")):
        with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FALLBACKS"):
            authenticator.wrap().validate_code(guess)


# --- Staff need one ---------------------------------------------------------------------------------------

ADMIN = (
    "/admin/",
    "/admin/orders/order/",
    "/admin/accounts/user/add/",
    "/admin/no-such-page/",
    "/admin/jsi18n/",
)


@pytest.mark.usefixtures("_needed")
@pytest.mark.parametrize("page", ADMIN)
def test_staff_without_one_are_sent_to_set_it_up(olga: User, page: str) -> None:
    for browser in (Browser(olga), sign_in(olga)):
        assert where(browser.get(page)) == "/account/2fa/"
        assert where(browser.post(page, {})) == "/account/2fa/"
    assert "Staff need a second factor" in text(browser.get("/account/2fa/"))


@pytest.mark.usefixtures("_needed")
def test_staff_who_have_shown_it_open_admin(olga: User) -> None:
    browser = sign_in(with_factor(olga))
    browser.post("/account/2fa/authenticate/", {"code": code()})

    assert browser.get("/admin/").status_code == 200


@pytest.mark.usefixtures("_needed")
def test_from_nothing_to_admin(olga: User) -> None:
    browser = sign_in(olga)
    set_up(browser)

    assert browser.get("/admin/").status_code == 200


@pytest.mark.usefixtures("_needed")
@pytest.mark.parametrize("page", ADMIN)
def test_a_session_from_before_shows_it_first(olga: User, page: str) -> None:
    browser = sign_in(olga)
    with_factor(olga)

    assert where(browser.get(page)).startswith("/account/2fa/reauthenticate/?next=%2Fadmin%2F")
    # A password is no second factor.
    browser.post("/reauthenticate/", {"password": PASSWORD, "next": "/admin/"})
    assert where(browser.get(page)).startswith("/account/2fa/reauthenticate/")

    asked = browser.post("/account/2fa/reauthenticate/", {"code": code(), "next": "/admin/"})
    assert where(asked) == "/admin/"
    assert browser.get("/admin/").status_code == 200


@pytest.mark.parametrize("page", ["totp/deactivate/", "recovery-codes/", "recovery-codes/generate/"])
def test_a_password_alone_switches_nothing_off(alice: User, page: str) -> None:
    browser = sign_in(alice)
    with_factor(alice)
    browser.post("/reauthenticate/", {"password": PASSWORD, "next": "/account/"})

    for answer in (browser.get(f"/account/2fa/{page}"), browser.post(f"/account/2fa/{page}")):
        assert where(answer).startswith("/account/2fa/reauthenticate/")
    assert Authenticator.objects.filter(user=alice, type="totp").exists()


def test_it_is_switched_off_by_who_has_it(alice: User) -> None:
    with_factor(alice)
    browser = sign_in(alice)
    browser.post("/account/2fa/authenticate/", {"code": code()})
    browser.post("/account/2fa/reauthenticate/", {"code": code(), "next": "/account/"})

    assert "recovery codes end" in text(browser.get("/account/2fa/totp/deactivate/"))
    browser.post("/account/2fa/totp/deactivate/")

    assert not Authenticator.objects.exists()


def test_where_it_is_not_needed_admin_opens_without(olga: User) -> None:
    assert Browser(olga).get("/admin/").status_code == 200


@pytest.mark.usefixtures("_needed")
def test_customers_need_none(alice: User) -> None:
    assert Browser(alice).get("/account/").status_code == 200


# --- Lost ones, in admin ----------------------------------------------------------------------------------


def test_a_superuser_removes_a_lost_one_and_sees_no_secret(operator: Browser, sasha: User) -> None:
    with_factor(sasha)
    one = Authenticator.objects.get(type="totp")
    page = f"/admin/mfa/authenticator/{one.pk}/"

    for shown in (html(operator.get("/admin/mfa/authenticator/")), html(operator.get(f"{page}change/"))):
        assert sasha.email in shown
        assert one.data["secret"] not in shown

    operator.post(f"{page}delete/", {"post": "yes"})

    assert not Authenticator.objects.exists()
