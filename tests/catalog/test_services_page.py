import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from catalog.browsing import categories_on_sale, service_on_sale, services_in
from catalog.models import Category, Provider
from tests.factories import make_service


@pytest.fixture(autouse=True)
def _in_english(client: Browser) -> Any:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    yield
    translation.deactivate()


def page(client: Browser, **query: object) -> str:
    answer = client.get("/services/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def names(client: Browser, **query: object) -> list[str]:
    return re.findall(r'<td data-label="Service"[^>]*><a [^>]*>([^<]*)</a></td>', page(client, **query))


def test_shows_what_can_be_ordered_to_everybody(client: Browser, provider: Provider) -> None:
    service = make_service(provider, min_quantity=1000, max_quantity=5_000_000)

    text = page(client)

    assert "1 service<" in text
    for part in (
        "Подписчики YouTube",
        "130.00",
        "1,000",
        "5,000,000",
        f'href="/orders/new/?service={service.pk}"',
    ):
        assert part in text


@pytest.mark.parametrize(
    "why",
    [{"is_hidden": True}, {"held_text": "odd"}, {"is_listed": False}, {"price": None}, {"type": "Poll"}],
)
def test_what_cannot_be_ordered_is_not_shown(
    client: Browser, provider: Provider, why: dict[str, Any]
) -> None:
    service = make_service(provider, **why)

    assert names(client) == []
    assert "There is nothing to order yet" in page(client)
    assert (categories_on_sale(), services_in(service.category_id)) == ([], [])
    assert service_on_sale(service.pk) is None


def test_nothing_of_a_hidden_category_or_an_idle_provider(client: Browser, provider: Provider) -> None:
    service = make_service(provider)
    assert names(client) == [service.name]

    Category.objects.update(is_hidden=True)
    assert names(client) == []
    Category.objects.update(is_hidden=False)
    Provider.objects.update(is_active=False)
    assert names(client) == []


def test_searches_whatever_the_case(client: Browser, provider: Provider) -> None:
    one = make_service(provider, name="Живые ПОДПИСЧИКИ", category="Телеграм")
    make_service(provider, name="Views", category="TikTok")

    assert names(client, q="подписчики") == [one.name]
    assert names(client, q="ТЕЛЕГРАМ живые") == [one.name]
    assert names(client, q="tiktok") == ["Views"]
    assert names(client, q=one.pk) == [one.name]
    assert "Nothing fits" in page(client, q="instagram")


def test_filters_by_category(client: Browser, provider: Provider) -> None:
    one, other = make_service(provider, category="a"), make_service(provider, name="x", category="b")

    assert names(client, category=other.category_id) == ["x"]
    assert names(client, category=other.category_id, q="подписчики") == []
    assert names(client, category="nonsense") == [one.name, other.name]
    assert names(client, category="9" * 40) == [one.name, other.name]


def test_fifty_a_page_with_the_filters_kept(client: Browser, provider: Provider) -> None:
    for number in range(120):
        make_service(provider, name=f"like {number}", position=number)
    make_service(provider, name="other", position=0)

    first, second = page(client, q="like"), page(client, q="like", page=2)

    assert "120 services" in first
    assert names(client, q="like")[0] == "like 0"
    assert names(client, q="like", page=2) == [f"like {number}" for number in range(50, 100)]
    assert 'rel="prev"' not in first
    assert 'href="?q=like&amp;page=2"' in first
    assert 'href="?q=like&amp;page=1"' in second
    assert 'href="?q=like&amp;page=3"' in second
    assert len(names(client, q="like", page=3)) == 20
    assert len(names(client, q="like", page=99)) == 20
    assert len(names(client, q="like", page="x")) == 50


def test_a_providers_words_are_words_only(client: Browser, provider: Provider) -> None:
    hostile = '"><script>alert(1)</script>{{ 7|add:"7" }}'
    make_service(provider, name=hostile, category=f"c{hostile}")

    text = page(client, q='"><script>')

    assert "<script>alert" not in text
    assert '"><script>' not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7|add" in text


def test_queries_do_not_grow_with_services(client: Browser, provider: Provider) -> None:
    found = []
    for size in (10, 200):
        for number in range(size):
            make_service(provider, name=f"s {number}", category=f"c {number}")
        with CaptureQueriesContext(connection) as asked:
            page(client, q="s")
        found.append(len(asked))

    assert found == [5, 5]


def test_only_reads(client: Browser, db: None) -> None:
    assert client.post("/services/").status_code == 405
