"""Services whose rule is below their cost: held while sales at a loss stop (`CataloguePolicy.on_loss`)."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet

from catalog.history import note
from catalog.holding import Hold, Kind, close_if_over, hold_in_bulk, tell_held
from catalog.models import Provider, Service, ServiceHold
from catalog.recordsets import ids
from catalog.rules import Steps
from money.amounts import round_cost
from money.display import plain


def settle_losses(services: QuerySet[Service], losses: Mapping[int, Steps], *, at: datetime) -> None:
    """Hold those of the services that `losses` names, and let go those whose price is above cost again.

    By a few statements, whatever their number, within the caller's transaction, which holds the providers'
    locks. Staff are alerted by provider.
    """
    holds = ServiceHold.objects.filter(kind=Kind.LOSS, service__in=services.order_by())
    known = dict(holds.order_by().values_list("service_id", "text"))
    texts = {service_id: _text(steps) for service_id, steps in losses.items()}
    put = [Hold(one, Kind.LOSS, text) for one, text in texts.items() if known.get(one) != text]
    freed = known.keys() - texts.keys()
    if not put and not freed:
        return
    note(hold_in_bulk(put, at=at, freed=freed, freed_kind=Kind.LOSS), at=at)
    _tell([one.service_id for one in put if one.service_id not in known], freed)


def _text(steps: Steps) -> str:
    currency = settings.SITE_CURRENCY
    price, cost = plain(round_cost(steps.by_rule)), plain(round_cost(steps.cost_here))
    return f"Its price, {price} {currency}, is below its cost, {cost} {currency}"


def _tell(held: Iterable[int], freed: Iterable[int]) -> None:
    named: dict[int, list[str]] = {}
    for provider_id, name in _of(held).values_list("provider_id", "name"):
        named.setdefault(provider_id, []).append(name)
    for provider in Provider.objects.filter(pk__in=named).defer("key"):
        tell_held(provider, [(Kind.LOSS, name) for name in named[provider.pk]])
    for provider_id in _of(freed).values_list("provider_id", flat=True).distinct():
        close_if_over(provider_id, Kind.LOSS)


def _of(service_ids: Iterable[int]) -> QuerySet[Service]:
    return Service.objects.filter(pk__in=ids(service_ids)).order_by()
