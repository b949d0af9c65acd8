"""Amounts for people: at least two places, no trailing zeros beyond, the reader's separators."""

from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings
from django.utils.formats import number_format


def plain(amount: Decimal) -> str:
    """Return an amount as digits with a decimal point, at least two places, no needless zeros."""
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def at_a_glance(amount: Decimal) -> str:
    """Return an amount to two places, with the site's currency, for figures that are only looked at."""
    return shown(amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def shown(amount: Decimal, currency: str | None = None) -> str:
    """Return an amount in the reader's manner with its currency (the site's unless given)."""
    text = plain(amount)
    places = len(text.partition(".")[2])
    digits = number_format(Decimal(text), decimal_pos=places, use_l10n=True, force_grouping=True)
    # A no-break space: an amount never parts from its currency at a line's end.
    return f"{digits}\u00a0{settings.SITE_CURRENCY if currency is None else currency}"
