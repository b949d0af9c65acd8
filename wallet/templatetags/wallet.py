"""What templates of other rooms show of wallets."""

from decimal import Decimal

from django import template

from accounts.models import User
from wallet import statement

register = template.Library()


@register.simple_tag
def balance_of(user: User) -> Decimal:
    """Return what a customer can spend, in the site's currency."""
    return statement.balance_of(user)
