"""`{{ order.charge|money }}`: an amount with its currency, in the reader's manner."""

from decimal import Decimal

from django import template

from money.display import shown

register = template.Library()


@register.filter
def money(amount: Decimal | None, currency: str | None = None) -> str:
    """Show an amount of money, or a dash when it is not known."""
    return "—" if amount is None else shown(amount, currency)
