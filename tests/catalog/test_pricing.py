"""Keeping stored prices in line, and changing the rules."""

from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from accounts.models import CustomerGroup, User
from catalog.models import CataloguePolicy, PriceRule, Provider, Service, ServiceChange, ServiceHold
from catalog.previewing import preview
from catalog.pricing import RuleExists, Unseen, WouldLose, drop_rule, reprice, save_rule, set_markup
from catalog.rates import save_rate
from catalog.syncing import sync_catalog
from operations.models import Alert
from tests.catalog.conftest import Site, row
from tests.factories import make_provider, make_service
from tests.interrupting import overtaking


def prices(*services: Service) -> list[Decimal | None]:
    return [Service.objects.get(pk=service.pk).price for service in services]


def of(service: Service, **terms: Any) -> PriceRule:
    return PriceRule(scope="service", service=service, **terms)


# --- Markups ----------------------------------------------------------------------------------------------


def test_a_services_own_rule_wins(provider: Provider) -> None:
    own, plain = make_service(provider), make_service(provider)

    set_markup(None, Decimal(50))
    set_markup(own, Decimal(10))

    assert prices(own, plain) == [110, 150]
    set_markup(own, None)
    assert prices(own, plain) == [150, 150]
    set_markup(None, None)
    assert prices(own, plain) == [130, 130]  # DEFAULT_MARKUP_PERCENT
    assert not PriceRule.objects.exists()


def test_setting_a_markup_again_changes_it_and_keeps_the_rest(provider: Provider) -> None:
    service = make_service(provider)

    assert set_markup(service, Decimal(10)) == set_markup(service, Decimal(20))
    assert prices(service) == [120]
    PriceRule.objects.update(amount=Decimal(5))
    set_markup(service, Decimal(30))
    assert prices(service) == [135]


def test_a_markup_leaves_a_customers_rule_alone(provider: Provider, alice: User) -> None:
    service = make_service(provider)
    hers = save_rule(of(service, customer=alice, percent=Decimal(1)))

    set_markup(service, Decimal(20))
    set_markup(service, None)

    assert list(PriceRule.objects.all()) == [hers]
    assert prices(service) == [130]


def test_rules_of_categories_and_providers_move_their_services_alone(provider: Provider) -> None:
    other_category = make_service(provider, category="Other")
    both = make_service(provider)
    elsewhere = make_service()

    save_rule(PriceRule(scope="provider", provider=provider, percent=Decimal(10)))
    assert prices(other_category, both, elsewhere) == [110, 110, 130]
    save_rule(PriceRule(scope="category", category=both.category, percent=Decimal(20)))
    assert prices(other_category, both, elsewhere) == [110, 120, 120]
    drop_rule(PriceRule.objects.get(scope="category"))
    assert prices(other_category, both, elsewhere) == [110, 110, 130]


def test_a_rule_of_somebodys_own_moves_no_stored_price(provider: Provider, alice: User) -> None:
    service = make_service(provider)
    group = CustomerGroup.objects.create(name="Resellers")

    save_rule(of(service, customer=alice, percent=Decimal(1)))
    save_rule(PriceRule(scope="everything", group=group, percent=Decimal(1)))

    assert prices(service) == [130]
    assert reprice() == 0


def test_a_second_rule_for_the_same_is_refused(provider: Provider) -> None:
    service = make_service(provider)
    save_rule(of(service, percent=Decimal(10)))

    with pytest.raises(RuleExists):
        save_rule(of(service, percent=Decimal(20)))

    assert prices(service) == [110]


# --- Never below cost -------------------------------------------------------------------------------------


@pytest.mark.parametrize("terms", [{"percent": Decimal("-0.001")}, {"fixed_price": Decimal("99.99")}])
@pytest.mark.parametrize("on_loss", CataloguePolicy.OnLoss.values)
def test_a_rule_below_cost_is_refused(provider: Provider, terms: dict[str, Decimal], on_loss: str) -> None:
    CataloguePolicy.objects.create(on_loss=on_loss)
    service = make_service(provider)

    with pytest.raises(WouldLose) as refused:
        save_rule(of(service, **terms, min_margin_percent=Decimal(50)))

    (losing,) = refused.value.preview.losing
    assert (losing.service_id, losing.name, losing.cost) == (service.pk, service.name, 100)
    assert not PriceRule.objects.exists()
    assert prices(service) == [130]


def test_a_discount_of_a_group_below_cost_is_refused(provider: Provider, alice: User) -> None:
    make_service(provider)
    group = CustomerGroup.objects.create(name="Resellers")

    for whom in ({"group": group}, {"customer": alice}):
        with pytest.raises(WouldLose):
            save_rule(PriceRule(scope="everything", percent=Decimal(-1), **whom))
        save_rule(PriceRule(scope="everything", percent=Decimal(-1), amount=Decimal(2), **whom))


def test_what_a_dropped_rule_would_uncover_is_refused_too(provider: Provider) -> None:
    cheap, dear = make_service(provider), make_service(provider, cost=Decimal(1000), price=Decimal(1300))
    save_rule(of(dear, percent=Decimal(5)))
    save_rule(PriceRule(scope="provider", provider=provider, percent=Decimal(-10), amount=Decimal(20)))
    assert prices(cheap, dear) == [110, 1050]

    with pytest.raises(WouldLose) as refused:
        drop_rule(PriceRule.objects.get(service=dear))

    assert [one.service_id for one in refused.value.preview.losing] == [dear.pk]
    assert prices(cheap, dear) == [110, 1050]


def test_a_service_of_another_rule_does_not_stand_in_the_way(provider: Provider) -> None:
    losing = make_service(provider)
    save_rule(of(losing, fixed_price=Decimal(110)))
    Service.objects.update(cost=Decimal(120))

    save_rule(PriceRule(scope="everything", percent=Decimal(40)))

    assert PriceRule.objects.count() == 2


def test_a_cost_that_rises_above_a_fixed_price_stops_the_sale(provider: Provider) -> None:
    service, calm = make_service(provider), make_service(provider)
    save_rule(of(service, fixed_price=Decimal(110)))
    Service.objects.filter(pk=service.pk).update(cost=Decimal("110.00001"))

    reprice(provider)

    service.refresh_from_db()
    assert (service.price, service.held_text) == (
        None,
        "Its price, 110.00 RUB, is below its cost, 110.00001 RUB",
    )
    assert list(ServiceHold.objects.values_list("service", "kind")) == [(service.pk, "loss")]
    assert Alert.objects.filter(closed_at=None, kind="service_stopped").count() == 1
    assert prices(calm) == [130]

    Service.objects.filter(pk=service.pk).update(cost=Decimal(109))
    reprice(provider)

    service.refresh_from_db()
    assert (service.price, service.held_text) == (110, "")
    assert not ServiceHold.objects.exists()
    assert not Alert.objects.filter(closed_at=None).exists()


def test_the_rule_may_follow_instead(provider: Provider) -> None:
    service = make_service(provider)
    rule = save_rule(of(service, fixed_price=Decimal(110)))
    Service.objects.update(cost=Decimal(120))
    reprice()

    rule.fixed_price = Decimal(150)
    save_rule(rule)

    assert prices(service) == [150]
    assert not ServiceHold.objects.exists()


def test_prices_follow_where_the_policy_says_so(provider: Provider) -> None:
    CataloguePolicy.objects.create(on_loss=CataloguePolicy.OnLoss.FOLLOW)
    service = make_service(provider)
    save_rule(of(service, fixed_price=Decimal(110), min_margin_percent=Decimal(5)))
    Service.objects.update(cost=Decimal(120))

    reprice()

    assert prices(service) == [126]
    assert PriceRule.objects.get().fixed_price == 110
    assert not ServiceHold.objects.exists()
    Service.objects.update(cost=Decimal(100))
    reprice()
    assert prices(service) == [110]


def test_another_policy_counts_at_once(operator: Browser, provider: Provider) -> None:
    service = make_service(provider)
    save_rule(of(service, fixed_price=Decimal(110)))
    Service.objects.update(cost=Decimal(120))
    reprice()
    form = operator.get("/admin/catalog/cataloguepolicy/").context["adminform"].form
    data = {name: "" if value is None else value for name, value in form.initial.items()}

    for on_loss, price in (("follow", 120), ("stop", None)):
        answer = operator.post("/admin/catalog/cataloguepolicy/", data | {"on_loss": on_loss})
        assert answer.status_code == 302
        assert prices(service) == [price]
        assert ServiceHold.objects.exists() == (price is None)


def test_a_rate_that_rises_stops_sales_too(db: None) -> None:
    abroad = make_service(make_provider(currency="USD"), cost=Decimal(1), price=None)
    save_rate("USD", Decimal(80))
    save_rule(of(abroad, fixed_price=Decimal(100)))

    save_rate("USD", Decimal("100.5"))
    assert prices(abroad) == [None]
    assert ServiceHold.objects.get().text == "Its price, 100.00 RUB, is below its cost, 100.50 RUB"
    save_rate("USD", Decimal("101"))
    assert ServiceHold.objects.get().text == "Its price, 100.00 RUB, is below its cost, 101.00 RUB"
    save_rate("USD", Decimal(100))
    assert prices(abroad) == [100]
    assert not ServiceHold.objects.exists()


def test_another_hold_outlives_the_end_of_a_loss(provider: Provider) -> None:
    service = make_service(provider, held_text="It fails")
    ServiceHold.objects.create(service=service, kind="failing", text="It fails")
    save_rule(of(service, fixed_price=Decimal(110)))
    for cost in (Decimal(120), Decimal(100)):
        Service.objects.update(cost=cost)
        reprice()

    service.refresh_from_db()
    assert (service.price, service.held_text) == (110, "It fails")


# --- Previews and what was seen ---------------------------------------------------------------------------


def test_only_what_was_seen_is_saved(provider: Provider) -> None:
    service = make_service(provider)
    rule = of(service, percent=Decimal(10))
    seen = preview(rule).mark

    Service.objects.update(cost=Decimal(200))  # a catalogue came in between
    reprice()
    with pytest.raises(Unseen) as refused:
        save_rule(rule, seen=seen)
    assert not PriceRule.objects.exists()

    save_rule(rule, seen=refused.value.preview.mark)
    assert prices(service) == [220]


def test_only_what_was_seen_is_dropped(provider: Provider) -> None:
    service = make_service(provider)
    rule = save_rule(of(service, percent=Decimal(10)))
    seen = preview(rule, dropped=True).mark

    set_markup(None, Decimal(50))  # another operator
    with pytest.raises(Unseen):
        drop_rule(rule, seen=seen)
    assert prices(service) == [110]

    drop_rule(rule, seen=preview(rule, dropped=True).mark)
    assert prices(service) == [150]


# --- Repricing --------------------------------------------------------------------------------------------


def test_repricing_moves_only_what_differs(provider: Provider) -> None:
    right, wrong = make_service(provider), make_service(provider, price=Decimal(1))
    before = right.changed_at

    assert reprice(provider) == 1
    assert reprice() == 0
    assert prices(right, wrong) == [130, 130]
    right.refresh_from_db()
    assert right.changed_at == before
    wrong.refresh_from_db()
    assert wrong.changed_at > before


def test_what_moved_is_in_the_history(provider: Provider) -> None:
    shown, hidden = (
        make_service(provider, price=None),
        make_service(provider, price=Decimal(1), is_hidden=True),
    )

    reprice()

    told = ServiceChange.objects.order_by("service").values_list(
        "service", "field", "old", "new", "is_public"
    )
    assert list(told) == [
        (shown.pk, "price", "", "130.00", True),
        (hidden.pk, "price", "1.00", "130.00", False),
    ]


def test_repricing_takes_as_many_statements_for_200_as_for_10(db: None) -> None:
    found = []
    for size in (10, 200):
        provider = make_provider()
        for number in range(size):
            service = make_service(provider, price=Decimal(1))
            if number < size // 2:  # half of them lose
                of(service, fixed_price=Decimal(50)).save()
        with CaptureQueriesContext(connection) as asked:
            assert reprice(provider) == size
        found.append(len(asked))

    assert found[0] == found[1]


# --- Two at once ------------------------------------------------------------------------------------------

at_once = pytest.mark.django_db(transaction=True)
RULE = '"catalog_pricerule"'


def everybody(percent: int, **terms: Any) -> PriceRule:
    return PriceRule(scope="everything", percent=Decimal(percent), **terms)


@at_once
def test_no_two_rules_lose_together_that_neither_loses_alone(provider: Provider) -> None:
    """One is about to drop the rule under whose shelter the other sells everything else below cost."""
    service = make_service(provider)
    own = save_rule(of(service, percent=Decimal(10)))

    dropped, saved = overtaking(
        partial(drop_rule, own), partial(save_rule, everybody(-5)), before=f"DELETE FROM {RULE}"
    )

    assert (dropped, type(saved)) == (None, WouldLose)
    assert not PriceRule.objects.exists()
    assert prices(service) == [130]
    assert not ServiceHold.objects.exists()


@at_once
def test_what_somebody_else_changed_meanwhile_was_not_seen(provider: Provider) -> None:
    service = make_service(provider)
    first, second = everybody(50), PriceRule(scope="provider", provider=provider, percent=Decimal(10))
    marks = [preview(rule).mark for rule in (first, second)]

    saved, refused = overtaking(
        partial(save_rule, first, seen=marks[0]),
        partial(save_rule, second, seen=marks[1]),
        before=f"INSERT INTO {RULE}",
    )

    assert (saved, type(refused)) == (first, Unseen)
    assert PriceRule.objects.get() == first
    assert prices(service) == [150]


@at_once
def test_of_two_markups_at_once_the_last_one_counts(provider: Provider) -> None:
    service = make_service(provider)

    made, changed = overtaking(
        partial(set_markup, None, Decimal(10)),
        partial(set_markup, None, Decimal(20)),
        before=f"INSERT INTO {RULE}",
    )

    assert isinstance(made, PriceRule)
    assert made == changed
    assert PriceRule.objects.get().percent == 20
    assert prices(service) == [120]


@at_once
@pytest.mark.parametrize("own_first", [True, False])
def test_the_rule_that_wins_makes_the_price_whoever_saves_first(provider: Provider, own_first: bool) -> None:
    own, plain = make_service(provider), make_service(provider)
    rules = [of(own, percent=Decimal(10)), everybody(50)]
    first, second = rules if own_first else rules[::-1]

    outcomes = overtaking(
        partial(save_rule, first), partial(save_rule, second), before='UPDATE "catalog_service"'
    )

    assert outcomes == [first, second]
    assert prices(own, plain) == [110, 150]
    assert reprice() == 0


@at_once
def test_a_run_of_the_catalogue_writes_no_prices_by_the_rules_from_before(
    provider: Provider, site: Site
) -> None:
    sync_catalog(provider)
    site.lists(row(1, rate="200"), row(2, rate="300"))

    run, saved = overtaking(
        partial(sync_catalog, provider), partial(save_rule, everybody(50)), before='UPDATE "catalog_service"'
    )

    assert (run.changed, type(saved)) == (2, PriceRule)
    assert prices(*Service.objects.order_by("position")) == [300, 450]
    assert reprice() == 0


@at_once
@pytest.mark.needs_postgres  # SQLite lets one transaction in at a time
def test_without_the_lock_rules_lose_together(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.pricing.lock_providers", lambda: None)
    service = make_service(provider)
    own = save_rule(of(service, percent=Decimal(10)))

    outcomes = overtaking(
        partial(drop_rule, own), partial(save_rule, everybody(-5)), before=f"DELETE FROM {RULE}"
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), PriceRule]
    assert ServiceHold.objects.get().service == service  # it would be sold below its cost
