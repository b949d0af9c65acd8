"""Which price rule wins for a service and a customer, and what it makes of the cost: exact, step by step."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache
from typing import Self

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.models import User
from catalog.models import CataloguePolicy, ExchangeRate, PriceRule, Service
from money.amounts import CHARGE_STEP, MAX_AMOUNT, round_charge

_EXACT = Context(prec=60)
_HUNDRED = Decimal(100)

Scope = PriceRule.Scope
Target = tuple[str, int | None]
"""What a rule is for: its scope, and the row's id."""

EVERYTHING: Target = ("everything", None)


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom prices are for: a customer and their group, a group alone, or everybody."""

    customer_id: int | None = None
    group_id: int | None = None

    @classmethod
    def of(cls, customer: User) -> Self:
        """Return a customer with their group."""
        return cls(customer_id=customer.pk, group_id=customer.customer_group_id)

    @classmethod
    def of_rule(cls, rule: PriceRule) -> Self:
        """Return whom a rule is for; a customer's group counts where the customer's own rules end."""
        if rule.customer is not None:
            return cls.of(rule.customer)
        return cls(group_id=rule.group_id)

    @property
    def own_rules(self) -> Q:
        """Return what finds the rules of this customer and group, without those of everybody."""
        nobodys = Q(pk__in=())
        of_customer = Q(customer=self.customer_id) if self.customer_id else nobodys
        return of_customer | (Q(group=self.group_id) if self.group_id else nobodys)


EVERYBODY = Whom()
RULES_OF_EVERYBODY = Q(customer=None, group=None)


@dataclass(frozen=True, slots=True)
class Costing:
    """What of a service its price follows from; `cost` is per 1000 in `currency`, without an id it is new."""

    cost: Decimal
    currency: str
    provider_id: int
    category_id: int
    service_id: int | None = None

    def targets(self) -> tuple[Target, ...]:
        """Return what rules for this service may be for, the most particular first."""
        return (
            ("service", self.service_id),
            ("category", self.category_id),
            ("provider", self.provider_id),
            EVERYTHING,
        )


@dataclass(frozen=True, slots=True)
class Steps:
    """How a price came about: amounts per 1000 in the site's currency.

    `by_rule` is what the rule says, `floor` the cost and the least margin. `is_loss`: the rule is below the
    cost. `price` is None where that stops the sale, or where it is beyond what is kept.
    """

    rule: PriceRule
    rate: Decimal
    cost_here: Decimal
    by_rule: Decimal
    floor: Decimal
    price: Decimal | None
    is_loss: bool

    @property
    def stops(self) -> bool:
        """Tell whether the sale stops, since the rule is below the cost and prices do not follow losses."""
        return self.is_loss and self.price is None


def steps_of(rule: PriceRule, cost: Decimal, rate: Decimal, *, follows_losses: bool = False) -> Steps:
    """Return what a rule makes of a cost per 1000; `rate` is units of the site's currency for one of its own.

    Cost × rate × (1 + percent / 100) + amount, or the price by hand; not below cost × (1 + least margin /
    100); rounded up to the rule's step, or half up to 0.00001 where that stays above. A rule that is below
    the cost makes no price, unless prices follow such losses: then it is raised like any other.
    """
    cost_here = _EXACT.multiply(cost, rate)
    by_rule = rule.fixed_price
    if by_rule is None:
        by_rule = _EXACT.add(_with_percent(cost_here, rule.percent), rule.amount)
    floor = _with_percent(cost_here, rule.min_margin_percent)
    is_loss = by_rule < cost_here
    price = None
    if follows_losses or not is_loss:
        price = _rounded(by_rule, floor=floor, step=None if rule.fixed_price is not None else rule.step)
    return Steps(rule, rate, cost_here, by_rule, floor, price, is_loss)


def _with_percent(amount: Decimal, percent: Decimal) -> Decimal:
    return _EXACT.multiply(amount, _share(percent)) if percent else amount


@lru_cache
def _share(percent: Decimal) -> Decimal:
    """Return what an amount is multiplied by to get so much more; few percents make many prices."""
    return _EXACT.divide(_EXACT.add(_HUNDRED, percent), _HUNDRED)


def _rounded(by_rule: Decimal, *, floor: Decimal, step: Decimal | None) -> Decimal | None:
    raised = max(by_rule, floor)
    if step is not None:
        over = _EXACT.remainder(raised, step)
        price = _EXACT.add(_EXACT.subtract(raised, over), step) if over else raised
    else:
        least = floor.quantize(CHARGE_STEP, rounding=ROUND_CEILING, context=_EXACT)
        price = max(round_charge(raised), least)
    return price if price < MAX_AMOUNT else None


@dataclass(frozen=True, slots=True)
class PriceRules:
    """Exchange rates and rules as they stood when they were read, for somebody.

    `tiers` are the rules by what they are for: the customer's own, then their group's, then everybody's. The
    last one always says something of everything, unless only what is somebody's own was read.
    """

    rates: Mapping[str, Decimal]
    tiers: tuple[Mapping[Target, PriceRule], ...]
    follows_losses: bool

    def candidates(self, costing: Costing) -> Iterator[PriceRule]:
        """Yield the rules that speak of a service, the one that wins first, then what would apply else."""
        targets = costing.targets()
        for tier in self.tiers:
            if not tier:
                continue  # most have no rule of their own, and there are ten thousand services
            for target in targets:
                rule = tier.get(target)
                if rule is not None:
                    yield rule

    def steps(self, costing: Costing) -> Steps | None:
        """Return how a service's price comes about; None where no rule or no exchange rate is known."""
        rule = next(self.candidates(costing), None)
        return None if rule is None else self.steps_by(rule, costing)

    def steps_by(self, rule: PriceRule, costing: Costing) -> Steps | None:
        """Return what a rule would make of a service, whether or not it wins; None without a rate."""
        rate = self.rate_of(costing.currency)
        if rate is None:
            return None
        return steps_of(rule, costing.cost, rate, follows_losses=self.follows_losses)

    def price(self, costing: Costing) -> Decimal | None:
        """Return a service's price per 1000 in the site's currency, or None when it is not sold."""
        steps = self.steps(costing)
        return None if steps is None else steps.price

    def rate_of(self, currency: str) -> Decimal | None:
        """Return what one of a currency is worth in the site's."""
        return Decimal(1) if currency == settings.SITE_CURRENCY else self.rates.get(currency)

    def with_rule(self, rule: PriceRule) -> Self:
        """Return these rules with one more, or another one for the same services and people."""
        return self._with(rule, {target_of(rule): rule})

    def without_rule(self, rule: PriceRule) -> Self:
        """Return these rules without one; where it spoke of everything to everybody the setting counts."""
        is_last = target_of(rule) == EVERYTHING and _tier_of(rule) == 2
        return self._with(rule, {target_of(rule): default_rule()} if is_last else {})

    def _with(self, rule: PriceRule, put: Mapping[Target, PriceRule]) -> Self:
        tiers = list(self.tiers)
        place = _tier_of(rule)
        left = {target: one for target, one in tiers[place].items() if target != target_of(rule)}
        tiers[place] = left | dict(put)
        return replace(self, tiers=tuple(tiers))


def price_rules(
    services: QuerySet[Service] | None = None,
    *,
    whom: Whom = EVERYBODY,
    policy: CataloguePolicy | None = None,
) -> PriceRules:
    """Read what the prices of these services (None: of all) follow from, for somebody.

    The policy is read too where the caller does not have it.
    """
    of_whom = RULES_OF_EVERYBODY if whom == EVERYBODY else RULES_OF_EVERYBODY | whom.own_rules
    rules = PriceRule.objects.filter(of_whom)
    if services is not None:
        rules = rules.filter(Q(service=None) | Q(service__in=services.order_by()))
    tiers = _tiers(rules)
    tiers[2].setdefault(EVERYTHING, default_rule())
    return _with_rates(tiers, policy)


def own_rules(whom: Whom, services: Collection[Service]) -> PriceRules | None:
    """Read the rules that a customer and their group have of their own for these services; None: no rule.

    One statement where there is none, three more else, however many services.
    """
    about = (
        Q(scope=Scope.EVERYTHING)
        | Q(service__in={service.pk for service in services})
        | Q(category__in={service.category_id for service in services})
        | Q(provider__in={service.provider_id for service in services})
    )
    tiers = _tiers(PriceRule.objects.filter(whom.own_rules, about))
    return _with_rates(tiers) if any(tiers) else None


def default_rule() -> PriceRule:
    """Return what counts where no rule speaks of everything: DEFAULT_MARKUP_PERCENT."""
    return PriceRule(scope=Scope.EVERYTHING, percent=Decimal(settings.DEFAULT_MARKUP_PERCENT))


def target_of(rule: PriceRule) -> Target:
    """Return what a rule is for."""
    return rule.scope, rule.service_id or rule.category_id or rule.provider_id


def _tier_of(rule: PriceRule) -> int:
    if rule.customer_id is not None:
        return 0
    return 2 if rule.group_id is None else 1


def _tiers(rules: Iterable[PriceRule]) -> tuple[dict[Target, PriceRule], ...]:
    tiers: tuple[dict[Target, PriceRule], ...] = ({}, {}, {})
    for rule in rules:
        tiers[_tier_of(rule)][target_of(rule)] = rule
    return tiers


def _with_rates(
    tiers: tuple[dict[Target, PriceRule], ...], policy: CataloguePolicy | None = None
) -> PriceRules:
    policy = policy or CataloguePolicy.objects.first() or CataloguePolicy()
    return PriceRules(
        rates=dict(ExchangeRate.objects.here().values_list("currency", "rate")),
        tiers=tiers,
        follows_losses=policy.on_loss == CataloguePolicy.OnLoss.FOLLOW,
    )
