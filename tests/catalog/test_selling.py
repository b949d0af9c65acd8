from itertools import product
from typing import Any

from accounts.models import User
from catalog.models import ON_SALE, BannedWords, Category, Provider, Service, ServiceChange
from catalog.selling import save_decisions, set_hidden, why_not_sold
from tests.factories import make_provider, make_service


def test_the_reason_agrees_with_the_rule(db: None) -> None:
    active, idle = make_provider(), make_provider(is_active=False)
    shown, hidden = Category.objects.create(name="a"), Category.objects.create(name="b", is_hidden=True)
    choices: dict[str, list[Any]] = {
        "provider": [active, idle],
        "category": [shown, hidden],
        "is_listed": [True, False],
        "is_hidden": [False, True],
        "held_text": ["", "odd"],
        "type": ["Default", "Package", "Poll"],
        "price": [1, None],
    }
    for values in product(*choices.values()):
        make_service(**dict(zip(choices, values, strict=True)))

    sold = set(Service.objects.filter(ON_SALE).values_list("pk", flat=True))

    assert len(sold) == 2
    for service in Service.objects.select_related("provider", "category"):
        assert (why_not_sold(service) == "") == (service.pk in sold)


def history(service: Service) -> list[tuple[str, str, str]]:
    return list(ServiceChange.objects.filter(service=service).values_list("field", "old", "new"))


def test_hiding_is_told_of_those_that_were_shown(provider: Provider, olga: User) -> None:
    one, hidden = make_service(provider), make_service(provider, is_hidden=True)

    assert set_hidden(Service.objects.all(), True, actor=olga) == 1
    assert set_hidden(Service.objects.filter(pk=one.pk), False, actor=olga) == 1

    assert history(one) == [("hidden", "yes", "no"), ("hidden", "no", "yes")]
    assert history(hidden) == []
    assert set(ServiceChange.objects.values_list("actor", "is_public")) == {(olga.pk, False)}


def test_a_decision_is_written_alone_and_told(provider: Provider, olga: User) -> None:
    service = make_service(provider, cost=100)
    Service.objects.update(cost=200)  # a sync, while the form was open
    service.is_hidden, service.title_en = True, "Good subscribers"

    save_decisions(service, ["is_hidden", "title_en"], actor=olga)

    service = Service.objects.get()
    assert (service.is_hidden, service.cost) == (True, 200)
    assert "good subscribers" in service.search_text
    assert history(service) == [("hidden", "no", "yes")]


def test_a_position_that_a_person_gave_stays(provider: Provider) -> None:
    service = make_service(provider)
    service.position = 7
    save_decisions(service, ["position"])
    assert Service.objects.filter(position=7, has_own_position=True).exists()


def test_a_name_that_a_person_gave_is_looked_at_for_banned_words(provider: Provider) -> None:
    BannedWords.objects.create(pattern="bingo*")
    service = make_service(provider)
    service.title_en = "Bingos"

    save_decisions(service, ["title_en"])
    assert "bingo*" in Service.objects.get().held_text

    service.title_en = "Dingos"
    save_decisions(service, ["title_en"])
    assert Service.objects.get().held_text == ""
