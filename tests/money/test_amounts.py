from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from money.amounts import (
    CHARGE_STEP,
    MAX_AMOUNT,
    MICRO,
    charge_for,
    from_micros,
    round_charge,
    round_cost,
    share_of,
    to_micros,
)

MOST_MICROS = 10**18 - 1

micros = st.integers(-MOST_MICROS, MOST_MICROS)
prices = st.decimals(min_value=0, max_value=10**9, places=5)
quantities = st.integers(1, 10**12)
fine = st.decimals(min_value=-(10**11), max_value=10**11, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [
        ("0.000005", "0.00001"),
        ("0.0000049999999999999999999999999999999999", "0"),
        ("0.000015", "0.00002"),
        ("0.000025", "0.00003"),  # half to even would make 0.00002
        ("1.234565", "1.23457"),
        ("999999999999.999994", "999999999999.99999"),
    ],
)
def test_charges_are_rounded_half_up(amount: str, rounded: str) -> None:
    assert round_charge(Decimal(amount)) == Decimal(rounded)


@given(fine)
def test_rounding_is_never_off_by_more_than_half_a_step(amount: Decimal) -> None:
    rounded = round_charge(amount)

    assert Fraction(rounded) % Fraction(CHARGE_STEP) == 0
    assert abs(Fraction(rounded) - Fraction(amount)) <= Fraction(CHARGE_STEP) / 2


@given(st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False))
def test_costs_are_rounded_up(amount: Decimal) -> None:
    kept = round_cost(amount)

    assert 0 <= Fraction(kept) - Fraction(amount) < Fraction(MICRO)
    assert to_micros(kept) >= 0


@pytest.mark.parametrize(
    ("price", "quantity", "charge"),
    [
        ("90", 1000, "90"),
        ("117", 100, "11.7"),
        ("0.27819", 100, "0.02782"),
        ("0.001", 5, "0.00001"),  # 0.000005
        ("0.001", 4, "0"),
        ("0.01", 1, "0.00001"),
    ],
)
def test_a_charge(price: str, quantity: int, charge: str) -> None:
    assert charge_for(Decimal(price), quantity) == Decimal(charge)


@given(prices, quantities)
def test_a_charge_is_the_exact_product_rounded_once(price: Decimal, quantity: int) -> None:
    exact = Fraction(price) * quantity / 1000

    assert Fraction(charge_for(price, quantity)) == half_up(exact)


@given(prices, quantities, quantities)
def test_more_units_never_cost_less(price: Decimal, one: int, other: int) -> None:
    less, more = sorted((one, other))

    assert charge_for(price, less) <= charge_for(price, more)


@given(st.integers(0, 10**15), st.data())
def test_a_share_is_the_exact_part_rounded_once_and_never_above_the_whole(
    steps: int, data: st.DataObject
) -> None:
    amount = steps * CHARGE_STEP
    whole = data.draw(quantities)
    part = data.draw(st.integers(0, whole))

    share = share_of(amount, part, whole)

    assert 0 <= share <= amount
    assert Fraction(share) == half_up(Fraction(amount) * part / whole)


@given(st.integers(0, 10**15), quantities)
def test_shares_of_nothing_and_of_everything_are_exact(steps: int, whole: int) -> None:
    amount = steps * CHARGE_STEP

    assert share_of(amount, 0, whole) == 0
    assert share_of(amount, whole, whole) == amount


@given(micros)
def test_whole_numbers_and_amounts_are_the_same_thing(number: int) -> None:
    amount = from_micros(number)

    assert to_micros(amount) == number
    assert amount == Fraction(number, 10**6)


@given(st.decimals(min_value=-(MAX_AMOUNT - 1), max_value=MAX_AMOUNT - 1, places=6))
def test_an_amount_comes_back_as_it_was(amount: Decimal) -> None:
    assert from_micros(to_micros(amount)) == amount


@given(fine)
def test_an_amount_is_kept_exactly_or_refused(amount: Decimal) -> None:
    exact = Fraction(amount) * 10**6
    if exact.denominator == 1:
        assert to_micros(amount) == exact
    else:
        with pytest.raises(ValueError, match="finer than"):
            to_micros(amount)


@pytest.mark.parametrize("text", ["1.0000000", "0E-30", "1E+3", "-0", "1." + "0" * 80])
def test_zeros_at_the_end_do_not_matter(text: str) -> None:
    assert to_micros(Decimal(text)) == Fraction(Decimal(text)) * 10**6


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("NaN", "no amount"),
        ("sNaN", "no amount"),
        ("Infinity", "no amount"),
        ("-Infinity", "no amount"),
        ("1e12", "not below"),
        ("-1e12", "not below"),
        ("1e9999999", "not below"),
        ("0.0000001", "finer than"),
        ("1e-9999999", "finer than"),
        ("1." + "0" * 69 + "1", "finer than"),
        ("123456789012.1234567", "finer than|not below"),
    ],
)
def test_what_cannot_be_kept_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        to_micros(Decimal(text))


def test_the_bound_is_just_above_what_can_be_kept() -> None:
    assert to_micros(MAX_AMOUNT - MICRO) == MOST_MICROS
    with pytest.raises(ValueError, match="not below"):
        to_micros(MAX_AMOUNT)


def test_what_is_beyond_what_can_be_kept_is_computed_exactly_all_the_same() -> None:
    amount = Decimal(f"{10**24 + 1}.0000051")  # more digits than a plain `Decimal` computation keeps

    assert Fraction(round_charge(amount)) == 10**24 + 1 + Fraction(1, 10**5)
    assert Fraction(round_cost(amount)) == 10**24 + 1 + Fraction(6, 10**6)
    assert from_micros(10**30 + 1) == Fraction(10**30 + 1, 10**6)


def half_up(exact: Fraction) -> Fraction:
    """Round by whole numbers alone, as a check on what is done by decimals; `exact` is not negative."""
    steps = exact * 10**5
    return Fraction((2 * steps.numerator + steps.denominator) // (2 * steps.denominator), 10**5)


def test_a_share_just_below_half_a_step_is_not_rounded_up() -> None:
    # The product has 31 digits: more than a plain `Decimal` computation keeps.
    share = share_of(Decimal("690577101055.81731"), 96_987_855_421_327, 132_762_929_599_804)

    assert share == Decimal("504490163303.68484")


def test_the_check_itself_rounds_half_up() -> None:
    for text in ("0.000004", "0.000005", "0.000014", "0.000015", "7"):
        expected = Decimal(text).quantize(CHARGE_STEP, rounding=ROUND_HALF_UP, context=Context(prec=50))
        assert half_up(Fraction(text)) == Fraction(expected)
