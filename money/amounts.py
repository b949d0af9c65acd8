"""Exact amounts: how finely money is kept, and the one place where it is rounded."""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation

MICRO = Decimal("0.000001")
"""The smallest amount the database keeps; every amount is a whole number of these."""

CHARGE_STEP = Decimal("0.00001")
"""What charges, prices and refunds are rounded to."""

MAX_AMOUNT = Decimal(10) ** 12
"""Above any amount kept, so that a database's 64-bit number of micros never overflows."""

_EXACT = Context(prec=60)
# Twelve digits before the point and six after it; what does not fit is refused, never rounded.
_KEPT = Context(prec=18, traps=[Inexact, InvalidOperation])


def round_charge(amount: Decimal) -> Decimal:
    """Round an amount of money half up to 0.00001, once, at the end of a computation."""
    return amount.quantize(CHARGE_STEP, rounding=ROUND_HALF_UP, context=_EXACT)


def round_cost(amount: Decimal) -> Decimal:
    """Round a provider's cost up to 0.000001, so that what we keep is never below what we pay."""
    return amount.quantize(MICRO, rounding=ROUND_CEILING, context=_EXACT)


def charge_for(price: Decimal, quantity: int) -> Decimal:
    """Return what `quantity` units cost at `price` per 1000, rounded once."""
    return round_charge(_EXACT.divide(_EXACT.multiply(price, Decimal(quantity)), Decimal(1000)))


def cost_of(cost: Decimal, quantity: int, rate: Decimal) -> Decimal | None:
    """Return what `quantity` units cost us at `cost` per 1000; `rate` is of our currency for one of its.

    Rounded half up to 0.000001, once; None for more than an amount can be.
    """
    whole = _EXACT.divide(_EXACT.multiply(_EXACT.multiply(cost, Decimal(quantity)), rate), Decimal(1000))
    rounded = whole.quantize(MICRO, rounding=ROUND_HALF_UP, context=_EXACT)
    return rounded if rounded < MAX_AMOUNT else None


def part_of(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return `amount × part / whole`, rounded half up to 0.000001; `part` lies within 0 and `whole`."""
    share = _EXACT.divide(_EXACT.multiply(amount, part), whole)
    return share.quantize(MICRO, rounding=ROUND_HALF_UP, context=_EXACT)


def share_of(amount: Decimal, part: int, whole: int) -> Decimal:
    """Return `amount × part / whole`, rounded once; `part` lies within 0 and `whole`."""
    return round_charge(_EXACT.divide(_EXACT.multiply(amount, Decimal(part)), Decimal(whole)))


def to_micros(amount: Decimal) -> int:
    """Return an amount as a whole number of 0.000001.

    Raises `ValueError` for what cannot be kept exactly (finer than that, not finite, too large): money is
    refused, never rounded on its way into the database.
    """
    if not amount.is_finite():
        raise ValueError(f"no amount of money: {amount}")
    try:
        return int(amount.quantize(MICRO, context=_KEPT).scaleb(6))
    except Inexact as error:
        raise ValueError(f"finer than {MICRO}: {amount}") from error
    except InvalidOperation as error:
        raise ValueError(f"not below {MAX_AMOUNT}: {amount}") from error


def from_micros(micros: int) -> Decimal:
    """Return a whole number of 0.000001 as an amount."""
    return Decimal(micros).scaleb(-6, context=_EXACT)
