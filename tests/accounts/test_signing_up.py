import re
from typing import Any

import pytest
from django.core import mail

from accounts.models import User
from accounts.sessions import block
from tests.factories import make_user
from tests.interrupting import cutting_in
from tests.pages import Browser, html, text

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    """Let one address try as often as these tests do."""
    settings.ACCOUNT_RATE_LIMITS = False


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


def test_signs_up_and_in(db: None) -> None:
    browser = Browser()

    answer = browser.post("/signup/", {"email": "New@Example.com", "password1": PASSWORD})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert is_signed_in(browser)
    user = User.objects.get()
    assert user.email == "new@example.com"
    assert not user.is_staff


@pytest.mark.parametrize(
    ("email", "password", "field"),
    [
        ("nobody", PASSWORD, "id_email"),
        ("", PASSWORD, "id_email"),
        ("new@example.com", "short", "id_password1"),
        ("new@example.com", "1234567890123", "id_password1"),
        ("ALICE@example.com", PASSWORD, "id_email"),
    ],
)
def test_refuses_beside_the_field(alice: User, email: str, password: str, field: str) -> None:
    browser = Browser()

    answer = browser.post("/signup/", {"email": email, "password1": password})

    assert f'id="{field}_error" role="alert"' in html(answer)
    assert not is_signed_in(browser)
    assert User.objects.count() == 1


@pytest.mark.parametrize("email", ["alice@example.com", "ALICE@Example.COM", " alice@example.com "])
def test_signs_in_by_an_address_in_any_case(alice: User, email: str) -> None:
    browser = Browser()

    answer = browser.post("/login/?next=/wallet/", {"login": email, "password": "a long password"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/wallet/")
    assert is_signed_in(browser)


def test_says_the_same_of_a_wrong_password_and_an_unknown_address(alice: User) -> None:
    said = set()
    for email in ("alice@example.com", "nobody@example.com"):
        browser = Browser()
        answer = browser.post("/login/", {"login": email, "password": "wrong"})
        said.add(re.search(r'alert-danger" role="alert">(.*?)</div>\s*</div>', html(answer))[1])  # type: ignore[index]
        assert not is_signed_in(browser)

    assert len(said) == 1


def test_a_blocked_user_stays_outside(alice: User) -> None:
    alice.is_active = False
    alice.save()
    browser = Browser()

    browser.post("/login/", {"login": "alice@example.com", "password": "a long password"})

    assert not is_signed_in(browser)


def test_never_leads_to_another_site(alice: User) -> None:
    browser = Browser()

    answer = browser.post(
        "/login/?next=https://evil.example/", {"login": "alice@example.com", "password": "a long password"}
    )

    assert answer.headers["Location"] == "/"


def test_signs_out_by_a_button_only(alice: User) -> None:
    browser = Browser(alice)

    assert browser.get("/logout/").status_code == 200
    assert is_signed_in(browser)
    answer = browser.post("/logout/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    "address", ["/orders/", "/orders/new/", "/orders/1/", "/wallet/", "/account/", "/email/"]
)
def test_a_stranger_is_sent_to_login(db: None, address: str) -> None:
    answer = Browser().get(address)

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=")


def test_resets_a_forgotten_password(alice: User) -> None:
    browser = Browser()

    asked = browser.post("/password/reset/", {"email": "ALICE@example.com"}, follow=True)
    assert "We have sent you an email" in text(asked)
    [letter] = mail.outbox
    assert letter.to == ["alice@example.com"]
    assert letter.subject == "Panel: Password Reset Email"
    assert str(letter.body).startswith("Hello from Panel!")
    link = re.search(r"http://[^/]+(/password/reset/key/\S+)", str(letter.body))
    assert link
    form = browser.get(link[1], follow=True)
    address = form.redirect_chain[-1][0]
    changed = browser.post(address, {"password1": PASSWORD, "password2": PASSWORD}, follow=True)

    assert "Your password is now changed." in text(changed)
    assert browser.login(username="alice@example.com", password=PASSWORD)
    used = Browser().get(link[1], follow=True)
    assert "The password reset link was invalid" in text(used)


def test_a_reset_does_not_tell_who_is_here(alice: User) -> None:
    pages, letters = set(), []
    for email in ("alice@example.com", "nobody@example.com"):
        mail.outbox.clear()
        answer = Browser().post("/password/reset/", {"email": email}, follow=True)
        pages.add(re.sub(r'value="[^"]{64}"', "", html(answer)))
        letters.append([letter.to for letter in mail.outbox])

    assert len(pages) == 1
    assert letters == [[["alice@example.com"]], [["nobody@example.com"]]]


def test_changes_the_password(alice: User) -> None:
    browser = Browser(alice)
    fields = {"oldpassword": "a long password", "password1": PASSWORD, "password2": PASSWORD}

    refused = browser.post("/password/change/", {**fields, "oldpassword": "wrong"})
    assert 'id="id_oldpassword_error" role="alert"' in html(refused)
    browser.post("/password/change/", fields)

    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert is_signed_in(browser)


def test_who_is_blocked_while_they_change_their_password_stays_blocked(alice: User) -> None:
    browser = Browser(alice)
    fields = {"oldpassword": "a long password", "password1": PASSWORD, "password2": PASSWORD}

    with cutting_in(lambda: block(alice), before='UPDATE "accounts_user"'):
        browser.post("/password/change/", fields)

    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert (alice.is_active, alice.sign_outs) == (False, 1)


@pytest.mark.parametrize(
    ("address", "words"),
    [("/login/", "Войти"), ("/signup/", "Зарегистрируйтесь"), ("/password/reset/", "Сброс пароля")],
)
def test_in_russian(db: None, address: str, words: str) -> None:
    assert words in text(Browser(language="ru").get(address))


def test_pages_run_nothing_inline(alice: User) -> None:
    for browser, address in (
        (Browser(), "/login/"),
        (Browser(), "/signup/"),
        (Browser(), "/password/reset/"),
        (Browser(alice), "/email/"),
        (Browser(alice), "/password/change/"),
        (Browser(alice), "/logout/"),
    ):
        content = html(browser.get(address))
        assert "<script>" not in content
        assert ' style="' not in content


def test_somebody_signed_in_is_led_past_the_login(db: None) -> None:
    assert Browser(make_user()).get("/login/").headers["Location"] == "/"
