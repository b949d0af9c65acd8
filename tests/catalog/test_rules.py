"""Which rule wins, and what it makes of a cost."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import CustomerGroup, User
from catalog.models import CataloguePolicy, PriceRule, Provider, Service
from catalog.offering import costing_of
from catalog.rules import EVERYBODY, Costing, Steps, Whom, own_rules, price_rules, steps_of
from money.amounts import CHARGE_STEP, MAX_AMOUNT
from tests.factories import make_service, make_user

costs = st.decimals(min_value="0.000001", max_value=10**9, places=6)
percents = st.decimals(min_value=-100, max_value=10_000, places=3)
margins = st.decimals(min_value=0, max_value=1_000, places=3)
amounts = st.decimals(min_value=0, max_value=10**6, places=6)
steps = st.none() | st.decimals(min_value="0.00001", max_value=10**4, places=6)
rates = st.decimals(min_value="0.00000001", max_value=10**5, places=8)


def rule(**terms: Any) -> PriceRule:
    numbers = {name: Decimal(value) for name, value in terms.items()}
    return PriceRule(scope="everything", **numbers)


def price(cost: str, rate: str = "1", *, follows: bool = False, **terms: Any) -> Decimal | None:
    return steps_of(rule(**terms), Decimal(cost), Decimal(rate), follows_losses=follows).price


@pytest.mark.parametrize(
    ("cost", "percent", "wanted"),
    [
        ("90", "30", "117"),
        ("0.27819", "0", "0.27819"),
        ("0.000001", "0", "0.00001"),  # half up would make 0, below cost
        ("1.000004", "0", "1.00001"),
        ("1.000005", "0", "1.00001"),
        ("1.00001", "50", "1.50002"),  # 1.500015, half up
        ("1", "33.333", "1.33333"),
    ],
)
def test_percent(cost: str, percent: str, wanted: str) -> None:
    assert price(cost, percent=percent) == Decimal(wanted)


@pytest.mark.parametrize(
    ("terms", "wanted"),
    [
        ({"percent": "50"}, "144.9"),
        ({"percent": "50", "amount": "0.1"}, "145"),
        ({"percent": "50", "step": "0.5"}, "145"),
        ({"percent": "50", "step": "0.1"}, "144.9"),  # on the step: it stays
        ({"percent": "50", "step": "7"}, "147"),
        ({"percent": "10", "min_margin_percent": "50"}, "144.9"),
        ({"percent": "50", "min_margin_percent": "10"}, "144.9"),
        ({"percent": "0", "min_margin_percent": "50", "step": "10"}, "150"),
        ({"percent": "-20", "amount": "20"}, "97.28"),
        ({"percent": "-20", "amount": "20", "min_margin_percent": "1"}, "97.566"),
        ({"fixed_price": "100", "percent": "900", "amount": "900", "step": "30"}, "100"),
        ({"fixed_price": "100", "min_margin_percent": "50"}, "144.9"),
    ],
)
def test_all_terms(terms: dict[str, str], wanted: str) -> None:
    assert price("1.2", "80.5", **terms) == Decimal(wanted)  # a cost of 96.6


@pytest.mark.parametrize("terms", [{"percent": "-20"}, {"fixed_price": "99.99999"}])
def test_below_cost_there_is_no_price_unless_prices_follow(terms: dict[str, str]) -> None:
    assert price("100", **terms) is None
    assert price("100", **terms, follows=True) == 100
    assert price("100", **terms, min_margin_percent="5") is None  # a margin raises, it makes no loss good
    assert price("100", **terms, min_margin_percent="5", follows=True) == 105


def test_a_price_beyond_what_is_kept_is_none() -> None:
    made = steps_of(rule(percent="30"), MAX_AMOUNT - 1, Decimal(1))

    assert (made.price, made.is_loss, made.stops) == (None, False, False)


@given(costs, rates, percents, amounts, margins, steps, st.booleans())
def test_a_price_is_exact_and_never_below_cost(
    cost: Decimal,
    rate: Decimal,
    percent: Decimal,
    amount: Decimal,
    margin: Decimal,
    step: Decimal | None,
    follows: bool,
) -> None:
    terms = PriceRule(percent=percent, amount=amount, step=step, min_margin_percent=margin)
    made = steps_of(terms, cost, rate, follows_losses=follows)
    cost_here = Fraction(cost) * Fraction(rate)
    by_rule = cost_here * (1 + Fraction(percent) / 100) + Fraction(amount)
    least = cost_here * (1 + Fraction(margin) / 100)

    assert (Fraction(made.cost_here), Fraction(made.by_rule), Fraction(made.floor)) == (
        cost_here,
        by_rule,
        least,
    )
    assert made.is_loss == (by_rule < cost_here)
    if made.price is None:
        assert max(by_rule, least) + (Fraction(step) if step else 0) >= MAX_AMOUNT - 1 or made.stops
        return
    price, wanted = Fraction(made.price), max(by_rule, least)
    assert price >= least >= cost_here > 0
    unit = Fraction(step or CHARGE_STEP)
    assert price % unit == 0
    assert (0 <= price - wanted < unit) if step else (-unit / 2 < price - wanted < unit)


@given(costs, costs, percents, percents, amounts, amounts, steps, rates, margins)
def test_more_is_never_cheaper(
    cost: Decimal,
    cost_2: Decimal,
    percent: Decimal,
    percent_2: Decimal,
    amount: Decimal,
    amount_2: Decimal,
    step: Decimal | None,
    rate: Decimal,
    margin: Decimal,
) -> None:
    (low, high), (less, more), (little, much) = (
        sorted(pair) for pair in ((cost, cost_2), (percent, percent_2), (amount, amount_2))
    )
    cheap, dear = (
        steps_of(
            PriceRule(percent=p, amount=a, step=step, min_margin_percent=margin), c, rate, follows_losses=True
        )
        for c, p, a in ((low, less, little), (high, more, much))
    )

    assert dear.price is None or (cheap.price is not None and cheap.price <= dear.price)


# --- Which one wins ---------------------------------------------------------------------------------------


@pytest.fixture
def service(provider: Provider) -> Service:
    return make_service(provider)


@pytest.fixture
def group(alice: User) -> CustomerGroup:
    group = CustomerGroup.objects.create(name="Resellers")
    alice.customer_group = group
    alice.save()
    return group


def steps_for(service: Service, whom: Whom) -> Steps:
    made = price_rules(Service.objects.filter(pk=service.pk), whom=whom).steps(costing_of(service, "RUB"))
    assert made is not None
    return made


def test_the_most_particular_rule_wins(service: Service, alice: User, group: CustomerGroup) -> None:
    whom = Whom.of(alice)
    targets: list[dict[str, Any]] = [
        {"scope": "everything"},
        {"scope": "provider", "provider": service.provider},
        {"scope": "category", "category": service.category},
        {"scope": "service", "service": service},
    ]
    assert steps_for(service, whom).rule.percent == 30  # DEFAULT_MARKUP_PERCENT
    percent = 0
    for people in ({}, {"group": group}, {"customer": alice}):
        for target in targets:
            percent += 1
            PriceRule.objects.create(**target, **people, percent=Decimal(percent))
            assert steps_for(service, whom).rule.percent == percent

    assert steps_for(service, EVERYBODY).rule.percent == 4
    assert steps_for(service, Whom(group_id=group.pk)).rule.percent == 8
    assert steps_for(service, Whom.of(make_user())).rule.percent == 4
    every = price_rules(whom=whom).candidates(costing_of(service, "RUB"))
    assert [rule.percent for rule in every] == [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_rules_for_something_else_do_not_count(service: Service, alice: User, group: CustomerGroup) -> None:
    other = make_service(category="Other")
    PriceRule.objects.create(scope="service", service=other, percent=Decimal(1))
    PriceRule.objects.create(scope="category", category=other.category, percent=Decimal(2))
    PriceRule.objects.create(scope="provider", provider=other.provider, percent=Decimal(3))
    PriceRule.objects.create(scope="everything", customer=make_user(), percent=Decimal(4))
    PriceRule.objects.create(
        scope="everything", group=CustomerGroup.objects.create(name="z"), percent=Decimal(5)
    )

    for whom in (EVERYBODY, Whom.of(alice), Whom(group_id=group.pk)):
        assert steps_for(service, whom).rule.percent == 30
    assert own_rules(Whom.of(alice), [service]) is None


def test_a_new_service_has_no_rule_of_its_own(service: Service) -> None:
    PriceRule.objects.create(scope="service", service=service, percent=Decimal(1))
    PriceRule.objects.create(scope="category", category=service.category, percent=Decimal(2))

    new = Costing(Decimal(100), "RUB", service.provider_id, service.category_id)
    assert price_rules().price(new) == 102


def test_the_policy_says_what_a_loss_does(service: Service) -> None:
    PriceRule.objects.create(scope="service", service=service, fixed_price=Decimal(50))

    assert steps_for(service, EVERYBODY).stops
    CataloguePolicy.objects.create(on_loss=CataloguePolicy.OnLoss.FOLLOW)
    assert steps_for(service, EVERYBODY).price == 100


def test_with_and_without_a_rule_are_as_if_saved_and_dropped(
    service: Service, alice: User, group: CustomerGroup
) -> None:
    costing, whom = costing_of(service, "RUB"), Whom.of(alice)
    for people in ({}, {"group": group}, {"customer": alice}):
        for target in ({"scope": "everything"}, {"scope": "service", "service": service}):
            new = PriceRule(**target, **people, percent=Decimal(7))
            before = price_rules(whom=whom)
            as_if = [one.percent for one in before.with_rule(new).candidates(costing)]
            new.save()
            after = price_rules(whom=whom)
            assert as_if == [one.percent for one in after.candidates(costing)]
            back = [one.percent for one in after.without_rule(new).candidates(costing)]
            assert back == [one.percent for one in before.candidates(costing)]


# --- What the database refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"percent": "-100.001"},
        {"amount": "-0.000001"},
        {"min_margin_percent": "-0.001"},
        {"fixed_price": "5"},  # of everything
    ],
)
def test_the_database_refuses_what_makes_no_sense(db: None, wrong: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        rule(**wrong).save()


def test_the_database_keeps_one_rule_for_the_same(service: Service, alice: User) -> None:
    for terms in ({"scope": "everything"}, {"scope": "service", "service": service, "customer": alice}):
        PriceRule.objects.create(**terms, percent=Decimal(1))
        with pytest.raises(IntegrityError), transaction.atomic():
            PriceRule.objects.create(**terms, percent=Decimal(2))


def test_the_database_refuses_a_rule_for_two(service: Service, alice: User, group: CustomerGroup) -> None:
    for wrong in (
        {"scope": "everything", "customer": alice, "group": group},
        {"scope": "everything", "service": service},
        {"scope": "service", "service": service, "category": service.category},
        {"scope": "category"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            PriceRule.objects.create(**wrong)
