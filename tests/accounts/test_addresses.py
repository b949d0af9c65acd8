import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail

from accounts.models import User
from tests.factories import make_user
from tests.pages import Browser, html, text


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    """Let one address try as often as these tests do."""
    settings.ACCOUNT_RATE_LIMITS = False


def ask_to_change(browser: Browser, email: str) -> Any:
    return browser.post("/email/", {"email": email, "action_add": ""}, follow=True)


def link_sent_to(email: str) -> str:
    letter = next(letter for letter in reversed(mail.outbox) if letter.to == [email])
    found = re.search(r"http://[^/]+(/confirm-email/\S+)", str(letter.body))
    assert found
    return found[1]


def own(user: User) -> str:
    user.refresh_from_db()
    return user.email


def addresses(user: User) -> list[tuple[str, bool, bool]]:
    rows = EmailAddress.objects.filter(user=user).order_by("pk")
    return list(rows.values_list("email", "verified", "primary"))


def signed_up(email: str) -> tuple[Browser, User]:
    browser = Browser()
    browser.post("/signup/", {"email": email, "password1": "correct horse battery"})
    return browser, User.objects.get(email=email)


def test_a_new_address_counts_once_it_is_confirmed(db: None) -> None:
    browser, user = signed_up("carol@example.com")

    page = ask_to_change(browser, "New@example.com")
    assert "new@example.com" in text(page)
    assert own(user) == "carol@example.com"
    browser.post(link_sent_to("new@example.com"))

    assert own(user) == "new@example.com"
    assert addresses(user) == [("new@example.com", True, True)]


def test_confirming_the_first_address_keeps_it(db: None) -> None:
    browser, user = signed_up("carol@example.com")

    browser.post(link_sent_to("carol@example.com"))

    assert own(user) == "carol@example.com"
    assert addresses(user) == [("carol@example.com", True, True)]


def test_a_letter_to_an_address_given_up_changes_nothing(db: None) -> None:
    browser, user = signed_up("carol@example.com")
    ask_to_change(browser, "typo@example.com")
    link = link_sent_to("typo@example.com")

    browser.post("/email/", {"email": "typo@example.com", "action_remove": ""})
    browser.post(link)

    assert own(user) == "carol@example.com"
    assert addresses(user) == [("carol@example.com", False, True)]


def test_the_address_one_signs_in_by_cannot_be_dropped(alice: User) -> None:
    browser = Browser(alice)

    for confirmed in (False, True):
        browser.get("/email/")
        EmailAddress.objects.update(verified=confirmed)
        browser.post("/email/", {"email": "alice@example.com", "action_remove": ""})
        ask_to_change(browser, "new@example.com")
        browser.post("/email/", {"email": "alice@example.com", "action_remove": ""})

        assert own(alice) == "alice@example.com"


def test_one_address_waits_at_a_time(alice: User) -> None:
    browser = Browser(alice)
    ask_to_change(browser, "one@example.com")

    page = ask_to_change(browser, "two@example.com")

    assert "one@example.com" in text(page)
    assert [email for email, _, _ in addresses(alice)] == ["alice@example.com", "one@example.com"]


@pytest.mark.parametrize("state", ["without a row", "waiting", "confirmed"])
def test_an_address_of_another_customer_is_refused(alice: User, state: str) -> None:
    other = make_user("boris@example.com" if state == "without a row" else "other@example.com")
    if state != "without a row":
        EmailAddress.objects.create(user=other, email="boris@example.com", verified=state == "confirmed")

    answer = ask_to_change(Browser(alice), "BORIS@example.com")

    assert 'id="id_email_error" role="alert"' in html(answer)
    assert "This address is already registered." in text(answer)
    assert own(alice) == "alice@example.com"
    assert mail.outbox == []
    assert [email for email, _, _ in addresses(alice)] == ["alice@example.com"]


def test_nobody_makes_an_address_theirs_without_its_letter(alice: User) -> None:
    browser = Browser(alice)
    browser.get("/email/")
    EmailAddress.objects.update(verified=True)
    ask_to_change(browser, "new@example.com")

    browser.post("/email/", {"email": "new@example.com", "action_primary": ""})

    assert own(alice) == "alice@example.com"


def test_in_russian(alice: User) -> None:
    assert "Сменить адрес" in text(Browser(alice, language="ru").get("/email/"))
