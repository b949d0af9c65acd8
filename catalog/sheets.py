"""The catalogue as sheets: services and price rules, taken out and brought in; categories, taken out."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _
from import_export.instance_loaders import BaseInstanceLoader
from import_export.widgets import Widget

from accounts.recording import Recorded, record
from accounts.sheet_columns import Number, Sheet, Text, YesNo, column
from accounts.sheet_rows import StrictSheet
from catalog import recordsets
from catalog.banning import check_words
from catalog.bulk import PRICE_RIGHTS, hide, move, of_ids, steps_with_markup, write_markups
from catalog.models import Category, PriceRule, Service
from catalog.naming import refresh_search_texts
from catalog.offering import costing_of
from catalog.pricing import RuleExists, WouldLose, lock_providers, reprice, save_rule
from catalog.rules import RULES_OF_EVERYBODY, price_rules
from money.amounts import round_cost
from money.display import shown

TEXTS = ("title_ru", "title_en", "about_ru", "about_en")
LEAST_PERCENT, GREATEST_PERCENT = Decimal(-100), Decimal(100_000)


class Percent(Number):
    """A percentage, or none."""

    def __init__(self) -> None:
        super().__init__(places=3)

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal | None:
        """Read it. Raises `ValueError`."""
        percent = super().clean(value, row, **kwargs)
        if percent is not None and not LEAST_PERCENT <= percent <= GREATEST_PERCENT:
            raise ValueError(_("Write a percentage from −100 to 100,000."))
        return percent

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write it without needless zeros."""
        digits = "" if value is None else f"{value:f}"
        return digits.rstrip("0").rstrip(".") if "." in digits else digits


class Named(Widget):  # type: ignore[misc]
    """A row of another table by its name; `rows` are fetched when a sheet is read."""

    def __init__(self, attribute: str = "name", *, may_be_none: bool = False) -> None:
        super().__init__()
        self.attribute, self.may_be_none = attribute, may_be_none
        self.rows: Mapping[str, Any] = {}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        """Find it. Raises `ValueError`."""
        name = str(value)
        if not name and self.may_be_none:
            return None
        if name not in self.rows:
            raise ValueError(_("There is none of this name."))
        return self.rows[name]

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        """Write the name."""
        return "" if value is None else str(getattr(value, self.attribute))


# --- Services ---------------------------------------------------------------------------------------------


class ServiceSheet(StrictSheet):
    """Services: names, descriptions, hiding, category and own markup may be brought in."""

    id = column("id")
    provider = column("provider", "provider__name")
    provider_service_id = column("provider_service_id")
    name = column("name")
    type = column("type")
    title_ru = column("title_ru", changes=True)
    title_en = column("title_en", changes=True)
    about_ru = column("about_ru", changes=True)
    about_en = column("about_en", changes=True)
    category = column("category", widget=Named(), changes=True)
    is_hidden = column("is_hidden", widget=YesNo(), changes=True)
    markup = column("markup", widget=Percent(), changes=True)
    cost = column("cost", widget=Number())
    currency = column("currency", "provider__currency")
    price = column("price", widget=Number())
    min_quantity = column("min_quantity")
    max_quantity = column("max_quantity")
    is_listed = column("is_listed", widget=YesNo())
    held_text = column("held_text")

    class Meta:
        model = Service
        instance_loader_class = BaseInstanceLoader  # `StrictSheet` finds them all at once
        skip_unchanged = True
        report_skipped = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.before: dict[int, dict[str, Any]] = {}
        self.may_price = False

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        """Note whether who brings the sheet may set markups: that is a right of its own."""
        self.may_price = kwargs["user"].has_perms(PRICE_RIGHTS)
        super().before_import(dataset, **kwargs)

    def filter_export(self, queryset: QuerySet[Service], **kwargs: Any) -> QuerySet[Service]:
        """Fetch the markup of each service's own rule with it."""
        return with_own_markup(queryset)

    def load(self, ids: set[int]) -> dict[int, Any]:
        """Fetch them, with what prices follow from; nobody else sets prices until the end."""
        lock_providers()
        services = with_own_markup(of_ids(ids)).select_related("provider", "category").defer("provider__key")
        self.rules = price_rules(of_ids(ids))
        self.fields["category"].widget.rows = {one.name: one for one in Category.objects.all()}
        return {service.pk: service for service in services}

    def import_instance(self, instance: Any, row: dict[str, str], **kwargs: Any) -> None:
        """Take the cells; a text that differs in the ends of its lines alone stays."""
        names = (*TEXTS, "category", "is_hidden", "markup")
        before = self.before[instance.pk] = {name: getattr(instance, name) for name in names}
        super().import_instance(instance, row, **kwargs)
        for name in TEXTS:
            if getattr(instance, name) == Text().clean(before[name]):
                setattr(instance, name, before[name])

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Refuse names that are too long, and a price below the cost."""
        errors = dict(import_validation_errors or {})
        try:
            instance.clean_fields(exclude={field.name for field in Service._meta.fields} - set(TEXTS))
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if self._marks(instance) and not self.may_price:
            errors["markup"] = [_("You may not change price rules.")]
        if not errors and (self._moves(instance) or self._marks(instance)):
            self._refuse_loss(instance)
        if errors:
            raise ValidationError(errors)

    def _refuse_loss(self, service: Any) -> None:
        costing = costing_of(service, service.provider.currency)
        if self._marks(service):
            steps = steps_with_markup(self.rules, costing, service.markup)
        else:
            steps = self.rules.steps(costing)
        if steps is not None and steps.is_loss:
            why = _("The price would be %(price)s, below the cost of %(cost)s.")
            words = {"price": shown(round_cost(steps.by_rule)), "cost": shown(round_cost(steps.cost_here))}
            raise ValidationError({"markup" if self._marks(service) else "category": [why % words]})

    def write(self, *, user: Any) -> None:
        """Write what changed by the rules of each column."""
        self._write_texts([one for one in self.changed if self._changes(one, *TEXTS)])
        marked = {one.pk: one.markup for one in self.changed if self._marks(one)}
        write_markups(marked)
        moved: dict[Category, list[int]] = {}
        for one in self.changed:
            if self._moves(one):
                moved.setdefault(one.category, []).append(one.pk)
        for category, service_ids in moved.items():
            move(of_ids(service_ids), category)
        if marked:
            reprice(of_ids(marked))
        for is_hidden in (True, False):
            turned = [
                one.pk
                for one in self.changed
                if self._changes(one, "is_hidden") and one.is_hidden is is_hidden
            ]
            if turned:
                hide(of_ids(turned), is_hidden=is_hidden, actor=user)

    def _write_texts(self, services: list[Any]) -> None:
        recordsets.update(
            Service, TEXTS, [(one.pk, *(getattr(one, name) for name in TEXTS)) for one in services]
        )
        renamed = [one.pk for one in services if self._changes(one, "title_ru", "title_en")]
        if renamed:  # a description is no name: what somebody let go under its name stays so
            refresh_search_texts(of_ids(renamed))
            check_words(of_ids(renamed))
        record(Service, [Recorded(one.pk, str(one), self._told(one)) for one in services])

    def _told(self, service: Any) -> dict[str, list[str]]:
        before = self.before[service.pk]
        changed = [name for name in TEXTS if self._changes(service, name)]
        return {name: [before[name], getattr(service, name)] for name in changed}

    def _changes(self, service: Any, *names: str) -> bool:
        before = self.before[service.pk]
        return any(getattr(service, name) != before[name] for name in names)

    def _moves(self, service: Any) -> bool:
        return self._changes(service, "category")

    def _marks(self, service: Any) -> bool:
        return self._changes(service, "markup")


def with_own_markup(services: QuerySet[Service]) -> QuerySet[Any]:
    """Fetch with services, as `markup`, the percent of the rule that each has of its own for everybody."""
    own = PriceRule.objects.filter(
        RULES_OF_EVERYBODY, scope=PriceRule.Scope.SERVICE, service=OuterRef("pk"), fixed_price=None
    )
    return services.annotate(markup=Subquery(own.values("percent")[:1]))


# --- Categories -------------------------------------------------------------------------------------------


class CategorySheet(Sheet):
    """Categories."""

    id = column("id")
    name = column("name")
    title_ru = column("title_ru")
    title_en = column("title_en")
    position = column("position")
    is_hidden = column("is_hidden", widget=YesNo())

    class Meta:
        model = Category


# --- Price rules ------------------------------------------------------------------------------------------

MOST_RULES = 500
"""How many rules one sheet changes: the prices that each speaks of are computed anew for it."""


class PriceRuleSheet(StrictSheet):
    """Price rules: how a price is made may be brought in; what a rule speaks of stays."""

    id = column("id")
    scope = column("scope")
    provider = column("provider", "provider__name")
    category = column("category", "category__name")
    service = column("service", "service_id")
    group = column("group", "group__name")
    customer = column("customer", "customer__email")
    percent = column("percent", widget=Percent(), changes=True)
    amount = column("amount", widget=Number(), changes=True)
    step = column("step", widget=Number(), changes=True)
    min_margin_percent = column("min_margin_percent", widget=Percent(), changes=True)
    fixed_price = column("fixed_price", widget=Number(), changes=True)

    class Meta:
        model = PriceRule
        instance_loader_class = BaseInstanceLoader  # `StrictSheet` finds them all at once
        skip_unchanged = True
        report_skipped = False

    def filter_export(self, queryset: QuerySet[PriceRule], **kwargs: Any) -> QuerySet[PriceRule]:
        """Fetch what a rule speaks of with it."""
        return with_targets(queryset)

    def load(self, ids: set[int]) -> dict[int, Any]:
        """Fetch them; nobody else sets prices until the end."""
        lock_providers()
        rules = with_targets(PriceRule.objects.filter(pk__in=recordsets.ids(ids)))
        return {rule.pk: rule for rule in rules}

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Refuse what the form would refuse, and what the rules of prices do."""
        errors = dict(import_validation_errors or {})
        try:
            instance.clean_fields(exclude={"provider", "category", "service", "group", "customer"})
            instance.validate_constraints()
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        if not errors and len(self.changed) >= MOST_RULES:
            errors = {"id": [_("One sheet changes %(most)d rules at most.") % {"most": MOST_RULES}]}
        if errors:
            raise ValidationError(errors)

    def save_instance(self, instance: Any, is_create: bool, row: dict[str, str], **kwargs: Any) -> None:
        """Save it by the rule, here already: the next row is judged by the prices that it makes."""
        try:
            save_rule(instance)
        except WouldLose as error:
            why = _("%(count)d services would be sold below their cost, %(name)s first.")
            words = {"count": error.preview.losing_count, "name": error.preview.losing[0].name}
            raise ValidationError({"percent": [why % words]}) from error
        except RuleExists as error:
            raise ValidationError({"id": [_("Another rule speaks of the same.")]}) from error
        self.changed.append(instance)

    def write(self, *, user: Any) -> None:
        """Do nothing more: each rule was saved in its turn, and all of it is taken back if one is refused."""


def with_targets(rules: QuerySet[PriceRule]) -> QuerySet[PriceRule]:
    """Fetch with rules what they speak of, without keys."""
    found = rules.select_related("provider", "category", "service", "group", "customer")
    return found.defer("provider__key")
