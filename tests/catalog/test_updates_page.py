from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from catalog import news
from catalog.history import Change, Field, note
from catalog.holding import Kind, hold
from catalog.models import Category, Provider, Service
from tests.factories import make_service
from tests.pages import Browser, html, queries_of, text

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


def page(language: str = "en", **query: object) -> str:
    return text(Browser(language=language).get("/updates/", query))


@pytest.mark.parametrize(
    ("field", "old", "new", "said"),
    [
        (Field.ADDED, "", "x", "New"),
        (Field.LISTED, True, False, "Not sold any more"),
        (Field.LISTED, False, True, "Sold again"),
        (Field.PRICE, Decimal(130), Decimal("1300.5"), "Dearer before: 130.00 RUB → now: 1,300.50 RUB"),
        (Field.PRICE, Decimal(130), Decimal(129), "Cheaper before: 130.00 RUB → now: 129.00 RUB"),
        (Field.PRICE, Decimal(130), None, "Not sold any more"),
        (Field.PRICE, None, Decimal(130), "Sold again 130.00 RUB"),
        (Field.NAME, "Old", "New one", "Renamed before: Old → now: New one"),
        (Field.MIN_QUANTITY, 100, 1000, "Least quantity before: 100 → now: 1,000"),
        (Field.MAX_QUANTITY, 50_000, 10, "Greatest quantity before: 50,000 → now: 10"),
    ],
)
def test_says_what_happened(provider: Provider, field: Any, old: object, new: object, said: str) -> None:
    service = make_service(provider)
    note([Change(service.pk, field, old, new)], at=NOW)

    answer = Browser().get("/updates/")

    assert said in text(answer)
    assert f'href="/services/{service.pk}/"' in html(answer)
    assert "2026-05-01 12:30:00 UTC" in html(answer)


@pytest.mark.parametrize("field", [Field.COST, Field.TYPE, Field.HELD, Field.HIDDEN])
def test_costs_and_reasons_are_nobodys_business(provider: Provider, field: Any) -> None:
    note([Change(make_service(provider).pk, field, "secret", "secret")])
    assert "secret" not in page()
    assert "Nothing has changed yet" in page()


@pytest.mark.parametrize("why", ["hidden", "category", "held", "idle"])
def test_what_is_not_offered_any_more_is_not_told(provider: Provider, why: str) -> None:
    service = make_service(provider, name="a secret")
    note([Change(service.pk, Field.ADDED)])
    assert "a secret" in page()

    Service.objects.update(is_hidden=why == "hidden")
    Category.objects.update(is_hidden=why == "category")
    Provider.objects.update(is_active=why != "idle")
    if why == "held":
        hold(service, Kind.WORDS, "words")

    assert "a secret" not in page()


def test_names_are_in_the_readers_language(provider: Provider) -> None:
    note([Change(make_service(provider, title_ru="Наше имя", title_en="Our name").pk, Field.ADDED)])
    assert "Our name" in page("en")
    assert "Наше имя" in page("ru")


def test_pages_go_back_without_a_gap(provider: Provider, monkeypatch: Any) -> None:
    monkeypatch.setattr(news, "PAGE", 3)
    monkeypatch.setattr("catalog.views.PAGE", 3)
    services = [make_service(provider, name=f"service {number};") for number in range(7)]
    note([Change(one.pk, Field.ADDED) for one in services])

    seen, query = [], ""
    while True:
        answer = Browser().get(f"/updates/{query}")
        seen += [one.service.name for one in answer.context["news"]]
        if answer.context["older"] is None:
            break
        query = f"?before={answer.context['older']}"
        assert query in html(answer)

    assert seen == [f"service {number};" for number in range(6, -1, -1)]
    assert "There is nothing older" in page(before=1)
    assert page(before="nonsense") == page(before="9" * 40) == page()


def test_hostile_names_are_words(provider: Provider) -> None:
    service = make_service(provider, name="<script>alert(1)</script>")
    note([Change(service.pk, Field.NAME, "<b>", "<script>alert(1)</script>")])
    assert "<script>alert" not in Browser().get("/updates/").content.decode()


def test_queries_do_not_grow_with_changes(provider: Provider) -> None:
    found = []
    for size in (10, 200):
        for number in range(size):
            note(
                [
                    Change(
                        make_service(provider, category=f"c {number}").pk, Field.PRICE, Decimal(1), Decimal(2)
                    )
                ]
            )
        found.append(queries_of(lambda: Browser().get("/updates/")))
    assert found[0] == found[1] <= 5


@pytest.mark.needs_postgres
def test_the_page_reads_its_index(provider: Provider) -> None:
    service = make_service(provider)
    note(Change(service.pk, Field.COST) for _ in range(20_000))
    note(Change(service.pk, Field.ADDED) for _ in range(100))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    changes = news.ServiceChange.objects.filter(news.SEEN, is_public=True).order_by("-pk")[: news.PAGE]
    assert "catalog_change_public" in changes.explain()


def test_only_reads(db: None) -> None:
    assert Browser().post("/updates/").status_code == 405
