from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import syncing
from catalog.holding import hold
from catalog.models import (
    ON_SALE,
    CataloguePolicy,
    Category,
    ExchangeRate,
    PriceRule,
    Provider,
    Service,
    ServiceHold,
    SyncRun,
)
from catalog.syncing import sweep_runs, sync_catalog
from operations.models import Alert
from tests.catalog.conftest import Site, row
from tests.factories import make_provider, make_service
from tests.operations.reading import texts_within
from tests.upstream.scripted import answer

DONE, REFUSED, FAILED = SyncRun.Outcome.DONE, SyncRun.Outcome.REFUSED, SyncRun.Outcome.FAILED


def counts(run: SyncRun) -> dict[str, int]:
    names = ("new", "changed", "gone", "back", "unchanged")
    return {name: getattr(run, name) for name in names if getattr(run, name)}


def everything() -> list[dict[str, object]]:
    return list(Service.objects.order_by("pk").values())


def open_alerts(provider: Provider) -> list[str]:
    alerts = Alert.objects.filter(cause=f"provider:{provider.pk}", closed_at=None)
    return list(alerts.values_list("kind", flat=True))


def test_copies_what_the_document_shows(provider: Provider, site: Site) -> None:
    run = sync_catalog(provider)

    assert (run.outcome, counts(run)) == (DONE, {"new": 2})
    first, second = Service.objects.order_by("position")
    assert (first.name, first.category.name, first.type) == ("Service 1", "YouTube", "Default")
    assert (first.provider_service_id, first.cost, first.min_quantity, first.max_quantity) == (
        "1",
        90,
        100,
        50_000,
    )
    assert (second.name, second.cost, second.min_quantity) == ("Просмотры ТикТок", 100, 1000)
    assert first.price == Decimal(117)  # DEFAULT_MARKUP_PERCENT is 30
    assert Service.objects.filter(ON_SALE).count() == 2
    assert [(one.name, one.position) for one in Category.objects.all()] == [("YouTube", 1), ("ТикТок", 2)]


def test_once_more_the_same_catalogue_changes_nothing(provider: Provider) -> None:
    sync_catalog(provider)
    before = everything()

    with CaptureQueriesContext(connection) as asked:
        run = sync_catalog(provider)

    assert counts(run) == {"unchanged": 2}
    assert everything() == before
    written = [query["sql"] for query in asked if query["sql"].startswith(("INSERT", "UPDATE"))]
    assert [sql for sql in written if "catalog_service" in sql or "catalog_category" in sql] == []


def test_changes_follow_the_provider(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    ids = set(Service.objects.values_list("pk", flat=True))
    site.lists(
        row(2, name="New name", rate="200.5", max="7", min="1", category="Telegram", refill=True), row(1)
    )

    run = sync_catalog(provider)

    assert counts(run) == {"changed": 1, "unchanged": 1}  # the other one only moved
    assert set(Service.objects.values_list("pk", flat=True)) == ids
    changed = Service.objects.get(provider_service_id="2")
    assert (changed.name, changed.cost, changed.price) == ("New name", Decimal("200.5"), Decimal("260.65"))
    assert (changed.min_quantity, changed.max_quantity, changed.can_refill, changed.position) == (
        1,
        7,
        True,
        0,
    )
    assert changed.category.name == "Telegram"
    assert changed.search_text == "new name\ntelegram"
    assert Service.objects.get(provider_service_id="1").position == 1


def test_what_the_operator_decides_stays(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    service = Service.objects.get(provider_service_id="1")
    service.category = Category.objects.create(name="Ours")
    service.is_hidden, service.position, service.has_own_position = True, 77, True
    service.title_en, service.about_ru = "Ours too", "О нём"
    service.save()
    hold(service, ServiceHold.Kind.PROVIDER, "looks odd")
    site.lists(row(2), row(1, name="Another", category="Elsewhere"))

    sync_catalog(provider)

    service.refresh_from_db()
    assert (service.name, service.category.name, service.provider_category) == (
        "Another",
        "Ours",
        "Elsewhere",
    )
    assert (service.is_hidden, service.held_text) == (True, "looks odd")
    assert (service.title_en, service.about_ru, service.position) == ("Ours too", "О нём", 77)
    assert service.search_text == "another\nours\nours too"


def test_vanished_is_switched_off_and_comes_back(provider: Provider, site: Site) -> None:
    site.lists(*(row(number) for number in range(1, 6)))
    sync_catalog(provider)
    site.lists(*(row(number) for number in range(1, 5)))

    assert counts(sync_catalog(provider)) == {"gone": 1, "unchanged": 4}
    gone = Service.objects.get(provider_service_id="5")
    assert not gone.is_listed
    assert gone not in Service.objects.filter(ON_SALE)
    assert counts(sync_catalog(provider)) == {"unchanged": 4}

    site.lists(*(row(number) for number in range(1, 6)))
    assert counts(sync_catalog(provider)) == {"back": 1, "unchanged": 4}
    assert Service.objects.get(provider_service_id="5").pk == gone.pk


def test_a_row_that_cannot_be_read_any_more_is_not_sold(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    site.lists(row(1, min="a few"), row(2))

    run = sync_catalog(provider)

    assert run.outcome == DONE
    assert counts(run)["gone"] == 1
    assert not Service.objects.get(provider_service_id="1").is_listed
    assert [(skipped["position"], skipped["service"]) for skipped in run.skipped] == [(0, "1")]
    assert "min" in run.skipped[0]["reason"]


def test_skipped_rows_are_kept_within_bounds(provider: Provider, site: Site) -> None:
    site.lists(row("ok"), row(1), *(row(number, rate="x" * 5000) for number in range(2, 300)))

    run = sync_catalog(provider)

    assert len(run.skipped) == syncing.MAX_SKIPPED_KEPT
    assert all(len(str(skipped["reason"])) <= 200 for skipped in run.skipped)


def test_a_cost_beyond_what_is_kept_is_skipped(provider: Provider, site: Site) -> None:
    site.lists(row(1), row(2, rate="999999999999999"))

    run = sync_catalog(provider)

    assert counts(run) == {"new": 1}
    assert run.skipped[0]["reason"] == "rate is too large"


@pytest.mark.parametrize("sold", [1, 10])
def test_an_empty_catalogue_is_not_believed(provider: Provider, site: Site, sold: int) -> None:
    site.lists(*(row(number) for number in range(1, sold + 1)))
    sync_catalog(provider)
    before = everything()
    site.lists()

    for accept_shorter in (False, True):
        run = sync_catalog(provider, accept_shorter=accept_shorter)
        assert (run.outcome, run.text) == (REFUSED, "it is empty")
    assert everything() == before
    assert open_alerts(provider) == [Alert.Kind.CATALOGUE_REFUSED]


def test_a_catalogue_of_which_nothing_can_be_read_is_not_believed(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    before = everything()
    site.lists(row(1, rate="free"), row(2, rate="free"))

    assert sync_catalog(provider).text == "none of its 2 rows can be read"
    assert everything() == before


@pytest.mark.parametrize(("listed", "outcome"), [(7, DONE), (6, REFUSED)])
def test_a_much_shorter_catalogue_is_refused(
    provider: Provider, site: Site, listed: int, outcome: SyncRun.Outcome
) -> None:
    site.lists(*(row(number) for number in range(1, 11)))
    sync_catalog(provider)
    site.lists(*(row(number) for number in range(1, listed + 1)))

    assert sync_catalog(provider).outcome == outcome  # the policy's max_shrink_percent is 30
    assert Service.objects.filter(is_listed=True).count() == (listed if outcome == DONE else 10)


@pytest.mark.parametrize(("listed", "outcome"), [(1, DONE), (9, REFUSED)])
def test_how_much_shorter_is_the_operators_to_say(
    provider: Provider, site: Site, listed: int, outcome: SyncRun.Outcome
) -> None:
    CataloguePolicy.objects.create(max_shrink_percent=100 if outcome == DONE else 9)
    site.lists(*(row(number) for number in range(1, 11)))
    sync_catalog(provider)
    site.lists(*(row(number) for number in range(1, listed + 1)))

    assert sync_catalog(provider).outcome == outcome


def test_a_shorter_catalogue_is_taken_on_demand_and_the_alert_ends(provider: Provider, site: Site) -> None:
    site.lists(*(row(number) for number in range(1, 11)))
    sync_catalog(provider)
    site.lists(row(1))
    assert sync_catalog(provider).text == "it lists 1 services, and 10 are on the list now"
    assert texts_within(Alert.objects.get()) == [
        "it lists %(came)s services, and %(listed)s are on the list now"
    ]
    assert open_alerts(provider) == [Alert.Kind.CATALOGUE_REFUSED]

    run = sync_catalog(provider, accept_shorter=True)

    assert counts(run) == {"gone": 9, "unchanged": 1}
    assert open_alerts(provider) == []


def test_rows_that_cannot_be_read_count_as_there(provider: Provider, site: Site) -> None:
    site.lists(*(row(number) for number in range(1, 11)))
    sync_catalog(provider)
    site.lists(row(1), *(row(number, max="?") for number in range(2, 11)))

    assert counts(sync_catalog(provider)) == {"gone": 9, "unchanged": 1}


@pytest.mark.parametrize(
    "behave",
    [
        answer(b"<html><body>502 Bad Gateway</body></html>", status=502),
        answer(b"<html>Welcome!</html>"),
        answer(b'[{"service": 1, "name": "Serv'),
        answer(b""),
        answer({"error": "Something new"}),
        answer({"services": []}),
    ],
    ids=["502", "html", "cut", "nothing", "error", "no-list"],
)
def test_no_catalogue_changes_nothing(provider: Provider, site: Site, behave: object) -> None:
    sync_catalog(provider)
    before = everything()
    site.server.script["services"] = behave  # type: ignore[assignment]

    run = sync_catalog(provider)

    assert run.outcome == FAILED
    assert run.text.startswith("no catalogue came")
    assert texts_within(Alert.objects.get()) == ["no catalogue came: %(said)s (%(rule)s)"]
    assert everything() == before
    assert open_alerts(provider) == [Alert.Kind.CATALOGUE_REFUSED]
    site.lists(row(1), row(2))
    sync_catalog(provider)
    assert open_alerts(provider) == []


def test_a_provider_that_is_down_changes_nothing(provider: Provider, site: Site) -> None:
    sync_catalog(provider)
    before = everything()
    site.goes_down()

    assert sync_catalog(provider).outcome == FAILED
    assert everything() == before


def test_a_refused_key_halts(provider: Provider, site: Site) -> None:
    site.says("services", {"error": "Invalid API key"})

    run = sync_catalog(provider)

    provider.refresh_from_db()
    assert run.outcome == FAILED
    assert provider.halted_at is not None
    assert (provider.halt_rule, provider.halt_text) == ("key", "Invalid API key")
    assert open_alerts(provider) == [Alert.Kind.PROVIDER_HALTED]
    assert "k-e-y" not in run.text


def test_a_wait_paces_the_provider(provider: Provider, site: Site) -> None:
    site.says("services", b"", status=429, headers={"Retry-After": "600"})

    sync_catalog(provider)

    provider.refresh_from_db()
    assert provider.paced_until is not None
    assert provider.paced_until > datetime.now(UTC) + timedelta(seconds=590)


def test_types_that_are_not_sold_are_copied(provider: Provider, site: Site) -> None:
    site.lists(row(1, type="Custom Comments"), row(2, type="default"), row(3, type="PACKAGE"))

    sync_catalog(provider)

    assert [one.type for one in Service.objects.order_by("position")] == [
        "Custom Comments",
        "Default",
        "Package",
    ]
    assert Service.objects.filter(ON_SALE).count() == 2


def test_a_finer_cost_is_rounded_up(provider: Provider, site: Site) -> None:
    site.lists(row(1, rate="0.0000001"), row(2, rate="1.2345671"))

    sync_catalog(provider)

    assert [one.cost for one in Service.objects.order_by("position")] == [
        Decimal("0.000001"),
        Decimal("1.234568"),
    ]
    assert all(one.price is not None and one.price >= one.cost for one in Service.objects.all())


def test_prices_follow_rules_and_rates(site: Site, db: None) -> None:
    provider = make_provider(url=site.server.url, currency="USD")
    sync_catalog(provider)
    assert set(Service.objects.values_list("price", flat=True)) == {None}
    assert not Service.objects.filter(ON_SALE).exists()

    ExchangeRate.objects.create(currency="USD", rate=Decimal("80.5"))
    own = Service.objects.get(provider_service_id="1")
    PriceRule.objects.create(scope="service", service=own, percent=Decimal(0))
    PriceRule.objects.create(scope="everything", percent=Decimal(100))
    run = sync_catalog(provider)

    assert counts(run) == {"changed": 2}
    assert dict(Service.objects.values_list("provider_service_id", "price")) == {"1": 7245, "2": 16100}


def test_categories_keep_their_place_and_are_shared(provider: Provider, site: Site) -> None:
    Category.objects.create(name="ТикТок", position=7)
    other = make_provider(url=site.server.url)
    site.lists(row(1, category=""), row(2, category="ТикТок"), row(3, category="New"))

    sync_catalog(provider)
    sync_catalog(other)

    places = list(Category.objects.order_by("position").values_list("name", "position"))
    assert places == [("ТикТок", 7), ("Other", 8), ("New", 9)]
    assert Service.objects.filter(category__name="ТикТок").count() == 2


def test_an_older_answer_never_overwrites_a_newer_one(
    provider: Provider, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_ask = syncing.ask

    def overtaken_ask(*args: object) -> object:
        catalogue = plain_ask(*args)  # type: ignore[arg-type]
        monkeypatch.setattr(syncing, "ask", plain_ask)
        site.lists(row(1, name="newer"), row(2))
        assert sync_catalog(provider).outcome == DONE
        return catalogue

    monkeypatch.setattr(syncing, "ask", overtaken_ask)
    run = sync_catalog(provider)

    assert (run.outcome, run.text) == (REFUSED, "a run that began later was done first")
    assert Service.objects.get(provider_service_id="1").name == "newer"
    assert open_alerts(provider) == []


def test_an_answer_of_another_account_is_dropped(
    provider: Provider, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_ask = syncing.ask

    def ask_while_edited(*args: object) -> object:
        catalogue = plain_ask(*args)  # type: ignore[arg-type]
        fresh = Provider.objects.get(pk=provider.pk)
        fresh.key = "another"
        fresh.save()
        return catalogue

    monkeypatch.setattr(syncing, "ask", ask_while_edited)

    assert sync_catalog(provider).outcome == REFUSED
    assert not Service.objects.exists()


def test_old_runs_are_dropped(provider: Provider, site: Site) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    sync_catalog(provider, now=now)
    sync_catalog(provider, now=now + timedelta(days=89))

    assert sweep_runs(now=now + timedelta(days=91)) == 1
    assert SyncRun.objects.count() == 1


def test_a_held_or_hidden_service_is_not_on_sale(provider: Provider) -> None:
    make_service(provider, is_hidden=True)
    make_service(provider, held_text="odd")
    sold = make_service(provider)

    assert list(Service.objects.filter(ON_SALE)) == [sold]


@pytest.mark.django_db(transaction=True)
def test_runs_of_one_provider_at_once_write_one_row_per_service(site: Site) -> None:
    provider = make_provider(url=site.server.url)
    site.lists(*(row(number) for number in range(1, 101)))

    def run(_: int) -> str:
        try:
            return sync_catalog(Provider.objects.get(pk=provider.pk)).outcome
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = set(pool.map(run, range(4)))

    assert DONE in outcomes
    assert outcomes <= {DONE, REFUSED}  # refused: overtaken
    assert Service.objects.count() == 100
    assert sum(SyncRun.objects.values_list("new", flat=True)) == 100
