"""From costs to prices: exchange rate, markup, rounding. Prices are stored with their services."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.models import ExchangeRate, PriceRule, Provider, Service
from money.amounts import CHARGE_STEP, MAX_AMOUNT, round_charge

BATCH = 500

_EXACT = Context(prec=60)


def price_of(
    cost: Decimal, currency: str, markup_percent: Decimal, rates: Mapping[str, Decimal]
) -> Decimal | None:
    """Return the price per 1000 in the site's currency of what costs `cost` per 1000 in `currency`.

    Cost × exchange rate × (1 + markup / 100), rounded half up to 0.00001, and never below cost: where the
    rounding went below, it goes up. `rates` are units of the site's currency for one of the other. None: no
    exchange rate is known, or the price is beyond what is kept, and the service is not sold.
    """
    rate = Decimal(1) if currency == settings.SITE_CURRENCY else rates.get(currency)
    if rate is None:
        return None
    cost_here = _EXACT.multiply(cost, rate)
    marked_up = _EXACT.divide(
        _EXACT.multiply(cost_here, _EXACT.add(Decimal(100), markup_percent)), Decimal(100)
    )
    price = round_charge(marked_up)
    if price < cost_here:
        price = _EXACT.add(price, CHARGE_STEP)
    return price if price < MAX_AMOUNT else None


@dataclass(frozen=True, slots=True)
class PriceRules:
    """Exchange rates and markups as they stood when they were read."""

    rates: Mapping[str, Decimal]
    everything: Decimal
    own: Mapping[int, Decimal]

    def price(self, cost: Decimal, currency: str, service_id: int | None = None) -> Decimal | None:
        """Return a service's price, or None when it is not sold; a service without an id is a new one."""
        percent = self.everything if service_id is None else self.own.get(service_id, self.everything)
        return price_of(cost, currency, percent, self.rates)


def price_rules(services: QuerySet[Service]) -> PriceRules:
    """Read what the prices of these services follow from; a service's own rule wins."""
    own = PriceRule.objects.filter(service__in=services.order_by()).values_list(
        "service_id", "markup_percent"
    )
    return PriceRules(
        rates=dict(ExchangeRate.objects.values_list("currency", "rate")),
        everything=markup_for_everything(),
        own={service_id: percent for service_id, percent in own if service_id is not None},
    )


def markup_for_everything() -> Decimal:
    """Return the percent that counts where a service has no rule of its own: a rule's, else the setting's."""
    rules = PriceRule.objects.filter(scope=PriceRule.Scope.EVERYTHING)
    percent = rules.values_list("markup_percent", flat=True).first()
    return Decimal(settings.DEFAULT_MARKUP_PERCENT) if percent is None else percent


@transaction.atomic
def reprice(what: Provider | QuerySet[Service] | None = None) -> int:
    """Bring the prices of a provider's services, of these, or of all up to date; return how many moved.

    Locks all providers first: a sync under way would otherwise write prices by the rules from before.
    """
    lock_providers()
    services = _services_of(what)
    rules, now, moved = price_rules(services), timezone.now(), []
    for service in services.select_related("provider").only("cost", "price", "provider__currency").order_by():
        price = rules.price(service.cost, service.provider.currency, service.pk)
        if price != service.price:
            service.price, service.changed_at = price, now
            moved.append(service)
    Service.objects.bulk_update(moved, ["price", "changed_at"], batch_size=BATCH)
    return len(moved)


def _services_of(what: Provider | QuerySet[Service] | None) -> QuerySet[Service]:
    if isinstance(what, Provider):
        return Service.objects.filter(provider=what)
    return Service.objects.all() if what is None else what


@transaction.atomic
def set_markup(service: Service | None, percent: Decimal | None) -> PriceRule | None:
    """Make the markup of a service, or of everything (None), `percent`, or drop that rule (None); reprice."""
    scope = PriceRule.Scope.SERVICE if service else PriceRule.Scope.EVERYTHING
    lock_providers()
    rule = None
    if percent is None:
        PriceRule.objects.filter(scope=scope, service=service).delete()
    else:
        rule, _ = PriceRule.objects.update_or_create(
            scope=scope, service=service, defaults={"markup_percent": percent}
        )
    reprice(Service.objects.filter(pk=service.pk) if service else None)
    return rule


@transaction.atomic
def save_rate(currency: str, rate: Decimal | None) -> ExchangeRate | None:
    """Make one unit of `currency` worth `rate` of the site's, or unknown (None); reprice what costs in it."""
    lock_providers()
    kept = None
    if rate is None:
        ExchangeRate.objects.filter(currency=currency).delete()
    else:
        kept, _ = ExchangeRate.objects.update_or_create(currency=currency, defaults={"rate": rate})
    reprice(Service.objects.filter(provider__currency=currency))
    return kept


def lock_providers(**which: object) -> None:
    """Lock providers' rows by id until the transaction ends: before any of their services."""
    list(Provider.objects.filter(**which).order_by("pk").select_for_update().values_list("pk", flat=True))
