"""What a price rule would change, before it is saved or dropped: services, prices, and what would lose."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from catalog.models import PriceRule, Service
from catalog.rules import Costing, PriceRules, Steps, Whom, price_rules, target_of

ROWS = 50
NAMED = 10

COLUMNS = ("cost", "provider__currency", "provider_id", "category_id", "pk")
"""What of a service its price follows from, in the order of `Costing`."""


@dataclass(frozen=True, slots=True)
class Row:
    """A service and its prices per 1000 in the site's currency; None: not sold. `percent` is the change."""

    service_id: int
    name: str
    old: Decimal | None
    new: Decimal | None
    percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Losing:
    """A service that a rule would sell below its cost: both per 1000 in the site's currency."""

    service_id: int
    name: str
    by_rule: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would change among the listed services that it speaks of.

    `rows` are the first 50 that change, `losing` the first ten that would be sold below cost: with any of
    these the rule is refused. `mark` stands for all that was computed: another one, and something changed.
    """

    services: int
    changed: int
    least_percent: Decimal | None
    greatest_percent: Decimal | None
    rows: tuple[Row, ...]
    losing: tuple[Losing, ...]
    losing_count: int
    mark: str


@dataclass(frozen=True, slots=True)
class _Change:
    service_id: int
    before: Steps | None
    after: Steps | None
    loses: bool

    @property
    def old(self) -> Decimal | None:
        return self.before.price if self.before else None

    @property
    def new(self) -> Decimal | None:
        return self.after.price if self.after else None

    @property
    def percent(self) -> Decimal | None:
        if not self.old or self.new is None:
            return None
        return ((self.new - self.old) * 100 / self.old).quantize(Decimal("0.01"))


def in_reach(rule: PriceRule) -> QuerySet[Service]:
    """Return the services that a rule speaks of."""
    if rule.scope == PriceRule.Scope.EVERYTHING:
        return Service.objects.all()
    if rule.scope == PriceRule.Scope.SERVICE:
        return Service.objects.filter(pk=target_of(rule)[1] or 0)
    return Service.objects.filter(**{rule.scope: target_of(rule)[1]})


def preview(rule: PriceRule, *, dropped: bool = False) -> Preview:
    """Return what saving a rule as it is here, or dropping it, would change for those whom it is for."""
    reach = in_reach(rule).filter(is_listed=True)
    before = price_rules(reach, whom=Whom.of_rule(rule))
    after = before.without_rule(rule) if dropped else before.with_rule(rule)
    terms = (rule.percent, rule.amount, rule.step, rule.min_margin_percent, rule.fixed_price)
    about = (rule.target_text(), dropped, *(str(term) for term in terms))
    return compare(reach, before, after, about=about)


def compare(
    reach: QuerySet[Service], before: PriceRules, after: PriceRules, *, about: tuple[object, ...]
) -> Preview:
    """Return what other rules would change among services; `about` names them in the preview's mark."""
    changes = list(_changes(reach, before, after))
    moved = [change for change in changes if change.old != change.new]
    losing = [change for change in changes if change.loses]
    percents = [change.percent for change in moved if change.percent is not None]
    shown, named = moved[:ROWS], losing[:NAMED]
    names = _names(shown + named)
    return Preview(
        services=len(changes),
        changed=len(moved),
        least_percent=min(percents, default=None),
        greatest_percent=max(percents, default=None),
        rows=tuple(
            Row(one.service_id, names[one.service_id], one.old, one.new, one.percent) for one in shown
        ),
        losing=tuple(
            Losing(one.service_id, names[one.service_id], one.after.by_rule, one.after.cost_here)
            for one in named
            if one.after
        ),
        losing_count=len(losing),
        mark=_mark(about, moved, losing),
    )


def _changes(reach: QuerySet[Service], before: PriceRules, after: PriceRules) -> Iterator[_Change]:
    for columns in reach.order_by("pk").values_list(*COLUMNS):
        costing = Costing(*columns)
        old, new = before.steps(costing), after.steps(costing)
        # What loses by a rule that wins as before is no fault of this one.
        touched = old is not None and new is not None and old.rule is not new.rule
        yield _Change(columns[-1], old, new, loses=touched and new is not None and new.is_loss)


def _names(changes: list[_Change]) -> dict[int, str]:
    ids = {change.service_id for change in changes}
    return dict(Service.objects.filter(pk__in=ids).order_by().values_list("pk", "name"))


def _mark(about: tuple[object, ...], moved: list[_Change], losing: list[_Change]) -> str:
    figures = [(change.service_id, change.old, change.new) for change in moved]
    lost = [change.service_id for change in losing]
    return hashlib.sha256(repr((*about, figures, lost)).encode()).hexdigest()
