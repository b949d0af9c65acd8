"""The exchange rate of a service's cost, read with the service itself."""

from decimal import Decimal

from django.conf import settings
from django.db.models import Case, DecimalField, OuterRef, Subquery, Value, When

from catalog.models import ExchangeRate


def rate_here() -> Case:
    """Return an expression of services: the site's currency for one of their provider's; NULL: not known."""
    as_kept = DecimalField(max_digits=14, decimal_places=8)
    known = ExchangeRate.objects.here().filter(currency=OuterRef("provider__currency")).values("rate")[:1]
    own = When(provider__currency=settings.SITE_CURRENCY, then=Value(Decimal(1), output_field=as_kept))
    return Case(own, default=Subquery(known), output_field=as_kept)
