"""Keeping stored prices in line with costs, rates and rules, and changing the rules.

A price is stored with its service: everybody's. What a rule makes of a cost is in `catalog/rules.py`.
"""

from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog import recordsets
from catalog.history import Change, Field, note
from catalog.losses import settle_losses
from catalog.models import CataloguePolicy, PriceRule, Provider, Service
from catalog.previewing import COLUMNS, Preview, in_reach, preview
from catalog.rules import RULES_OF_EVERYBODY, Costing, price_rules


class PricingError(Exception):
    """Why a rule is not saved or dropped. Nothing was changed."""


class WouldLose(PricingError):
    """Raised when services would be sold below their cost; `preview` names them."""

    def __init__(self, preview: Preview) -> None:
        super().__init__(f"{preview.losing_count} services would be sold below cost")
        self.preview = preview


class Unseen(PricingError):
    """Raised when what would change is not what the person has seen; `preview` is what would change now."""

    def __init__(self, preview: Preview) -> None:
        super().__init__("what would change was not seen")
        self.preview = preview


class RuleExists(PricingError):
    """Raised when another rule speaks of the same services to the same people."""


@transaction.atomic
def reprice(what: Provider | QuerySet[Service] | None = None) -> int:
    """Bring the prices of a provider's services, of these, or of all up to date; return how many moved.

    Locks all providers first: a sync under way would otherwise write prices by the rules from before.
    """
    lock_providers()
    services = _services_of(what)
    rules, now = price_rules(services), timezone.now()
    moved, losses = [], {}
    stored = services.order_by().values_list("price", "is_hidden", *COLUMNS)
    for price, is_hidden, *columns in stored:
        service_id, steps = columns[-1], rules.steps(Costing(*columns))
        new = steps.price if steps else None
        if new != price:
            moved.append(Change(service_id, Field.PRICE, price, new, is_offered=not is_hidden))
        if steps and steps.stops:
            losses[service_id] = steps
    recordsets.update(Service, ("price", "changed_at"), ((one.service_id, one.new, now) for one in moved))
    note(moved, at=now)
    settle_losses(services, losses, at=now)
    return len(moved)


def _services_of(what: Provider | QuerySet[Service] | None) -> QuerySet[Service]:
    if isinstance(what, Provider):
        return Service.objects.filter(provider=what)
    return Service.objects.all() if what is None else what


@transaction.atomic
def save_rule(rule: PriceRule, *, seen: str | None = None) -> PriceRule:
    """Save a rule, new or changed, reprice what it speaks of, and return it.

    `seen` is the mark of the preview that a person agreed to; None where nobody is asked. Raises `WouldLose`,
    `Unseen`, `RuleExists`; nothing is changed then.
    """
    lock_providers()
    _agree(rule, seen=seen)
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        raise RuleExists from error
    _reprice_for(rule)
    return rule


@transaction.atomic
def drop_rule(rule: PriceRule, *, seen: str | None = None) -> None:
    """Delete a rule, and reprice what it spoke of by what applies then. Raises `WouldLose`, `Unseen`."""
    lock_providers()
    _agree(rule, seen=seen, dropped=True)
    PriceRule.objects.filter(pk=rule.pk).delete()
    _reprice_for(rule)


def _agree(rule: PriceRule, *, seen: str | None, dropped: bool = False) -> None:
    would = preview(rule, dropped=dropped)
    if would.losing_count:
        raise WouldLose(would)
    if seen is not None and seen != would.mark:
        raise Unseen(would)


def _reprice_for(rule: PriceRule) -> None:
    # What is for a group or a customer is computed when they look: only everybody's prices are stored.
    if rule.group_id is None and rule.customer_id is None:
        reprice(in_reach(rule))


@transaction.atomic
def set_markup(service: Service | None, percent: Decimal | None) -> PriceRule | None:
    """Make everybody's markup of a service, or of everything (None), `percent`, or drop that rule (None).

    What else the rule says stays. Raises `WouldLose`.
    """
    scope = PriceRule.Scope.SERVICE if service else PriceRule.Scope.EVERYTHING
    lock_providers()
    known = PriceRule.objects.filter(RULES_OF_EVERYBODY, scope=scope, service=service).first()
    if percent is None:
        if known is not None:
            drop_rule(known)
        return None
    rule = known or PriceRule(scope=scope, service=service)
    rule.percent = percent
    return save_rule(rule)


@transaction.atomic
def save_policy(policy: CataloguePolicy) -> None:
    """Save what is set for the whole catalogue, and bring prices in line with what a loss does by it."""
    lock_providers()
    policy.save()
    reprice()


def priced_in() -> str:
    """Return the site's currency as all prices were last set in it; empty where it is not known."""
    return CataloguePolicy.objects.values_list("priced_in", flat=True).first() or ""


@transaction.atomic
def price_in_currency() -> int:
    """Set all prices anew, in the site's currency as it is now, and note that; return how many moved."""
    lock_providers()
    policy = CataloguePolicy.get_solo()
    policy.priced_in = settings.SITE_CURRENCY
    policy.save(update_fields=["priced_in"])
    return reprice()


def lock_providers(**which: object) -> None:
    """Lock providers' rows by id until the transaction ends: before any of their services."""
    list(Provider.objects.filter(**which).order_by("pk").select_for_update().values_list("pk", flat=True))
