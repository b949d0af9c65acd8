from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.utils import translation

from accounts.models import User
from catalog.history import Change, Field, note
from catalog.holding import Kind, hold
from catalog.models import BannedWords, Provider, Service, ServiceChange, ServiceHold
from tests.factories import make_service

pytestmark = pytest.mark.usefixtures("_in_english")

LISTS = "/admin/catalog/servicechange/", "/admin/catalog/servicehold/"


@pytest.fixture
def _in_english(client: Browser) -> Any:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    yield
    translation.deactivate()


def act(browser: Browser, hold: ServiceHold) -> Any:
    data = {"action": "let_go_on", "_selected_action": [hold.pk]}
    return browser.post("/admin/catalog/servicehold/", data, follow=True)


def test_a_services_page_leads_to_its_own_history(operator: Browser, provider: Provider) -> None:
    one, other = make_service(provider), make_service(provider)
    for service, words in ((one, "of the one"), (other, "of the other")):
        hold(service, Kind.PROVIDER, words)

    page = operator.get(f"/admin/catalog/service/{one.pk}/change/").content.decode()

    for address in LISTS:
        assert f'href="{address}?service={one.pk}"' in page
        shown = operator.get(address, {"service": one.pk}).content.decode()
        assert "of the one" in shown
        assert "of the other" not in shown
        assert "of the other" in operator.get(address, {"service": "nonsense"}).content.decode()


def test_the_number_of_a_service_finds_its_history(operator: Browser, provider: Provider) -> None:
    service = make_service(provider)
    note([Change(service.pk, Field.NAME, "before", "after")])
    assert "after" in operator.get(LISTS[0], {"q": service.pk}).content.decode()


def test_a_hold_ends_by_an_action_and_says_who(operator: Browser, olga: User, provider: Provider) -> None:
    service = make_service(provider)
    hold(service, Kind.PROVIDER, "why")

    answer = act(operator, ServiceHold.objects.get())

    assert f"{service} goes on." in answer.content.decode()
    assert Service.objects.get().held_text == ""
    assert ServiceChange.objects.latest("pk").actor == olga


def test_who_may_only_look_lets_nothing_go(client: Browser, sasha: User, provider: Provider) -> None:
    hold(make_service(provider), Kind.PROVIDER, "why")
    sasha.user_permissions.add(Permission.objects.get(codename="view_servicehold"))
    client.force_login(sasha)
    act(client, ServiceHold.objects.get())
    assert Service.objects.get().held_text == "why"


# --- Banned words -----------------------------------------------------------------------------------------


def test_words_apply_when_they_are_saved(operator: Browser, provider: Provider) -> None:
    make_service(provider, name="Bingo likes")
    data = {"pattern": "bingo", "is_on": "on", "note": ""}

    answer = operator.post("/admin/catalog/bannedwords/add/", data, follow=True)
    assert "1 service is held for banned words." in answer.content.decode()
    assert Service.objects.get().held_text
    words = BannedWords.objects.get(pattern="bingo")
    operator.post(f"/admin/catalog/bannedwords/{words.pk}/change/", {"pattern": "bingo", "note": "off now"})
    assert not Service.objects.get().held_text
    operator.post(f"/admin/catalog/bannedwords/{words.pk}/change/", data)
    assert Service.objects.get().held_text
    operator.post(f"/admin/catalog/bannedwords/{words.pk}/delete/", {"post": "yes"})
    assert not Service.objects.get().held_text


def test_words_without_a_letter_are_refused(operator: Browser) -> None:
    answer = operator.post("/admin/catalog/bannedwords/add/", {"pattern": "* *", "is_on": "on", "note": ""})
    assert "Write at least one letter or digit." in answer.content.decode()
    assert not BannedWords.objects.filter(is_on=True).exists()


def test_the_policy_is_one_page(operator: Browser) -> None:
    page = "/admin/catalog/cataloguepolicy/"
    assert operator.get(page, follow=True).status_code == 200
    data = {"max_shrink_percent": 101, "max_cost_jump_percent": 5, "on_loss": "stop", "rate_warning_days": 7}
    data |= {"failing_percent": 50, "failing_orders": 20, "failing_hours": ""}
    assert operator.post(page, data).status_code == 200  # refused
    assert operator.post(page, data | {"max_shrink_percent": 100}).status_code == 302
