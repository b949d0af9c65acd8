import re
from html import unescape
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from accounts.models import User
from catalog.models import BannedWords, Category, Provider, Service, ServiceHold
from tests.factories import make_service

PAGE, CATEGORIES = "/admin/catalog/service/names/", "/admin/catalog/category/names/"


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def services(provider: Provider) -> list[Service]:
    """Two of a provider's."""
    return [make_service(provider, name=name) for name in ("Alpha", "Beta")]


def form_of(browser: Browser, page: str = PAGE) -> dict[str, str]:
    content = browser.get(page).content.decode()
    form = {}
    for tag in re.findall(r"<input[^>]+>", content):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and "form-" in name[1]:
            form[name[1]] = unescape(value[1]) if value else ""
    return form


def place_of(form: dict[str, str], pk: int) -> str:
    return next(
        name.removesuffix("-pk") for name, value in form.items() if name.endswith("-pk") and value == str(pk)
    )


def test_names_are_saved_together_and_only_what_changed(operator: Browser, services: list[Service]) -> None:
    one, two = services
    form = form_of(operator)
    assert form["form-TOTAL_FORMS"] == "2"
    first, second = place_of(form, one.pk), place_of(form, two.pk)
    # Another operator names what this page does not touch.
    Service.objects.filter(pk=two.pk).update(title_ru="Бета")

    answer = operator.post(PAGE, form | {f"{first}-title_en": "First", f"{second}-title_en": "Second"})

    assert answer.status_code == 302
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.title_en, one.title_ru, one.name) == ("First", "", "Alpha")
    assert (two.title_en, two.title_ru) == ("Second", "Бета")
    assert "first" in one.search_text
    assert LogEntry.objects.filter(content_type__model="service", changes__has_key="title_en").count() == 2


def test_what_was_not_changed_is_not_written(operator: Browser, services: list[Service]) -> None:
    operator.post(PAGE, form_of(operator))
    assert not LogEntry.objects.filter(content_type__model="service", action=1).exists()


def test_the_action_leads_to_what_is_chosen(operator: Browser, services: list[Service]) -> None:
    where = "/admin/catalog/service/?is_hidden__exact=0"
    chosen = {"action": "translate", "index": "0", "_selected_action": [services[1].pk]}

    some = operator.post(where, chosen | {"select_across": "0"})
    every = operator.post(where, chosen | {"select_across": "1"})

    assert form_of(operator, some.headers["Location"])["form-TOTAL_FORMS"] == "1"
    assert every.headers["Location"] == f"{PAGE}?is_hidden__exact=0"
    assert form_of(operator, every.headers["Location"])["form-TOTAL_FORMS"] == "2"


def test_fifty_rows_a_page(operator: Browser, provider: Provider) -> None:
    for _ in range(51):
        make_service(provider)

    assert form_of(operator)["form-TOTAL_FORMS"] == "50"
    assert form_of(operator, f"{PAGE}?p=2")["form-TOTAL_FORMS"] == "1"


def test_a_name_that_is_too_long_is_refused_and_nothing_is_saved(
    operator: Browser, services: list[Service]
) -> None:
    form = form_of(operator)
    first, second = (place_of(form, one.pk) for one in services)

    answer = operator.post(PAGE, form | {f"{first}-title_en": "x" * 501, f"{second}-title_en": "Second"})

    assert answer.status_code == 422
    assert "at most 500 characters" in answer.content.decode()
    assert not Service.objects.exclude(title_en="").exists()


def test_banned_words_are_looked_for_in_the_new_name(operator: Browser, services: list[Service]) -> None:
    BannedWords.objects.create(pattern="casino")
    form = form_of(operator)

    operator.post(PAGE, form | {f"{place_of(form, services[0].pk)}-title_en": "Casino"})

    assert ServiceHold.objects.get().service == services[0]


def test_names_of_categories(operator: Browser, services: list[Service]) -> None:
    category = Category.objects.get()
    form = form_of(operator, CATEGORIES)

    operator.post(CATEGORIES, form | {"form-0-title_ru": "Ютуб"})

    category.refresh_from_db()
    assert category.title_ru == "Ютуб"
    assert all("ютуб" in one.search_text for one in Service.objects.all())


def test_hostile_names_are_shown_as_words(operator: Browser, provider: Provider) -> None:
    make_service(provider, name="<script>alert(1)</script>", title_en='"><script>alert(1)</script>')
    assert "<script>alert" not in operator.get(PAGE).content.decode()


@pytest.mark.parametrize("data", [{}, {"form-TOTAL_FORMS": "100000", "form-INITIAL_FORMS": "0"}])
def test_a_table_that_is_damaged(operator: Browser, services: list[Service], data: dict[str, Any]) -> None:
    assert operator.post(PAGE, data).status_code == 422


def test_who_may_not_change_services_names_none(
    client: Browser, sasha: User, services: list[Service]
) -> None:
    sasha.user_permissions.set(Permission.objects.filter(codename="view_service"))
    client.force_login(sasha)

    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {}).status_code == 403
