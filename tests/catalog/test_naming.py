import pytest
from django.utils import translation

from accounts.models import User
from catalog.models import Category, Provider, Service
from catalog.naming import about, refresh_search_texts, title_of
from catalog.searching import matching
from tests.factories import credit, make_service, place
from tests.pages import Browser, text


@pytest.mark.parametrize(
    ("ru", "en", "language", "name"),
    [
        ("Имя", "Name", "ru", "Имя"),
        ("Имя", "Name", "en", "Name"),
        ("Имя", "Name", "en-gb", "Name"),
        ("Имя", "", "en", "Имя"),
        ("", "Name", "ru", "Name"),
        ("", "", "ru", "theirs"),
    ],
)
def test_the_readers_name_then_another_then_the_providers(ru: str, en: str, language: str, name: str) -> None:
    for thing in (Service(name="theirs"), Category(name="theirs")):
        thing.title_ru, thing.title_en = ru, en
        assert title_of(thing, language) == name
        with translation.override(language):
            assert title_of(thing) == name


def test_a_description_may_be_missing() -> None:
    assert about(Service(about_ru="О нём"), "en") == "О нём"
    assert about(Service(), "en") == ""


def test_customers_read_our_names_everywhere(provider: Provider, alice: User) -> None:
    credit(alice, 1000)
    category = Category.objects.create(name="their category", title_en="Our category")
    service = make_service(provider, name="their service", title_en="Our service", category=category)
    order = place(alice, service)
    browser = Browser(alice)
    for address in (
        "/services/",
        f"/services/{service.pk}/",
        f"/orders/new/?service={service.pk}",
        "/orders/",
        f"/orders/{order.pk}/",
    ):
        said = text(browser.get(address))
        assert "Our service" in said, address
        assert "their" not in said, address


def found(query: str) -> bool:
    return Service.objects.filter(matching(query)).exists()


def test_every_name_is_found(provider: Provider) -> None:
    category = Category.objects.create(name="one", title_ru="два", title_en="three")
    make_service(provider, name="four", title_ru="Пять", title_en="six", category=category)
    assert all(found(word) for word in ("one", "два", "three", "four", "пять", "six"))


def test_names_changed_in_bulk_are_found_once_refreshed(provider: Provider) -> None:
    one, _ = make_service(provider), make_service(provider, category="other")
    Service.objects.filter(pk=one.pk).update(title_en="Fresh")
    Category.objects.filter(name="other").update(title_ru="Новая")
    assert not found("fresh")

    assert refresh_search_texts(Service.objects.all()) == 2
    assert refresh_search_texts(Service.objects.all()) == 0

    assert found("fresh")
    assert found("новая")
