import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY

from accounts.models import User
from accounts.sessions import block, sign_out_everywhere, unblock
from tests.pages import Browser, text

FORM = {"login": "alice@example.com", "password": "a long password"}


@pytest.fixture
def browsers(alice: User) -> list[Browser]:
    """Two of Alice's browsers: one signed in by the form, one that the site has no list of."""
    by_form, unlisted = Browser(), Browser(alice)
    by_form.post("/login/", FORM)
    assert UserSession.objects.filter(user=alice).count() == 1
    assert all(is_in(browser) for browser in (by_form, unlisted))
    return [by_form, unlisted]


def is_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


def test_signing_out_everywhere_ends_every_session(alice: User, boris: User, browsers: list[Browser]) -> None:
    other = Browser(boris)

    sign_out_everywhere(alice)

    assert not any(is_in(browser) for browser in browsers)
    assert is_in(other)
    assert not UserSession.objects.filter(user=alice).exists()
    browsers[0].post("/login/", FORM)
    assert is_in(browsers[0])


def test_a_blocked_user_is_out_and_stays_out(alice: User, browsers: list[Browser]) -> None:
    assert block(alice)
    assert not block(alice)

    assert not any(is_in(browser) for browser in browsers)
    browsers[0].post("/login/", FORM)
    assert SESSION_KEY not in browsers[0].session

    assert unblock(alice)
    assert not unblock(alice)
    assert not is_in(browsers[1])  # what was ended stays ended
    browsers[0].post("/login/", FORM)
    assert is_in(browsers[0])


def test_a_customer_sees_and_ends_other_sessions(alice: User) -> None:
    here, there = Browser(), Browser()
    for browser in (here, there):
        browser.post("/login/", FORM)

    assert "This browser" in text(here.get("/account/sessions/"))
    here.post("/account/sessions/")

    assert is_in(here)
    assert not is_in(there)
