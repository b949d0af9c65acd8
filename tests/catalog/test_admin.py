import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.halting import halt
from catalog.models import ON_SALE, Category, ExchangeRate, PriceRule, Provider, Service
from catalog.syncing import sync_catalog
from tests.catalog.conftest import Site
from tests.factories import make_provider, make_service

PAGES = ("provider", "category", "service", "pricerule", "exchangerate", "syncrun")


@pytest.fixture(autouse=True)
def _in_english(operator: Browser) -> None:
    operator.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"


def get(browser: Browser, path: str) -> str:
    answer = browser.get(f"/admin/catalog/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def act(browser: Browser, model: str, action: str, *rows: Any) -> list[str]:
    """Run an action and return what it said."""
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    browser.cookies.pop("messages", None)  # what earlier actions said
    answer = browser.post(f"/admin/catalog/{model}/", data)
    assert answer.status_code == 302
    return [str(message) for message in get_messages(answer.wsgi_request)]


def save(browser: Browser, path: str, **data: object) -> None:
    answer = browser.post(f"/admin/catalog/{path}", data)
    errors = answer.context["errors"] if answer.context else ""
    assert answer.status_code == 302, errors


def settings_of(provider: Provider, **changes: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "name": provider.name,
        "url": provider.url,
        "currency": provider.currency,
        "method": provider.method,
        "lost_answers": provider.lost_answers,
        "new_services": provider.new_services,
        "low_balance": "",
        "calls_at_once": provider.calls_at_once,
        "calls_per_second": "",
        "is_active": "on",
        "new_key": "",
    }
    return plain | changes


@pytest.mark.parametrize("model", PAGES)
def test_lists_and_forms_are_shown(operator: Browser, provider: Provider, model: str) -> None:
    sync_catalog(provider)
    service = Service.objects.first()
    PriceRule.objects.create(scope="service", service=service, percent=Decimal(5))
    ExchangeRate.objects.create(currency="USD", rate=Decimal(80))

    listed = get(operator, f"{model}/")
    form = re.search(rf"/admin/catalog/{model}/(\d+)/change/", listed)

    assert form
    get(operator, f"{model}/{form[1]}/change/")


@pytest.mark.parametrize("model", ["provider", "category", "service", "syncrun"])
def test_nothing_is_deleted_that_orders_hang_on(operator: Browser, provider: Provider, model: str) -> None:
    sync_catalog(provider)
    row = {"provider": Provider, "category": Category, "service": Service}.get(
        model, provider.sync_runs.model
    )
    pk = row.objects.first().pk  # type: ignore[union-attr]

    assert operator.post(f"/admin/catalog/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403
    assert row.objects.filter(pk=pk).exists()


def test_what_is_decided_of_a_providers_catalogue_and_balance_is_saved(operator: Browser) -> None:
    provider = make_provider()

    fields = settings_of(provider, new_services="look", low_balance="12.5")
    save(operator, f"provider/{provider.pk}/change/", **fields)

    provider.refresh_from_db()
    assert (provider.new_services, provider.low_balance) == ("look", Decimal("12.5"))


@pytest.mark.parametrize(
    ("rule", "advice"),
    [
        ("key", "Enter the right key above, and save"),
        ("misconfigured", "Check the address, the key and the method above"),
        ("funds", "Put money into the account there."),
        ("by_hand", "press “Let go on…”: its orders are sent at once."),
    ],
)
def test_a_halted_providers_page_says_what_to_do(operator: Browser, rule: str, advice: str) -> None:
    provider = make_provider()
    assert advice not in get(operator, f"provider/{provider.pk}/change/")

    halt(provider, rule=rule, text="")

    assert advice in get(operator, f"provider/{provider.pk}/change/")


def test_the_key_goes_in_and_never_comes_out(operator: Browser) -> None:
    provider = make_provider(key="5up3r-s3cr3t")
    before = get(operator, f"provider/{provider.pk}/change/")
    assert "5up3r-s3cr3t" not in before
    assert 'type="password"' in before

    save(operator, f"provider/{provider.pk}/change/", **settings_of(provider, calls_at_once=3))
    kept = Provider.objects.get()
    assert (kept.key, kept.calls_at_once) == ("5up3r-s3cr3t", 3)

    save(operator, f"provider/{provider.pk}/change/", **settings_of(kept, new_key="n3w-k3y"))
    assert Provider.objects.get().key == "n3w-k3y"
    assert "n3w-k3y" not in get(operator, f"provider/{provider.pk}/change/")
    assert "n3w-k3y" not in get(operator, f"provider/{provider.pk}/history/")


def test_who_may_only_look_sees_a_provider(client: Browser, sasha: User) -> None:
    provider = make_provider(key="5up3r-s3cr3t")
    sasha.user_permissions.set(Permission.objects.filter(codename="view_provider"))
    client.force_login(sasha)
    html = get(client, f"provider/{provider.pk}/change/")
    assert provider.url in html
    assert "5up3r-s3cr3t" not in html


def test_another_address_needs_the_key_too(operator: Browser) -> None:
    provider = make_provider(key="5up3r-s3cr3t")
    moved = settings_of(provider, url="https://elsewhere.example.com/api/v2")

    answer = operator.post(f"/admin/catalog/provider/{provider.pk}/change/", moved)
    assert answer.status_code == 200
    assert Provider.objects.get().url == provider.url

    save(operator, f"provider/{provider.pk}/change/", **moved | {"new_key": "its-own"})
    kept = Provider.objects.get()
    assert (kept.url, kept.key) == (moved["url"], "its-own")


@pytest.mark.parametrize("model", ["service", "syncrun"])
@pytest.mark.parametrize("query", ["_facets=True", f"provider={10**19}", "provider=x"])
def test_the_providers_filter_takes_anything(
    operator: Browser, provider: Provider, model: str, query: str
) -> None:
    sync_catalog(provider)
    get(operator, f"{model}/?{query}")


def test_a_lost_secret_key_leaves_the_pages_usable(
    operator: Browser, provider: Provider, settings: Any
) -> None:
    make_service(provider)
    sync_catalog(provider)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [], "another"
    operator.force_login(User.objects.get())

    for model in ("provider", "service", "syncrun"):
        get(operator, f"{model}/")
    save(operator, f"provider/{provider.pk}/change/", **settings_of(provider, new_key="anew"))
    assert Provider.objects.get().key == "anew"


def test_a_new_provider_needs_a_key(operator: Browser, commits: Any) -> None:
    new = settings_of(Provider(name="a", url="https://example.com/api/v2", currency="RUB"))
    assert operator.post("/admin/catalog/provider/add/", new).status_code == 200
    assert not Provider.objects.exists()

    with commits as sent:
        save(operator, "provider/add/", **new | {"new_key": " k "})

    provider = Provider.objects.get()
    assert provider.key == "k"
    assert ("catalog.tasks.sync_provider", (provider.pk,)) in sent


def test_actions_send_tasks_and_say_so(
    operator: Browser, provider: Provider, site: Site, commits: Any
) -> None:
    with commits as sent:
        assert act(operator, "provider", "sync_now", provider) == [
            f"{provider}: its catalogue is being copied."
        ]
        act(operator, "provider", "sync_shorter", provider)
        assert act(operator, "provider", "ask_balance", provider) == [
            f"{provider}: its balance is being asked for."
        ]

    assert sent == [
        ("catalog.tasks.sync_provider", (provider.pk,)),
        ("catalog.tasks.sync_provider", (provider.pk, True)),
        ("catalog.tasks.refresh_provider_balance", (provider.pk,)),
    ]
    assert site.server.calls == []


def test_halting_and_resuming_by_hand(operator: Browser, provider: Provider) -> None:
    other = make_provider(name="z")
    halt(other, rule="key", text="Invalid API key")

    said = act(operator, "provider", "halt_by_hand", provider, other)
    assert sorted(said) == sorted([f"{provider} is halted.", "z was halted before."])
    assert Provider.objects.get(pk=provider.pk).halt_text == "halted by olga@example.com"
    assert "“Invalid API key”" in get(operator, "provider/")
    assert ">by_hand</code>" in get(operator, "provider/")

    act(operator, "provider", "resume", provider, other)
    assert not Provider.objects.filter(halted_at__isnull=False).exists()
    assert act(operator, "provider", "resume", provider) == [f"{provider} was not halted."]


def test_an_unsure_balance_is_marked(operator: Browser, provider: Provider) -> None:
    Provider.objects.update(balance=Decimal(1), balance_text="1.000")
    assert "(unverified)" in get(operator, "provider/")

    Provider.objects.update(balance_verified=True)
    assert "(unverified)" not in get(operator, "provider/")


def test_services_are_found_whatever_the_case(operator: Browser, provider: Provider) -> None:
    make_service(provider, name="ПОДПИСЧИКИ", provider_service_id="abc-1")
    make_service(provider, name="Views")

    for query in ("подписчики", "abc-1"):
        listed = get(operator, f"service/?q={query}")
        assert "ПОДПИСЧИКИ" in listed
        assert "Views" not in listed


def test_services_say_why_they_are_not_sold(operator: Browser, provider: Provider) -> None:
    make_service(provider, name="good one")
    make_service(provider, name="bad one", held_text="odd <b>words</b>")

    listed = get(operator, "service/")
    assert "not sold: held: odd &lt;b&gt;words&lt;/b&gt;" in listed
    assert "bad one" not in get(operator, "service/?sold=yes")
    assert "good one" not in get(operator, "service/?sold=no")


def test_only_ours_is_changed_in_a_service(operator: Browser, provider: Provider) -> None:
    service = make_service(provider)
    ours = Category.objects.create(name="Ours")

    with CaptureQueriesContext(connection) as asked:
        save(
            operator,
            f"service/{service.pk}/change/",
            is_hidden="on",
            category=ours.pk,
            position=service.position,
            duplicate_links="refuse",
            name="Hacked",
            cost="1",
        )

    service.refresh_from_db()
    assert (service.is_hidden, service.category, service.cost) == (True, ours, 100)
    assert (service.duplicate_links, service.name != "Hacked") == ("refuse", True)
    assert "ours" in service.search_text
    # A sync that came between the form and its answer is not undone.
    (written,) = (one["sql"] for one in asked if one["sql"].startswith('UPDATE "catalog_service"'))
    assert '"cost" =' not in written


def test_held_services_go_on(operator: Browser, provider: Provider) -> None:
    held, other = make_service(provider, held_text="odd"), make_service(provider)

    said = act(operator, "service", "let_go_on", held, other)

    assert sorted(said) == sorted([f"{held} goes on.", f"{other} was not held."])
    assert Service.objects.filter(ON_SALE).count() == 2


@pytest.mark.parametrize("model", ["service", "provider"])
def test_queries_do_not_grow_with_rows(operator: Browser, provider: Provider, model: str) -> None:
    found = []
    for size in (5, 40):
        for number in range(size):
            make_service(make_provider() if model == "provider" else provider, category=f"c {size} {number}")
        with CaptureQueriesContext(connection) as asked:
            get(operator, f"{model}/")
        found.append(len(asked))

    assert found[0] == found[1]
