from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import ExchangeRate, PriceRule, Provider, Service
from catalog.pricing import price_of, reprice, save_rate, set_markup
from money.amounts import CHARGE_STEP, MAX_AMOUNT
from tests.factories import make_provider, make_service

costs = st.decimals(min_value="0.000001", max_value=10**9, places=6)
percents = st.decimals(min_value=0, max_value=10_000, places=3)
rates = st.decimals(min_value="0.00000001", max_value=10**5, places=8)


@pytest.mark.parametrize(
    ("cost", "percent", "price"),
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
def test_price(cost: str, percent: str, price: str) -> None:
    assert price_of(Decimal(cost), "RUB", Decimal(percent), {}) == Decimal(price)


def test_price_in_another_currency() -> None:
    rates = {"USD": Decimal("80.5")}

    assert price_of(Decimal("1.2"), "USD", Decimal(50), rates) == Decimal("144.9")
    assert price_of(Decimal("1.2"), "EUR", Decimal(50), rates) is None


def test_a_rate_of_the_sites_own_currency_is_not_used() -> None:
    assert price_of(Decimal(1), "RUB", Decimal(0), {"RUB": Decimal(5)}) == 1


def test_a_price_beyond_what_is_kept_is_none() -> None:
    assert price_of(MAX_AMOUNT - 1, "RUB", Decimal(30), {}) is None


@given(costs, percents, rates)
def test_never_below_cost_and_hardly_above(cost: Decimal, percent: Decimal, rate: Decimal) -> None:
    price = price_of(cost, "USD", percent, {"USD": rate})

    if price is None:
        assert cost * rate * (1 + percent / 100) >= MAX_AMOUNT - 1
        return
    assert price >= cost * rate
    assert price > 0
    assert price % CHARGE_STEP == 0
    assert price - cost * rate * (1 + percent / 100) < CHARGE_STEP


@given(costs, percents, percents)
def test_more_markup_is_never_cheaper(cost: Decimal, one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    cheap, dear = (price_of(cost, "RUB", percent, {}) for percent in (less, more))

    assert dear is None or (cheap is not None and cheap <= dear)


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


def test_setting_a_markup_again_changes_it(provider: Provider) -> None:
    service = make_service(provider)

    assert set_markup(service, Decimal(10)) == set_markup(service, Decimal(20))
    assert prices(service) == [120]


def test_a_rate_sells_what_was_not_sold(provider: Provider) -> None:
    abroad = make_service(make_provider(currency="USD"), price=None)
    at_home = make_service(provider)

    save_rate("USD", Decimal("80.5"))
    assert prices(abroad, at_home) == [10465, 130]
    save_rate("USD", Decimal(2))
    assert prices(abroad, at_home) == [260, 130]
    save_rate("USD", None)
    assert prices(abroad, at_home) == [None, 130]
    assert not ExchangeRate.objects.exists()


def test_repricing_moves_only_what_differs(provider: Provider) -> None:
    right, wrong = make_service(provider), make_service(provider, price=Decimal(1))
    before = right.changed_at

    assert reprice(provider) == 1
    assert reprice() == 0
    assert prices(right, wrong) == [130, 130]
    right.refresh_from_db()
    assert right.changed_at == before


def test_repricing_takes_as_many_statements_for_200_as_for_10(db: None) -> None:
    found = []
    for size in (10, 200):
        provider = make_provider()
        for _ in range(size):
            make_service(provider, price=Decimal(1))
        with CaptureQueriesContext(connection) as asked:
            assert reprice(provider) == size
        found.append(len(asked))

    assert found[0] == found[1]


def test_the_database_refuses_a_markup_below_cost(provider: Provider) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        PriceRule.objects.create(scope="everything", markup_percent=Decimal("-0.001"))


def test_the_database_keeps_one_rule_for_everything(provider: Provider) -> None:
    set_markup(None, Decimal(1))

    with pytest.raises(IntegrityError), transaction.atomic():
        PriceRule.objects.create(scope="everything", markup_percent=Decimal(2))


def prices(*services: Service) -> list[Decimal | None]:
    return [Service.objects.get(pk=service.pk).price for service in services]
