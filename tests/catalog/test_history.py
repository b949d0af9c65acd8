from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog import history
from catalog.history import Change, Field, note
from catalog.models import Provider, ServiceChange
from tests.factories import make_service

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.500000"), "1.50"),
        (Decimal("0.00001"), "0.00001"),
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (50_000, "50000"),
        ("Ж" * 600, "Ж" * 500),
        ("\"\\'; DROP TABLE", "\"\\'; DROP TABLE"),
    ],
)
def test_values_are_kept_as_text(provider: Provider, value: object, text: str) -> None:
    note([Change(make_service(provider).pk, Field.PRICE, value, value)])
    change = ServiceChange.objects.get()
    assert (change.old, change.new) == (text, text)


@pytest.mark.parametrize("field", list(Field))
def test_what_customers_may_know(provider: Provider, field: ServiceChange.Field) -> None:
    service = make_service(provider)
    note([Change(service.pk, field), Change(service.pk, field, is_offered=False)])
    public = field in {
        Field.ADDED,
        Field.LISTED,
        Field.NAME,
        Field.PRICE,
        Field.MIN_QUANTITY,
        Field.MAX_QUANTITY,
    }
    assert list(ServiceChange.objects.order_by("pk").values_list("is_public", flat=True)) == [public, False]


def test_who_and_when(provider: Provider, olga: User) -> None:
    note([Change(make_service(provider).pk, Field.HIDDEN, False, True)], at=NOW, actor=olga)
    change = ServiceChange.objects.get()
    assert (change.at, change.actor) == (NOW, olga)


def test_any_number_by_one_statement(provider: Provider) -> None:
    service = make_service(provider)
    for size, expected in ((0, 0), (1, 1), (3000, 1)):
        with CaptureQueriesContext(connection) as asked:
            note(Change(service.pk, Field.COST, Decimal(number), Decimal(1)) for number in range(size))
        assert len(asked) == expected
    assert ServiceChange.objects.count() == 3001


def test_what_is_old_is_swept_in_batches(provider: Provider, monkeypatch: Any) -> None:
    service = make_service(provider)
    for days in (0, 399, 401, 402, 403):
        note([Change(service.pk, Field.COST)], at=NOW - timedelta(days=days))
    monkeypatch.setattr(history, "SWEPT_AT_ONCE", 2)

    assert [history.sweep(now=NOW) for _ in range(3)] == [2, 1, 0]
    assert {NOW - change.at for change in ServiceChange.objects.all()} == {
        timedelta(0),
        timedelta(days=399),
    }
