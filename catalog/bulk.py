"""What an operator does to many services at once: markup, hiding, moving; all of it or nothing.

By a few statements, however many services; each change leaves a record of who made it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from auditlog.models import LogEntry
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.recording import Recorded, record
from catalog.banning import check_words
from catalog.models import Category, PriceRule, Service
from catalog.naming import refresh_search_texts
from catalog.previewing import Preview, compare
from catalog.pricing import Unseen, WouldLose, lock_providers, reprice
from catalog.recordsets import ids, insert
from catalog.rules import RULES_OF_EVERYBODY, Costing, PriceRules, Scope, Steps, price_rules
from catalog.selling import set_hidden

MOST = 20_000
PRICE_RIGHTS = ("catalog.add_pricerule", "catalog.change_pricerule", "catalog.delete_pricerule")
"""How many services are changed at once."""


class TooMany(Exception):
    """Raised when more services are chosen than are changed at once; `count` is how many."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} services are chosen, at most {MOST} are changed at once")
        self.count = count


def chosen_of(services: QuerySet[Service]) -> QuerySet[Service]:
    """Return the services as they are chosen now, whatever a filter would find later. Raises `TooMany`."""
    count = services.order_by().count()
    if count > MOST:
        raise TooMany(count)
    return of_ids(services.order_by().values_list("pk", flat=True))


def of_ids(service_ids: Iterable[int]) -> QuerySet[Service]:
    """Return services by their ids, however many."""
    return Service.objects.filter(pk__in=ids(service_ids))


# --- Markup -----------------------------------------------------------------------------------------------


def preview_markup(services: QuerySet[Service], percent: Decimal | None) -> Preview:
    """Return what a markup of its own for each of the services, or none (None), would change."""
    before = price_rules(services)
    percents = dict.fromkeys(services.order_by().values_list("pk", flat=True), percent)
    about = (str(percent), sorted(percents))
    listed = services.filter(is_listed=True)
    return compare(listed, before, with_markups(before, percents), about=about)


def with_markups(rules: PriceRules, percents: Mapping[int, Decimal | None]) -> PriceRules:
    """Return rules with markups of services' own, by the services' ids; None: without a rule of its own."""
    everybodys = dict(rules.tiers[-1])
    for service_id, percent in percents.items():
        known = everybodys.pop((Scope.SERVICE, service_id), None)
        if percent is not None:
            everybodys[Scope.SERVICE, service_id] = own_rule(service_id, percent, known)
    return replace(rules, tiers=(*rules.tiers[:-1], everybodys))


def steps_with_markup(rules: PriceRules, costing: Costing, percent: Decimal | None) -> Steps | None:
    """Return how a service's price would come about with a markup of its own; None: by no rule of its own."""
    known = rules.tiers[-1].get((Scope.SERVICE, costing.service_id))
    if percent is not None and costing.service_id is not None:
        return rules.steps_by(own_rule(costing.service_id, percent, known), costing)
    rule = next((one for one in rules.candidates(costing) if one is not known), None)
    return None if rule is None else rules.steps_by(rule, costing)


def own_rule(service_id: int, percent: Decimal, known: PriceRule | None = None) -> PriceRule:
    """Return the rule that a service gets with a markup: what else it said stays, but for a price by hand."""
    rule = PriceRule(scope=Scope.SERVICE, service_id=service_id, percent=percent)
    if known is not None:
        rule.amount, rule.step, rule.min_margin_percent = known.amount, known.step, known.min_margin_percent
    return rule


@transaction.atomic
def set_markups(services: QuerySet[Service], percent: Decimal | None, *, seen: str | None = None) -> int:
    """Give each of the services this markup of its own, or drop its own rule (None), and reprice them.

    Returns how many rules changed. `seen` is the mark of the preview that a person agreed to. Raises
    `WouldLose`, `Unseen`; nothing is changed then.
    """
    lock_providers()
    would = preview_markup(services, percent)
    if would.losing_count:
        raise WouldLose(would)
    if seen is not None and seen != would.mark:
        raise Unseen(would)
    written = write_markups(dict.fromkeys(services.order_by().values_list("pk", flat=True), percent))
    reprice(services)
    return written


def write_markups(percents: Mapping[int, Decimal | None]) -> int:
    """Write markups of services' own, by the services' ids; return how many rules changed.

    Within the caller's transaction, which holds the providers' locks, has looked for losses, and reprices.
    """
    rules = PriceRule.objects.filter(RULES_OF_EVERYBODY, scope=Scope.SERVICE, service__in=ids(percents))
    known = {rule.service_id: rule for rule in rules}
    dropped = [rule for service_id, rule in known.items() if service_id and percents[service_id] is None]
    put = {
        service_id: percent
        for service_id, percent in percents.items()
        if percent is not None and _differs(known.get(service_id), percent)
    }
    PriceRule.objects.filter(pk__in=ids(rule.pk for rule in dropped)).delete()
    written = insert(
        PriceRule,
        ("service_id", "target", "percent"),
        [(one, own_rule(one, percent).target_text(), f"{percent:f}") for one, percent in put.items()],
        same={"scope": Scope.SERVICE},
        on_conflict="(target) DO UPDATE SET percent = excluded.percent, fixed_price = NULL",
        returning=("pk", "service_id"),
    )
    record(PriceRule, [_dropped(rule) for rule in dropped])
    record(PriceRule, [_put(pk, known.get(one), one, put[one]) for pk, one in written])
    return len(dropped) + len(written)


def _differs(known: PriceRule | None, percent: Decimal) -> bool:
    return known is None or known.percent != percent or known.fixed_price is not None


def _dropped(rule: PriceRule) -> Recorded:
    changes = {"percent": [str(rule.percent), "None"]}
    return Recorded(rule.pk, str(rule), changes, action=LogEntry.Action.DELETE)


def _put(pk: int, known: PriceRule | None, service_id: int, percent: Decimal) -> Recorded:
    rule = own_rule(service_id, percent, known)
    changes = {"percent": [str(known.percent) if known else "None", str(percent)]}
    if known is not None and known.fixed_price is not None:
        changes["fixed_price"] = [str(known.fixed_price), "None"]
    action = LogEntry.Action.UPDATE if known else LogEntry.Action.CREATE
    return Recorded(pk, rule.target_text(), changes, action=action)


# --- Hiding and moving ------------------------------------------------------------------------------------


@transaction.atomic
def hide(services: QuerySet[Service], *, is_hidden: bool, actor: User) -> int:
    """Take services off the price list, or put them back; return how many were not so before."""
    turned = dict(services.exclude(is_hidden=is_hidden).order_by("pk").values_list("pk", "name"))
    count = set_hidden(of_ids(turned), is_hidden, actor=actor)
    changes = {"is_hidden": [str(not is_hidden), str(is_hidden)]}
    record(Service, [Recorded(pk, f"{pk} · {name}", changes) for pk, name in turned.items()])
    return count


@transaction.atomic
def move(services: QuerySet[Service], category: Category) -> int:
    """Put services into a category, where catalogues leave them; return how many were in another one.

    Its price rules and its words speak of them from then on.
    """
    lock_providers()  # before the services: as whatever sets prices does
    moved = list(services.exclude(category=category).order_by("pk").values_list("pk", "name", "category_id"))
    chosen = of_ids(pk for pk, _, _ in moved)
    chosen.update(category=category)
    refresh_search_texts(chosen)
    check_words(chosen)
    reprice(chosen)
    record(
        Service,
        [
            Recorded(pk, f"{pk} · {name}", {"category": [str(before), str(category.pk)]})
            for pk, name, before in moved
        ],
    )
    return len(moved)
