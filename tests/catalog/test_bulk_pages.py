import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog import bulk
from catalog.models import ON_SALE, Category, PriceRule, Provider, Service, ServiceChange, ServiceHold
from catalog.syncing import sync_catalog
from tests.factories import make_provider, make_service

LIST = "/admin/catalog/service/"


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


@pytest.fixture
def services(provider: Provider) -> list[Service]:
    """Three of a provider's, which cost 100 and sell for 130."""
    return [make_service(provider) for _ in range(3)]


def ask(browser: Browser, action: str, *rows: Service, where: str = LIST, **data: object) -> Any:
    """Choose an action for rows, or for all that match where there are none."""
    chosen = {"_selected_action": [row.pk for row in rows] or [1], "select_across": "0" if rows else "1"}
    return browser.post(where, {"action": action, "index": "0", **chosen, **data})


def answer(browser: Browser, page: Any, where: str = LIST, **data: object) -> Any:
    """Send a page's form back, as a browser does."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.content.decode())
    form: dict[str, Any] = {}
    for name, value in found:
        form.setdefault(name, []).append(unescape(value))
    browser.cookies.pop("messages", None)
    return browser.post(where, form | data)


def said(page: Any) -> list[str]:
    assert page.status_code == 302, page.content.decode()
    return [str(message) for message in get_messages(page.wsgi_request)]


def prices() -> list[Decimal | None]:
    return list(Service.objects.order_by("pk").values_list("price", flat=True))


def records(what: str = "service") -> list[tuple[str, Any]]:
    found = LogEntry.objects.filter(content_type__model=what).order_by("pk")
    return list(found.values_list("actor__email", "changes"))


# --- Hide, show -------------------------------------------------------------------------------------------


def test_hiding_asks_first_and_says_how_many(operator: Browser, services: list[Service]) -> None:
    page = ask(operator, "hide", *services[:2])

    assert page.status_code == 200
    assert "2 services are chosen." in page.content.decode()
    assert Service.objects.filter(ON_SALE).count() == 3
    assert said(answer(operator, page)) == ["2 services are hidden."]
    assert list(Service.objects.filter(ON_SALE)) == services[2:]
    assert records() == [("olga@example.com", {"is_hidden": ["False", "True"]})] * 2
    assert ServiceChange.objects.filter(field="hidden", actor__email="olga@example.com").count() == 2

    again = answer(operator, ask(operator, "show", services[0]))
    assert said(again) == ["1 service is shown again."]
    assert Service.objects.filter(ON_SALE).count() == 2


def test_all_that_match_a_filter_are_hidden(operator: Browser, services: list[Service]) -> None:
    other = make_service(make_provider())
    where = f"{LIST}?provider={services[0].provider_id}"

    page = ask(operator, "hide", where=where)
    assert "3 services are chosen." in page.content.decode()
    answer(operator, page, where)

    assert list(Service.objects.filter(is_hidden=False)) == [other]


def test_what_a_filter_finds_meanwhile_is_asked_about_anew(
    operator: Browser, services: list[Service]
) -> None:
    page = ask(operator, "hide")
    make_service(services[0].provider)

    again = answer(operator, page)

    assert again.status_code == 200
    assert "Something changed since" in again.content.decode()
    assert "4 services are chosen." in again.content.decode()
    assert not Service.objects.filter(is_hidden=True).exists()


def test_too_many_at_once_are_refused(
    operator: Browser, services: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST", 2)

    (words,) = said(ask(operator, "hide"))

    assert words.startswith("3 services are chosen; at most")
    assert not Service.objects.filter(is_hidden=True).exists()


# --- Markup -----------------------------------------------------------------------------------------------


def test_a_markup_is_shown_before_it_is_set(operator: Browser, services: list[Service]) -> None:
    form = ask(operator, "set_markup", *services[:2])
    assert 'name="percent"' in form.content.decode()

    shown = answer(operator, form, percent="50")
    assert "2 of the 2 services it speaks of get another price." in shown.content.decode()
    assert prices() == [130, 130, 130]
    assert not PriceRule.objects.exists()

    assert said(answer(operator, shown)) == ["2 rules are changed."]
    assert prices() == [150, 150, 130]
    rules = PriceRule.objects.order_by("pk").values_list("service", "percent", "target")
    assert list(rules) == [(one.pk, Decimal(50), f"service:{one.pk} group:") for one in services[:2]]
    assert records("pricerule") == [("olga@example.com", {"percent": ["None", "50"]})] * 2


def test_a_markup_that_loses_is_refused(operator: Browser, services: list[Service]) -> None:
    shown = answer(operator, ask(operator, "set_markup", *services), percent="-1")

    assert "Refused: 3 services would be sold below their cost." in shown.content.decode()
    assert answer(operator, shown).status_code == 200
    assert prices() == [130, 130, 130]
    assert not PriceRule.objects.exists()


def test_a_markup_replaces_what_was_and_keeps_the_rest_of_the_rule(
    operator: Browser, services: list[Service]
) -> None:
    one, two, three = services
    PriceRule.objects.create(scope="service", service=one, percent=Decimal(10), amount=Decimal(7))
    PriceRule.objects.create(scope="service", service=two, fixed_price=Decimal(500))
    kept = PriceRule.objects.create(scope="service", service=three, percent=Decimal(20))

    answer(operator, answer(operator, ask(operator, "set_markup", *services), percent="20"))

    assert prices() == [127, 120, 120]
    assert PriceRule.objects.get(service=two).fixed_price is None
    assert LogEntry.objects.filter(content_type__model="pricerule", object_pk=kept.pk, action=1).count() == 0


def test_own_markups_are_dropped(operator: Browser, services: list[Service]) -> None:
    answer(operator, answer(operator, ask(operator, "set_markup", *services), percent="50"))

    form = ask(operator, "set_markup", *services[1:])
    answer(operator, answer(operator, form, percent="", drop="on"))

    assert prices() == [150, 130, 130]
    assert PriceRule.objects.count() == 1


@pytest.mark.parametrize("data", [{"percent": ""}, {"percent": "5", "drop": "on"}, {"percent": "x"}])
def test_a_markup_that_makes_no_sense(
    operator: Browser, services: list[Service], data: dict[str, str]
) -> None:
    page = answer(operator, ask(operator, "set_markup", *services), **data)

    assert page.status_code == 200
    assert 'name="percent"' in page.content.decode()
    assert not PriceRule.objects.exists()


def test_prices_that_moved_since_the_preview_are_shown_anew(
    operator: Browser, services: list[Service]
) -> None:
    shown = answer(operator, ask(operator, "set_markup", *services), percent="50")
    Service.objects.filter(pk=services[0].pk).update(cost=Decimal(200), price=Decimal(260))

    again = answer(operator, shown)

    assert "Something changed since" in again.content.decode()
    assert not PriceRule.objects.exists()


def test_who_may_not_change_rules_sets_no_markup(
    client: Browser, sasha: User, services: list[Service]
) -> None:
    rights = Permission.objects.filter(codename__in=["view_service", "change_service"])
    sasha.user_permissions.set(rights)
    client.force_login(sasha)

    assert "set_markup" not in client.get(LIST).content.decode()
    ask(client, "set_markup", *services, percent="50")

    assert not PriceRule.objects.exists()


# --- Move -------------------------------------------------------------------------------------------------


def test_services_are_moved_and_stay_there(operator: Browser, provider: Provider, sandbox: Any) -> None:
    sync_catalog(provider)
    ours = Category.objects.create(name="Ours")
    PriceRule.objects.create(scope="category", category=ours, percent=Decimal(100))
    moved = list(Service.objects.order_by("pk")[:2])

    asked = answer(operator, ask(operator, "move", *moved), category=ours.pk)
    assert "2 services are chosen." in asked.content.decode()
    assert not Service.objects.filter(category=ours).exists()
    assert said(answer(operator, asked)) == ["2 services are moved."]
    sync_catalog(provider)

    for service in Service.objects.filter(pk__in=[one.pk for one in moved]):
        assert service.category == ours
        assert service.price == 2 * service.cost
        assert "ours" in service.search_text
    assert Service.objects.filter(category=ours).count() == 2
    assert [changes["category"][1] for _, changes in records()] == [str(ours.pk)] * 2


def test_a_category_whose_rule_loses_stops_what_is_moved_into_it(
    operator: Browser, services: list[Service]
) -> None:
    ours = Category.objects.create(name="Ours")
    PriceRule.objects.create(scope="category", category=ours, percent=Decimal(-50))

    answer(operator, answer(operator, ask(operator, "move", services[0]), category=ours.pk))

    assert ServiceHold.objects.get().service == services[0]
    assert Service.objects.get(pk=services[0].pk).price is None


# --- All of them ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["hide", "show", "move", "set_markup"])
def test_who_may_only_look_changes_nothing(
    client: Browser, sasha: User, services: list[Service], action: str
) -> None:
    sasha.user_permissions.set(Permission.objects.filter(codename="view_service"))
    client.force_login(sasha)
    before = list(Service.objects.order_by("pk").values())

    ask(client, action, *services, confirmed="yes", percent="50", category=services[0].category_id)

    assert list(Service.objects.order_by("pk").values()) == before
    assert not PriceRule.objects.exists()


def test_queries_do_not_grow_with_services(provider: Provider, olga: User) -> None:
    ours = Category.objects.create(name="Ours")
    found = []
    for size in (5, 200):
        for _ in range(size):
            make_service(provider, name=f"one of {size}")
        chosen = bulk.chosen_of(Service.objects.filter(name=f"one of {size}"))
        with CaptureQueriesContext(connection) as asked:
            bulk.set_markups(chosen, Decimal(50))
            bulk.move(chosen, ours)
            bulk.hide(chosen, is_hidden=True, actor=olga)
        found.append(len(asked))

    assert found[0] == found[1]
