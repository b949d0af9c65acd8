from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from catalog.history import Change, Field, note
from catalog.holding import Kind, hold
from catalog.models import Category, PriceRule, Provider, Service, ServiceHold
from tests.factories import make_service
from tests.pages import Browser, html, queries_of, text


def page(service: Service, **browser: Any) -> str:
    return text(Browser(**browser).get(f"/services/{service.pk}/"))


def test_shows_a_service_and_how_to_order_it(provider: Provider) -> None:
    service = make_service(provider, about_en="Line one\n\n<b>Line two</b>", min_quantity=1000)
    note([Change(service.pk, Field.PRICE, Decimal(100), Decimal(130))])

    answer = Browser().get(f"/services/{service.pk}/")

    for part in (
        "Подписчики YouTube",
        "130.00 RUB",
        "1,000",
        "50,000",
        "Line one",
        "<b>Line two</b>",
        "Dearer",
    ):
        assert part in text(answer) + html(answer)
    assert "<b>Line" not in answer.content.decode()
    assert f'href="/orders/new/?service={service.pk}"' in html(answer)


def test_the_price_is_the_readers_own(provider: Provider, alice: User, boris: User) -> None:
    service = make_service(provider)
    PriceRule.objects.create(scope="service", service=service, customer=alice, percent=Decimal(5))
    assert "105.00 RUB" in page(service, user=alice)
    assert "130.00 RUB" in page(service, user=boris)


def test_names_and_texts_in_the_readers_language(provider: Provider) -> None:
    service = make_service(provider, title_ru="Имя", title_en="Name", about_ru="О нём", about_en="About it")
    assert "About it" in page(service, language="en")
    assert "Имя" in page(service, language="ru")
    assert "О нём" in page(service, language="ru")


@pytest.mark.parametrize("why", ["gone", "no price", "held"])
def test_what_is_not_sold_now_is_said(provider: Provider, why: str) -> None:
    service = make_service(provider, is_listed=why != "gone", price=None if why == "no price" else 130)
    if why == "held":
        hold(service, Kind.COST, "a secret reason")

    said = page(service)

    assert "This service is not sold now." in said
    assert "secret" not in said
    assert "130.00" not in said
    assert "/orders/new/?service" not in html(Browser().get(f"/services/{service.pk}/"))


@pytest.mark.parametrize("why", ["hidden", "category", "type", "idle", "new", "words"])
def test_what_nobody_may_read_of_is_not_there(provider: Provider, why: str) -> None:
    service = make_service(provider, type="Poll" if why == "type" else "Default", is_hidden=why == "hidden")
    Category.objects.update(is_hidden=why == "category")
    Provider.objects.update(is_active=why != "idle")
    if why in ("new", "words"):
        hold(service, ServiceHold.Kind(why), "why")

    assert Browser().get(f"/services/{service.pk}/").status_code == 404


@pytest.mark.parametrize("number", [0, 2**63 - 1, 2**63, 10**40])
def test_what_does_not_exist(db: None, number: int) -> None:
    assert Browser().get(f"/services/{number}/").status_code == 404


def test_queries_do_not_grow_with_history(provider: Provider) -> None:
    service, found = make_service(provider), []
    for size in (5, 100):
        note([Change(service.pk, Field.PRICE, Decimal(1), Decimal(2)) for _ in range(size)])
        found.append(queries_of(lambda: Browser().get(f"/services/{service.pk}/")))
    assert found[0] == found[1] <= 6


def test_only_reads(provider: Provider) -> None:
    assert Browser().post(f"/services/{make_service(provider).pk}/").status_code == 405
