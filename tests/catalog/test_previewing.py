"""What a rule would change, before it is saved or dropped."""

from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import CustomerGroup, User
from catalog.models import PriceRule, Provider, Service
from catalog.previewing import preview
from catalog.pricing import save_rule
from tests.factories import make_provider, make_service


def everything(**terms: object) -> PriceRule:
    return PriceRule(scope="everything", **terms)


def test_how_many_change_and_by_how_much(provider: Provider) -> None:
    cheap = make_service(provider, name="cheap", cost=Decimal(10), price=Decimal(13))
    dear = make_service(provider, name="dear")
    own = make_service(provider, price=Decimal(110))
    gone = make_service(provider, is_listed=False)
    save_rule(PriceRule(scope="service", service=own, percent=Decimal(10)))

    would = preview(everything(percent=Decimal(20), amount=Decimal(2)))

    assert (would.services, would.changed) == (3, 2)
    assert (would.least_percent, would.greatest_percent) == (Decimal("-6.15"), Decimal("7.69"))
    assert [(row.service_id, row.name, row.old, row.new, row.percent) for row in would.rows] == [
        (cheap.pk, "cheap", 13, 14, Decimal("7.69")),
        (dear.pk, "dear", 130, 122, Decimal("-6.15")),
    ]
    assert (would.losing, would.losing_count) == ((), 0)
    assert PriceRule.objects.count() == 1
    assert Service.objects.get(pk=gone.pk).price == 130


def test_dropping_shows_what_applies_then(provider: Provider) -> None:
    service = make_service(provider, price=Decimal(110))
    rule = save_rule(PriceRule(scope="service", service=service, percent=Decimal(10)))

    would = preview(rule, dropped=True)

    assert [(row.old, row.new) for row in would.rows] == [(110, 130)]
    assert PriceRule.objects.exists()


def test_a_customers_rule_is_compared_with_what_they_pay_now(provider: Provider, alice: User) -> None:
    make_service(provider)
    alice.customer_group = CustomerGroup.objects.create(name="Resellers")
    alice.save()
    save_rule(everything(group=alice.customer_group, percent=Decimal(20)))

    would = preview(everything(customer=alice, percent=Decimal(10)))
    assert [(row.old, row.new) for row in would.rows] == [(120, 110)]
    would = preview(everything(group=alice.customer_group, percent=Decimal(15)))
    assert [(row.old, row.new) for row in would.rows] == [(120, 115)]
    would = preview(everything(group=alice.customer_group, percent=Decimal(20)), dropped=True)
    assert [(row.old, row.new) for row in would.rows] == [(120, 130)]


def test_fifty_rows_and_ten_losers_are_named(provider: Provider) -> None:
    for number in range(60):
        make_service(provider, name=f"service {number}")

    would = preview(everything(percent=Decimal(20)))
    assert (would.changed, len(would.rows)) == (60, 50)
    assert would.rows[0].name == "service 0"

    would = preview(everything(percent=Decimal(-20)))
    assert (would.losing_count, len(would.losing)) == (60, 10)
    assert [(one.name, one.by_rule, one.cost) for one in would.losing][:1] == [("service 0", 80, 100)]


def test_a_service_without_a_rate_neither_changes_nor_loses(db: None) -> None:
    make_service(make_provider(currency="USD"), price=None)

    would = preview(everything(percent=Decimal(-20)))
    assert (would.services, would.changed, would.losing_count) == (1, 0, 0)


def test_the_mark_stands_for_what_was_shown(provider: Provider) -> None:
    service = make_service(provider)
    rule = everything(percent=Decimal(20))
    mark = preview(rule).mark

    assert preview(everything(percent=Decimal("20"))).mark == mark
    assert preview(rule, dropped=True).mark != mark
    assert preview(everything(percent=Decimal(21))).mark != mark
    assert preview(PriceRule(scope="provider", provider=provider, percent=Decimal(20))).mark != mark
    Service.objects.filter(pk=service.pk).update(cost=Decimal(101))
    assert preview(rule).mark != mark


def test_a_preview_takes_as_many_queries_for_200_as_for_10(db: None) -> None:
    found = []
    for size in (10, 200):
        provider = make_provider()
        for _ in range(size):
            make_service(provider)
        with CaptureQueriesContext(connection) as asked:
            preview(PriceRule(scope="provider", provider=provider, percent=Decimal(20)))
        found.append(len(asked))

    assert found[0] == found[1]
