"""Halting a provider and letting it go on, over the pages themselves."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client as Browser

from accounts.models import User
from catalog.halting import halt
from catalog.models import Provider
from tests.factories import make_provider


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def going(db: None) -> Provider:
    return make_provider(name="Moon <b>Ltd</b>")


@pytest.fixture
def halted(going: Provider) -> Provider:
    halt(going, rule="key", text="Invalid <i>API</i> key")
    return going


def page(provider: Provider, name: str) -> str:
    return f"/admin/catalog/provider/{provider.pk}/{name}/"


def shown(browser: Browser, provider: Provider, name: str) -> str:
    answer = browser.get(page(provider, name))
    assert answer.status_code == 200
    return answer.content.decode()


def post(browser: Browser, provider: Provider, name: str) -> tuple[Any, list[str]]:
    browser.cookies.pop("messages", None)
    answer = browser.post(page(provider, name), {"confirmed": "yes"})
    return answer, [str(message) for message in get_messages(answer.wsgi_request)]


def fresh(provider: Provider) -> Provider:
    return Provider.objects.get(pk=provider.pk)


def test_a_page_offers_what_can_be_done(operator: Browser, going: Provider) -> None:
    html = shown(operator, going, "change")
    assert (page(going, "halt") in html, page(going, "resume") in html) == (True, False)

    halt(going, rule="key", text="…")
    html = shown(operator, going, "change")
    assert (page(going, "halt") in html, page(going, "resume") in html) == (False, True)


def test_halting_asks_first(operator: Browser, going: Provider) -> None:
    html = shown(operator, going, "halt")

    assert "Nothing is sent to Moon &lt;b&gt;Ltd&lt;/b&gt; until a person lets it go on." in html
    assert "wait, and stay paid" in html
    assert "<b>Ltd" not in html
    assert fresh(going).halted_at is None


def test_it_is_halted_by_hand(operator: Browser, going: Provider) -> None:
    answer, said = post(operator, going, "halt")

    assert answer.headers["Location"] == page(going, "change")
    assert said == ["Moon <b>Ltd</b> is halted."]
    assert (fresh(going).halt_rule, fresh(going).halt_text) == ("by_hand", "halted by olga@example.com")
    assert fresh(going).probe_at is None


def test_letting_go_on_asks_first_and_says_why_it_was_halted(operator: Browser, halted: Provider) -> None:
    html = shown(operator, halted, "resume")

    assert "“Invalid &lt;i&gt;API&lt;/i&gt; key”" in html
    assert "are sent at once" in html
    assert "Yes, let it go on" in html
    assert fresh(halted).halted_at is not None


def test_it_goes_on(operator: Browser, halted: Provider, commits: Any) -> None:
    with commits as sent:
        answer, said = post(operator, halted, "resume")

    assert answer.headers["Location"] == page(halted, "change")
    assert said == ["Moon <b>Ltd</b>: its orders are sent again."]
    assert fresh(halted).halted_at is None
    assert ("orders.tasks.forward_every_provider", ()) in sent


def test_where_there_is_nothing_to_do_there_is_no_button(operator: Browser, going: Provider) -> None:
    html = shown(operator, going, "resume")
    assert "was not halted" in html
    assert "Yes, let it go on" not in html

    halt(going, rule="key", text="said so")
    html = shown(operator, going, "halt")
    assert "“said so”" in html
    assert "Yes, halt it" not in html


def test_who_was_second_is_told(operator: Browser, halted: Provider) -> None:
    assert post(operator, halted, "halt")[1] == ["Moon <b>Ltd</b> was halted before."]
    assert fresh(halted).halt_rule == "key"
    post(operator, halted, "resume")
    assert post(operator, halted, "resume")[1] == ["Moon <b>Ltd</b> was not halted."]


@pytest.mark.parametrize("name", ["halt", "resume"])
def test_who_may_only_look_can_do_nothing(client: Browser, sasha: User, going: Provider, name: str) -> None:
    if name == "resume":
        halt(going, rule="key", text="…")
    before = fresh(going).halted_at
    sasha.user_permissions.set(Permission.objects.filter(codename="view_provider"))
    client.force_login(sasha)

    assert page(going, name) not in shown(client, going, "change")
    assert client.get(page(going, name)).status_code == 403
    assert post(client, going, name)[0].status_code == 403
    assert fresh(going).halted_at == before


@pytest.mark.parametrize("name", ["halt", "resume"])
def test_a_form_from_elsewhere_is_refused(olga: User, going: Provider, name: str) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(olga)
    assert browser.post(page(going, name), {"confirmed": "yes"}).status_code == 403
    assert fresh(going).halted_at is None


@pytest.mark.parametrize("number", ["4711", "x", "9" * 30])
def test_a_provider_that_is_not_there(operator: Browser, number: str) -> None:
    for name in ("halt", "resume"):
        assert operator.get(f"/admin/catalog/provider/{number}/{name}/").status_code == 404
