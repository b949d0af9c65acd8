from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.history import note
from catalog.holding import Hold, Kind, end_timed, hold, hold_in_bulk, let_go, tell_held
from catalog.models import ON_SALE, Provider, Service, ServiceChange, ServiceHold
from operations.models import Alert
from operations.wording import Words
from tests.factories import make_service
from tests.interrupting import overtaking
from tests.operations.reading import texts_within

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def held_text(service: Service) -> str:
    return Service.objects.get(pk=service.pk).held_text


def open_causes() -> set[str]:
    alerts = Alert.objects.filter(kind=Alert.Kind.SERVICE_STOPPED, closed_at=None)
    return set(alerts.values_list("cause", flat=True))


def history(service: Service) -> list[tuple[str, str, str, bool]]:
    changes = ServiceChange.objects.filter(service=service).order_by("pk")
    return list(changes.values_list("field", "old", "new", "is_public"))


def test_a_hold_stops_a_service_and_tells_staff(provider: Provider) -> None:
    service, other = make_service(provider), make_service(provider)

    assert hold(service, Kind.PROVIDER, "it charged too much")

    assert list(Service.objects.filter(ON_SALE)) == [other]
    assert held_text(service) == "it charged too much"
    assert open_causes() == {f"service:{service.pk}"}
    assert history(service) == [("held", "", "it charged too much", False)]


def test_a_cause_of_ours_is_told_in_the_readers_language(provider: Provider) -> None:
    service = make_service(provider)
    hold(service, Kind.PROVIDER, Words("It asks %(cost)s", {"cost": 7}))

    assert held_text(service) == "It asks 7"
    assert history(service) == [("held", "", "It asks 7", False)]
    assert texts_within(Alert.objects.get()) == ["It asks %(cost)s"]


def test_a_hold_of_the_same_kind_is_brought_up_to_date(provider: Provider) -> None:
    service = make_service(provider)
    hold(service, Kind.PROVIDER, "one", until=NOW)

    assert not hold(service, Kind.PROVIDER, "another")

    assert held_text(service) == "another"
    assert ServiceHold.objects.get().until is None
    assert Alert.objects.get().times == 1
    assert len(history(service)) == 1


def test_a_text_that_is_too_long_is_cut(provider: Provider) -> None:
    service = make_service(provider)
    hold(service, Kind.PROVIDER, "x" * 1000)
    assert held_text(service) == "x" * 300


def test_the_oldest_of_several_is_shown_and_the_last_one_frees(provider: Provider, olga: User) -> None:
    service = make_service(provider)
    hold(service, Kind.PROVIDER, "first", at=NOW)
    hold(service, Kind.COST, "second", at=NOW + timedelta(hours=1))
    assert held_text(service) == "first"

    assert let_go(service, Kind.PROVIDER, actor=olga)
    assert held_text(service) == "second"
    assert open_causes() == {f"service:{service.pk}"}

    assert let_go(service, actor=olga)
    assert held_text(service) == ""
    assert open_causes() == set()
    ended = ServiceChange.objects.filter(new="")
    assert set(ended.values_list("old", "actor")) == {("first", olga.pk), ("second", olga.pk)}
    assert not let_go(service)


def test_letting_go_of_another_kind_does_nothing(provider: Provider) -> None:
    service = make_service(provider)
    hold(service, Kind.PROVIDER, "why")
    assert not let_go(service, Kind.COST)
    assert (held_text(service), len(history(service))) == ("why", 1)


def test_what_was_new_is_news_once_somebody_looked(provider: Provider) -> None:
    shown, hidden = make_service(provider), make_service(provider, is_hidden=True)
    for service in (shown, hidden):
        hold(service, Kind.NEW, "new")
        let_go(service)
    assert [change[-1] for change in history(shown) if change[0] == "added"] == [True]
    assert [change[-1] for change in history(hidden) if change[0] == "added"] == [False]


def test_timed_holds_end_by_themselves(provider: Provider) -> None:
    ends, stays, later = (make_service(provider) for _ in range(3))
    hold(ends, Kind.FAILING, "for an hour", until=NOW + timedelta(hours=1))
    hold(stays, Kind.FAILING, "for an hour", until=NOW + timedelta(hours=1))
    hold(stays, Kind.COST, "until somebody looks")
    hold(later, Kind.FAILING, "for a day", until=NOW + timedelta(days=1))

    assert end_timed(now=NOW + timedelta(minutes=59)) == 0
    assert end_timed(now=NOW + timedelta(hours=1)) == 2

    assert held_text(ends) == ""
    assert held_text(stays) == "until somebody looks"
    assert held_text(later) == "for a day"
    assert open_causes() == {f"service:{stays.pk}", f"service:{later.pk}"}


def test_a_hold_that_was_made_longer_since_it_was_found_stays(provider: Provider) -> None:
    service = make_service(provider)
    hold(service, Kind.FAILING, "longer now", until=NOW + timedelta(days=1))
    assert not let_go(service, Kind.FAILING, ended_by=NOW)
    assert held_text(service) == "longer now"


def put_on(services: list[Service], kind: ServiceHold.Kind = Kind.COST, text: str = "dearer") -> None:
    note(hold_in_bulk([Hold(one.pk, kind, text) for one in services], at=NOW), at=NOW)


def test_many_are_held_by_a_few_statements(provider: Provider) -> None:
    found = []
    for size in (10, 200):
        services = [make_service(provider) for _ in range(size)]
        with CaptureQueriesContext(connection) as asked:
            put_on(services)
        found.append(len(asked))
        assert {held_text(one) for one in services} == {"dearer"}
    assert found == [4, 4]


def test_a_bulk_hold_keeps_what_was_there(provider: Provider) -> None:
    service = make_service(provider)
    hold(service, Kind.PROVIDER, "before", at=NOW - timedelta(days=1))
    put_on([service])
    put_on([service], text="dearer still")
    assert held_text(service) == "before"
    assert ServiceHold.objects.get(kind=Kind.COST).text == "dearer still"


def test_what_is_freed_in_bulk_is_told(provider: Provider) -> None:
    service, other = make_service(provider), make_service(provider)
    put_on([service, other], Kind.WORDS, "words")
    put_on([service], Kind.COST, "dearer")

    note(hold_in_bulk([], at=NOW, freed=[service.pk, other.pk]), at=NOW)

    assert (held_text(service), held_text(other)) == ("dearer", "")
    assert history(other) == [("held", "", "words", False), ("held", "words", "", False)]


@pytest.mark.parametrize("kind", list(Kind))
def test_one_alert_for_all_that_are_held_together(provider: Provider, kind: ServiceHold.Kind) -> None:
    services = [make_service(provider, name=f"s {number} 100%") for number in range(7)]
    put_on(services, kind)
    tell_held(provider, [(kind, one.name) for one in services])
    assert open_causes() == {f"provider:{provider.pk}:{kind}"}
    alert = Alert.objects.get()
    assert alert.params["count"] == "7"
    assert alert.params["names"].endswith("s 4 100%, …")
    assert alert.text % alert.params

    for service in services[:-1]:
        let_go(service)
    assert open_causes()
    let_go(services[-1])
    assert open_causes() == set()


# --- Beside somebody who lets go --------------------------------------------------------------------------


@transaction.atomic
def in_bulk(put: list[Hold], freed: list[int]) -> None:
    note(hold_in_bulk(put, at=NOW, freed=freed), at=NOW)


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
def test_what_is_freed_in_bulk_does_not_undo_a_let_go_meanwhile(provider: Provider) -> None:
    service = make_service(provider)
    in_bulk([Hold(service.pk, Kind.WORDS, "words")], [])
    hold(service, Kind.COST, "dearer", at=NOW - timedelta(days=1))

    outcomes = overtaking(
        lambda: let_go(service, Kind.COST),
        lambda: in_bulk([], [service.pk]),
        before='INSERT INTO "catalog_servicechange"',  # it is let go, and not committed yet
    )

    assert outcomes == [True, None]
    assert held_text(service) == ""
    assert not ServiceHold.objects.exists()
    assert list(Service.objects.filter(ON_SALE)) == [service]


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
def test_what_is_held_in_bulk_does_not_say_what_was_let_go_meanwhile(provider: Provider) -> None:
    service = make_service(provider)
    hold(service, Kind.PROVIDER, "let go", at=NOW - timedelta(days=1))
    in_bulk([Hold(service.pk, Kind.COST, "dearer")], [])

    outcomes = overtaking(
        lambda: let_go(service, Kind.PROVIDER),
        lambda: in_bulk([Hold(service.pk, Kind.COST, "dearer still")], []),
        before='INSERT INTO "catalog_servicechange"',
    )

    assert outcomes == [True, None]
    assert held_text(service) == "dearer still"


@pytest.mark.needs_postgres
@pytest.mark.django_db(transaction=True)
def test_holding_in_bulk_and_letting_go_do_not_wait_for_each_other(provider: Provider) -> None:
    service = make_service(provider)
    in_bulk([Hold(service.pk, Kind.COST, "dearer")], [])

    outcomes = overtaking(
        lambda: let_go(service),
        lambda: in_bulk([Hold(service.pk, Kind.COST, "dearer still")], []),
        before='DELETE FROM "catalog_servicehold"',
    )

    assert outcomes == [True, None]
    assert held_text(service) == "dearer still"  # it rose once more since somebody looked
