"""What a customer pays: everybody's price, unless a rule is theirs or their group's."""

from collections.abc import Collection

from accounts.models import User
from catalog.models import Provider, Service
from catalog.rules import Costing, Whom, own_rules


def with_prices_for(customer: User | None, services: Collection[Service]) -> None:
    """Put the prices that a customer pays into services that were read, to be shown and charged, never saved.

    None: nobody's in particular. A price becomes None where the customer's rule is below the cost and such a
    sale stops. One statement where the customer has no rule of their own, four more else.
    """
    rules = own_rules(Whom.of(customer), services) if customer is not None and services else None
    if rules is None:
        return
    providers = Provider.objects.filter(pk__in={service.provider_id for service in services})
    currencies = dict(providers.order_by().values_list("pk", "currency"))
    for service in services:
        costing = costing_of(service, currencies[service.provider_id])
        if next(rules.candidates(costing), None) is not None:
            service.price = rules.price(costing)


def costing_of(service: Service, currency: str) -> Costing:
    """Return what of a service its price follows from."""
    return Costing(service.cost, currency, service.provider_id, service.category_id, service.pk)
