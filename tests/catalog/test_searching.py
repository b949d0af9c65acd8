import pytest

from catalog.models import Category, Provider, Service
from catalog.searching import matching
from tests.factories import make_service


def found(query: str) -> set[str]:
    return set(Service.objects.filter(matching(query)).values_list("name", flat=True))


@pytest.mark.parametrize(
    "query",
    [
        "ПОДПИСЧИКИ",
        "подписчики youtube",
        "YOUTUBE подпис",
        "тёплые",
        "ТЕПЛЫЕ",
        "100%",
        "follow_me",
        "ＹＯＵＴＵＢＥ",
        "",
        "\0",
        "me\0",
    ],
)
def test_finds(provider: Provider, query: str) -> None:
    make_service(provider, name="Тёплые Подписчики 100% follow_me", category="YouTube")

    assert found(query)


@pytest.mark.parametrize("query", ["подписчики tiktok", "1000%", "followXme", "%", "'", "\\"])
def test_finds_nothing(provider: Provider, query: str) -> None:
    make_service(provider, name="Тёплые Подписчики 100 follow_me", category="YouTube")

    assert not found(query)


def test_a_number_is_an_id_too(provider: Provider) -> None:
    one = make_service(provider, name="one")
    make_service(provider, name="other")

    assert found(str(one.pk)) == {"one"}
    assert found("9" * 200) == set()


def test_another_category_is_searched_at_once(provider: Provider) -> None:
    service = make_service(provider)
    service.category = Category.objects.create(name="Телеграм")
    service.save(update_fields=["category"])

    assert found("телеграм")


def test_a_flood_of_words_is_bounded(provider: Provider) -> None:
    make_service(provider, name="a")

    assert len(matching("a " * 5000)) == 10
