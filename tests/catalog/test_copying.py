import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.banning import save_words
from catalog.copying import copy_rows
from catalog.holding import Kind, hold, let_go
from catalog.models import (
    ON_SALE,
    BannedWords,
    CataloguePolicy,
    Category,
    PriceRule,
    Provider,
    Service,
    ServiceChange,
    ServiceHold,
)
from catalog.pricing import reprice
from catalog.syncing import sync_catalog
from operations.models import Alert
from tests.catalog.conftest import Site, row
from tests.factories import make_provider
from upstream.answers import ServiceRow

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def rows_of(size: int, **fields: Any) -> list[ServiceRow]:
    plain = {
        "type": "Default",
        "rate": Decimal(90),
        "min": 100,
        "max": 50_000,
        "refill": None,
        "cancel": True,
        "dripfeed": None,
    }
    return [
        ServiceRow(
            service_id=str(number),
            name=f"Подписчики {number}",
            category=f"c {number % 300}",
            **plain | fields,
        )
        for number in range(size)
    ]


def told(field: str | None = None) -> list[tuple[str, str, str, str, bool]]:
    changes = ServiceChange.objects.order_by("pk")
    if field:
        changes = changes.filter(field=field)
    return list(changes.values_list("service__provider_service_id", "field", "old", "new", "is_public"))


def the(service_id: int | str) -> Service:
    return Service.objects.get(provider_service_id=str(service_id))


# --- History ----------------------------------------------------------------------------------------------


def test_a_providers_first_catalogue_is_no_news(provider: Provider) -> None:
    sync_catalog(provider)
    assert told() == []


def test_what_changed_is_told(provider: Provider, site: Site) -> None:
    site.lists(row(1), row(2), row(3), row(4))
    sync_catalog(provider)
    changed = row(1, name="Renamed", rate="100", min="1", max="7", type="Package")
    site.lists(changed, row(2), row(3), row(5, name="Another"))

    sync_catalog(provider)

    assert told() == [
        ("1", "name", "Service 1", "Renamed", True),
        ("1", "cost", "90.00", "100.00", False),
        ("1", "price", "117.00", "130.00", True),
        ("1", "min", "100", "1", True),
        ("1", "max", "50000", "7", True),
        ("1", "type", "Default", "Package", False),
        ("4", "listed", "yes", "no", True),
        ("5", "added", "", "Another", True),
    ]
    site.lists(changed, row(2), row(3), row(4), row(5))
    sync_catalog(provider)
    assert ("4", "listed", "no", "yes", True) in told()


def test_once_more_the_same_tells_nothing(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    site.lists(row(2, name="Просмотры ТикТок", category="ТикТок", rate="100", min="1.000"), row(1))
    sync_catalog(provider)  # in another order
    sync_catalog(provider)
    assert told() == []


@pytest.mark.parametrize("why", ["hidden", "category", "type", "held"])
def test_customers_learn_nothing_of_what_they_do_not_see(provider: Provider, site: Site, why: str) -> None:
    site.lists(row(1, type="Poll" if why == "type" else "Default"), row(2), row(3), row(4))
    sync_catalog(provider)
    Service.objects.filter(provider_service_id="1").update(is_hidden=why == "hidden")
    Category.objects.update(is_hidden=why == "category")
    if why == "held":
        hold(the(1), Kind.PROVIDER, "odd")
    site.lists(
        row(1, rate="95", name="x", type="Poll" if why == "type" else "Default"), row(2), row(3), row(4)
    )

    sync_catalog(provider)

    assert {change[-1] for change in told() if change[0] == "1"} == {False}


def test_a_name_that_is_ours_is_not_told_in_the_providers_words(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    Service.objects.update(title_ru="Наше имя")
    site.lists(row(1, name="Another"), row(2))

    sync_catalog(provider)

    assert [change[-1] for change in told("name")] == [False, False]


# --- Guards -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "held"), [("135", False), ("135.000001", True), ("900", True), ("1", False)]
)
def test_a_cost_that_jumps_holds_its_service(provider: Provider, site: Site, rate: str, held: bool) -> None:
    sync_catalog(provider)
    site.lists(row(1, rate=rate), row(2, rate="100"))

    run = sync_catalog(provider)

    assert run.held == held
    service = the(1)
    assert bool(service.held_text) == held
    assert service.cost == Decimal(rate)  # what is confirmed is what is shown
    assert service.price is not None
    assert service.price >= service.cost
    assert Alert.objects.filter(closed_at=None).exists() == held


def test_the_hold_says_what_jumped_until_somebody_confirms(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    site.lists(row(1, rate="180"), row(2))
    sync_catalog(provider)
    assert the(1).held_text == "Its cost per 1000 rose from 90.00 to 180.00 RUB."
    assert told("held") == [("1", "held", "", the(1).held_text, False)]
    assert Alert.objects.get().cause == f"provider:{provider.pk}:cost"

    assert sync_catalog(provider).held == 0
    assert the(1).held_text
    let_go(the(1))
    assert sync_catalog(provider).held == 0

    assert the(1) in Service.objects.filter(ON_SALE)
    assert not Alert.objects.filter(closed_at=None).exists()


def test_a_second_jump_is_what_the_hold_says(provider: Provider, site: Site) -> None:
    for rate in ("90", "180", "540"):
        site.lists(row(1, rate=rate), row(2))
        sync_catalog(provider)
    assert the(1).held_text == "Its cost per 1000 rose from 180.00 to 540.00 RUB."


def test_how_far_a_cost_may_jump_is_the_operators_to_say(provider: Provider, site: Site) -> None:
    CataloguePolicy.objects.create(max_cost_jump_percent=0)
    sync_catalog(provider)
    site.lists(row(1, rate="90.000001"), row(2))
    assert sync_catalog(provider).held == 1


def test_new_services_wait_for_a_look_where_the_provider_is_set_so(site: Site, db: None) -> None:
    provider = make_provider(url=site.server.url)
    sync_catalog(provider)
    Provider.objects.update(new_services=Provider.NewServices.LOOK)
    site.lists(row(1), row(2), row(3))

    run = sync_catalog(provider)

    assert (run.new, run.held) == (1, 1)
    assert ServiceHold.objects.get().kind == Kind.NEW
    assert the(3) not in Service.objects.filter(ON_SALE)
    assert told("added") == [("3", "added", "", "Service 3", False)]
    let_go(the(3))
    assert sync_catalog(provider).held == 0
    assert told("added")[-1] == ("3", "added", "", "Service 3", True)


def test_banned_words_hold_what_comes_and_what_is_renamed(provider: Provider, site: Site) -> None:
    save_words(BannedWords(pattern="bingo*"))
    site.lists(row(1, name="Bingo likes"), row(2), row(3, category="Bingos"))
    assert sync_catalog(provider).held == 2
    site.lists(row(1, name="Good likes"), row(2, name="A bingo"), row(3, category="Bingos"))

    assert sync_catalog(provider).held == 1

    assert [bool(the(number).held_text) for number in (1, 2, 3)] == [False, True, True]
    let_go(the(2))
    assert sync_catalog(provider).held == 0  # its name is the one that a person has looked at
    assert the(2).held_text == ""


def test_other_holds_outlive_a_good_name(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    hold(the(1), Kind.PROVIDER, "odd")
    site.lists(row(1, name="Another"), row(2))
    sync_catalog(provider)
    assert the(1).held_text == "odd"


def test_a_loss_is_held_and_ends_with_it(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    PriceRule.objects.create(scope="service", service=the(1), fixed_price=Decimal(100))
    reprice()
    site.lists(row(1, rate="101"), row(2))

    sync_catalog(provider)

    assert ServiceHold.objects.get().kind == Kind.LOSS
    site.lists(row(1, rate="99"), row(2))
    sync_catalog(provider)
    assert not ServiceHold.objects.exists()
    assert the(1) in Service.objects.filter(ON_SALE)


# --- Cost of it -------------------------------------------------------------------------------------------


def statements(provider: Provider, rows: Iterable[ServiceRow]) -> int:
    with CaptureQueriesContext(connection) as asked:
        copy_rows(provider, list(rows), now=timezone.now())
    return len(asked)


def test_at_most_fifteen_statements_whatever_the_number_of_services(db: None) -> None:
    save_words(BannedWords(pattern="bingo"))
    found = []
    for size in (20, 2000):
        provider = make_provider(new_services=Provider.NewServices.LOOK)
        rows = [replace(one, category=f"{size} {one.category}") for one in rows_of(size)]
        first = statements(provider, rows)
        same = statements(provider, rows)
        half = size // 2
        dearer = [replace(one, rate=Decimal(900), name=f"{one.name} bingo") for one in rows[half:]]
        new = [replace(one, service_id=f"new {one.service_id}", category=f"new {size}") for one in rows[:3]]
        moved = rows[5:half]  # five of them are gone
        found.append((first, same, statements(provider, [*new, *dearer, *moved])))
    assert found[0] == found[1]
    assert max(found[0]) <= 15
    assert found[0][1] <= 8


def test_a_whole_run_is_as_few(provider: Provider, site: Site) -> None:
    found = []
    for rate in ("90", "90", "95"):
        site.lists(*(row(number, rate=rate) for number in range(300)))
        with CaptureQueriesContext(connection) as asked:
            sync_catalog(provider)
        found.append(len(asked))
    assert max(found) <= 15, found


def test_memory_stays_within_bounds(db: None) -> None:
    provider, rows = make_provider(), rows_of(10_000)
    again = [replace(one, rate=Decimal(200)) for one in rows]
    copy_rows(provider, rows, now=NOW)
    tracemalloc.start()
    try:
        copy_rows(provider, again, now=NOW)  # each is written, told twice and held
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ServiceHold.objects.count() == 10_000
    assert peak < 80 * 2**20
