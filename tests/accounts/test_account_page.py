from accounts.models import User
from tests.pages import Browser, html, queries_of, text


def test_a_stranger_is_sent_to_login(db: None) -> None:
    answer = Browser().get("/account/")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login/?next=/account/"


def test_shows_who_one_is_and_where_to_change_it(alice: User) -> None:
    answer = Browser(alice).get("/account/")

    assert "alice@example.com" in text(answer)
    for address in ("/email/", "/password/change/", "/i18n/setlang/"):
        assert address in html(answer)


def test_changes_the_name(alice: User) -> None:
    answer = Browser(alice).post("/account/", {"name": "  Алиса 👩 "}, follow=True)

    alice.refresh_from_db()
    assert alice.name == "Алиса 👩"
    assert "Your name is saved." in text(answer)


def test_the_name_may_be_empty(alice: User) -> None:
    Browser(alice).post("/account/", {"name": ""})

    alice.refresh_from_db()
    assert alice.name == ""


def test_refuses_a_name_too_long_beside_its_field(alice: User) -> None:
    answer = Browser(alice).post("/account/", {"name": "x" * 151})

    assert 'aria-describedby="id_name_helptext id_name_error"' in html(answer)
    assert 'id="id_name_error" role="alert"' in html(answer)
    alice.refresh_from_db()
    assert alice.name == "Alice"


def test_changes_nothing_but_the_name(alice: User) -> None:
    Browser(alice).post("/account/", {"name": "A", "is_staff": "on", "email": "x@example.com"})

    alice.refresh_from_db()
    assert (alice.name, alice.is_staff, alice.email) == ("A", False, "alice@example.com")


def test_a_hostile_name_is_words_only(alice: User) -> None:
    browser = Browser(alice)
    browser.post("/account/", {"name": '"><script>alert(1)</script>'})

    content = browser.get("/account/").content.decode()

    assert "<script>alert" not in content
    assert '"><script>' not in content


def test_in_russian(alice: User) -> None:
    assert "Сменить пароль" in text(Browser(alice, language="ru").get("/account/"))


def test_asks_for_the_session_the_user_the_balance_and_what_each_page_says(alice: User) -> None:
    browser = Browser(alice)

    assert queries_of(lambda: browser.get("/account/")) == 6
