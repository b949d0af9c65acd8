from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog.models import Category, Provider, Service, ServiceChange, ServiceHold
from catalog.recordsets import delete, ids, insert, update
from tests.factories import make_service

NOW = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
TEXT = "Ж \"quoted\" 'single' \\ % %s 50% \n \U0001f600"


def test_values_arrive_as_they_were(provider: Provider) -> None:
    category = Category.objects.create(name="c")
    given = ("7", TEXT, Decimal("123456.000001"), None, 2**62, True, None)
    ((pk,),) = insert(
        Service,
        ("provider_service_id", "name", "cost", "price", "max_quantity", "is_hidden", "can_refill"),
        [given],
        same={"provider_id": provider.pk, "category_id": category.pk, "changed_at": NOW, "min_quantity": 1},
        returning=("pk",),
    )
    service = Service.objects.get(pk=pk)
    assert (service.provider_service_id, service.name, service.cost, service.price) == given[:4]
    assert (service.max_quantity, service.is_hidden, service.can_refill) == given[4:]
    assert (service.changed_at, service.title_ru, service.is_listed) == (NOW, "", True)  # defaults


def test_any_number_is_one_statement(provider: Provider) -> None:
    with CaptureQueriesContext(connection) as asked:
        returned = insert(Category, ("name",), [(str(n),) for n in range(5000)], returning=("pk", "name"))
        update(Category, ("position", "name"), [(pk, int(name), f"n {name}") for pk, name in returned])
        assert Category.objects.filter(pk__in=ids(pk for pk, _ in returned)).count() == 5000
    assert len(asked) == 3
    assert set(Category.objects.values_list("name", "position")) == {(f"n {n}", n) for n in range(5000)}


def test_times_and_amounts_are_updated(provider: Provider) -> None:
    service, other = make_service(provider), make_service(provider)
    update(Service, ("cost", "price", "changed_at"), [(service.pk, Decimal("0.000001"), None, NOW)])
    service.refresh_from_db()
    assert (service.cost, service.price, service.changed_at) == (Decimal("0.000001"), None, NOW)
    other.refresh_from_db()
    assert other.cost == 100


def test_nothing_is_no_statement(db: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert insert(Category, ("name",), [], returning=("pk",)) == []
        update(Category, ("name",), [])
    assert len(asked) == 0


def test_what_is_deleted_is_returned_and_the_rest_stays(provider: Provider) -> None:
    services = [make_service(provider, held_text=TEXT) for _ in range(3)]
    ServiceHold.objects.create(service=services[0], kind="cost", text="of another kind")

    with CaptureQueriesContext(connection) as asked:
        gone = delete(
            ServiceHold,
            "service_id",
            [services[0].pk, services[1].pk],
            same={"kind": "provider"},
            returning=("service_id", "text"),
        )

    assert len(asked) == 1
    assert sorted(gone) == [(services[0].pk, TEXT), (services[1].pk, TEXT)]
    left = ServiceHold.objects.order_by("service_id").values_list("service_id", "kind")
    assert list(left) == [(services[0].pk, "cost"), (services[2].pk, "provider")]


def test_the_databases_rules_hold(provider: Provider) -> None:
    service = make_service(provider)
    with pytest.raises(IntegrityError), transaction.atomic():
        update(Service, ("cost",), [(service.pk, Decimal(-1))])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(Category, ("name",), [("twice",), ("twice",)])


@pytest.mark.needs_postgres
def test_what_is_too_long_is_refused_and_not_cut(provider: Provider) -> None:
    with pytest.raises(DataError), transaction.atomic():
        insert(Category, ("name",), [("x" * 301,)])


def test_a_conflict_is_what_is_said(provider: Provider) -> None:
    service = make_service(provider, held_text="before")
    insert(
        ServiceHold,
        ("service_id", "kind", "text"),
        [(service.pk, "provider", "after")],
        on_conflict="(service_id, kind) DO UPDATE SET text = excluded.text",
    )
    assert ServiceHold.objects.get().text == "after"


@pytest.mark.parametrize("value", [1.5, object(), b"x"])
def test_other_values_are_refused(provider: Provider, value: object) -> None:
    service = make_service(provider)
    with pytest.raises(TypeError):
        insert(ServiceChange, ("service_id", "field", "old"), [(service.pk, "cost", value)])
