"""Providers, what they sell, and what we ask for it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.encryption import EncryptedTextField
from catalog.searching import search_text
from money.fields import MoneyField
from upstream.transport import check_address

currency_code = RegexValidator(r"^[A-Z]{3}$", _("Three capital letters, for example RUB."))


def http_address(value: str) -> None:
    """Refuse an address that calls cannot be made to, or that carries a password where people read it."""
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise ValidationError(_("This is no address.")) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValidationError(_("The address begins with https:// or http://."))
    if parts.username is not None or parts.password is not None:
        raise ValidationError(_("The address carries no name and no password."))
    try:
        check_address(value)
    except ValueError as error:
        raise ValidationError(
            _("No call can be made to this address: check its host and its port.")
        ) from error


class Provider(models.Model):
    """An upstream API v2 account: where it is, how it likes to be called, and how it fares."""

    class Method(models.TextChoices):
        """How calls are sent."""

        POST = "POST", "POST"
        GET = "GET", "GET"

    class LostAnswers(models.TextChoices):
        """What becomes of an order that was found again after its answer to `add` was lost."""

        ASK = "ask", _("Show what was found to the person who settles")
        ADOPT = "adopt", _("Take an order that fits one lost answer only")

    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.CharField(_("API address"), max_length=500, validators=[http_address])
    key = EncryptedTextField(_("API key"))
    currency = models.CharField(_("currency"), max_length=3, validators=[currency_code])
    method = models.CharField(_("method"), max_length=4, choices=Method.choices, default=Method.POST)
    calls_at_once = models.PositiveSmallIntegerField(
        _("calls at once"),
        default=8,
        validators=[MinValueValidator(1)],
        help_text=_("By all workers together."),
    )
    calls_per_second = models.DecimalField(
        _("calls per second"),
        max_digits=7,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("By all workers together, rounded down; empty: no limit."),
    )
    lost_answers = models.CharField(
        _("lost answers"),
        max_length=5,
        choices=LostAnswers.choices,
        default=LostAnswers.ASK,
        help_text=_("Taking by itself is for an account that nobody but this panel uses."),
    )
    answers_for_many = models.BooleanField(
        _("answers about many orders in one call"),
        null=True,
        editable=False,
        help_text=_("Empty: not tried yet."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Inactive: neither synced nor sent to.")
    )

    halted_at = models.DateTimeField(_("halted at"), null=True, blank=True, editable=False)
    halt_rule = models.CharField(_("halt's cause"), max_length=40, blank=True, editable=False)
    halt_text = models.CharField(_("what the provider said"), max_length=500, blank=True, editable=False)
    probe_at = models.DateTimeField(_("next probe at"), null=True, blank=True, editable=False)
    failed_probes = models.PositiveIntegerField(_("failed probes"), default=0, editable=False)
    paced_until = models.DateTimeField(_("asked to wait until"), null=True, blank=True, editable=False)

    balance = MoneyField(_("balance"), null=True, blank=True, editable=False)
    balance_text = models.CharField(_("balance as answered"), max_length=100, blank=True, editable=False)
    balance_verified = models.BooleanField(_("balance's reading is sure"), default=False, editable=False)
    balance_has_decimals = models.BooleanField(
        _("writes balances with a decimal point"),
        default=False,
        editable=False,
        help_text=_("It has answered a balance whose point can only be a decimal point."),
    )
    balance_at = models.DateTimeField(_("balance asked at"), null=True, blank=True, editable=False)
    balance_error = models.CharField(
        _("why the balance is not known"), max_length=500, blank=True, editable=False
    )

    created_at = models.DateTimeField(_("added at"), default=timezone.now, editable=False)
    account_since = models.DateTimeField(
        _("this account since"),
        default=timezone.now,
        editable=False,
        help_text=_("When its address or key was changed last: ids from before are another account's."),
    )

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(condition=Q(calls_at_once__gte=1), name="catalog_provider_calls_at_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """A heading of the price list; providers that use the same name share it."""

    name = models.CharField(_("name"), max_length=300, unique=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    is_hidden = models.BooleanField(
        _("hidden"), default=False, help_text=_("Hidden: none of its services is sold.")
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("position", "name")

    def __str__(self) -> str:
        return self.name


class DuplicateLinks(models.TextChoices):
    """What happens to an order for a link on which an order of the same service is still open.

    The provider counts from where the link stood at each order's start: two at once are mixed up.
    """

    OFF = "off", _("Take it")
    WARN = "warn", _("Ask the customer once more")
    REFUSE = "refuse", _("Refuse it")


class Service(models.Model):
    """A thing sold: the provider's service with our price. Never deleted; what vanishes is switched off."""

    SOLD_TYPES: ClassVar[tuple[str, ...]] = ("Default", "Package")

    provider = models.ForeignKey(
        Provider,
        on_delete=models.PROTECT,
        related_name="services",
        db_index=False,
        verbose_name=_("provider"),
    )
    provider_service_id = models.CharField(_("provider's id"), max_length=100)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, related_name="services", verbose_name=_("category")
    )
    provider_category = models.CharField(
        _("provider's category"), max_length=300, blank=True, help_text=_("A category chosen by hand stays.")
    )
    name = models.CharField(_("name"), max_length=500)
    type = models.CharField(_("type"), max_length=50)
    cost = MoneyField(_("cost per 1000"), help_text=_("In the provider's currency."))
    price = MoneyField(
        _("price per 1000"), null=True, blank=True, help_text=_("In the site's currency; empty: not sold.")
    )
    min_quantity = models.BigIntegerField(_("least quantity"))
    max_quantity = models.BigIntegerField(_("greatest quantity"))
    can_refill = models.BooleanField(_("refill"), null=True)
    can_cancel = models.BooleanField(_("cancel"), null=True)

    position = models.PositiveIntegerField(_("position"), default=0)
    is_listed = models.BooleanField(_("in the provider's catalogue"), default=True)
    is_hidden = models.BooleanField(_("hidden"), default=False)
    search_text = models.TextField(_("what a search looks through"), blank=True, editable=False)
    held_text = models.CharField(
        _("held because"),
        max_length=300,
        blank=True,
        help_text=_("Not sold until an operator lets it go on."),
    )
    duplicate_links = models.CharField(
        _("second order for a link"),
        max_length=6,
        choices=DuplicateLinks.choices,
        blank=True,
        help_text=_("While the first one is open. Empty: as for the whole site."),
    )
    first_seen_at = models.DateTimeField(_("first seen at"), default=timezone.now, editable=False)
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering = ("category__position", "category__name", "position", "id")
        constraints = [
            # Also serves the sync's look-up of what is known of a provider.
            models.UniqueConstraint(fields=["provider", "provider_service_id"], name="catalog_service_once"),
            models.CheckConstraint(
                condition=Q(min_quantity__gte=1, max_quantity__gte=F("min_quantity")),
                name="catalog_service_bounds",
            ),
            models.CheckConstraint(condition=Q(cost__gt=Decimal(0)), name="catalog_service_costs_something"),
        ]
        indexes = [
            # The price list, category by category.
            models.Index(fields=["category", "position", "id"], name="catalog_service_price_list"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} · {self.name}"

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Save, with the text that searches look through brought up to date."""
        self.search_text = search_text(name=self.name, category=self.category.name)
        if update_fields is not None:
            update_fields = {*update_fields, "search_text"}
        super().save(*args, update_fields=update_fields, **kwargs)


ON_SALE = Q(
    is_listed=True,
    is_hidden=False,
    held_text="",
    type__in=Service.SOLD_TYPES,
    price__isnull=False,
    category__is_hidden=False,
    provider__is_active=True,
)
"""When a service can be ordered. One rule for the price list, the order form and placing."""


class PriceRule(models.Model):
    """A markup: one for everything, and one for a service where it differs."""

    class Scope(models.TextChoices):
        """What a rule speaks of."""

        EVERYTHING = "everything", _("Everything")
        SERVICE = "service", _("One service")

    scope = models.CharField(_("applies to"), max_length=20, choices=Scope.choices)
    service = models.OneToOneField(
        Service,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="price_rule",
        verbose_name=_("service"),
    )
    markup_percent = models.DecimalField(
        _("markup, percent"),
        max_digits=9,
        decimal_places=3,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Added to the cost: 30 makes 130 of 100."),
    )

    class Meta:
        verbose_name = _("price rule")
        verbose_name_plural = _("price rules")
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="everything", service__isnull=True)
                | Q(scope="service", service__isnull=False),
                name="catalog_pricerule_scope_fits",
                violation_error_message=_(
                    "Choose a service for a rule of one service, and none for everything."
                ),
            ),
            models.UniqueConstraint(
                fields=["scope"],
                condition=Q(scope="everything"),
                name="catalog_pricerule_one_for_everything",
                violation_error_message=_("There is a rule for everything already: change that one."),
            ),
            models.CheckConstraint(
                condition=Q(markup_percent__gte=Decimal(0)), name="catalog_pricerule_never_below_cost"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service or self.get_scope_display()}: +{self.markup_percent.normalize():f} %"


class ExchangeRate(models.Model):
    """What one unit of a provider's currency is worth in the site's."""

    currency = models.CharField(_("currency"), max_length=3, unique=True, validators=[currency_code])
    rate = models.DecimalField(
        _("rate"),
        max_digits=14,  # what SQLite's 64-bit numbers carry exactly
        decimal_places=8,
        validators=[MinValueValidator(Decimal("0.00000001"))],
        help_text=_("Units of the site's currency for one of this."),
    )
    updated_at = models.DateTimeField(_("as of"), auto_now=True)

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        ordering = ("currency",)
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="catalog_exchangerate_above_zero")
        ]

    def __str__(self) -> str:
        return f"1 {self.currency} = {self.rate.normalize():f} {settings.SITE_CURRENCY}"

    def clean(self) -> None:
        """Refuse a rate for the site's own currency: one of it is one of it."""
        super().clean()
        if self.currency == settings.SITE_CURRENCY:
            raise ValidationError({"currency": _("This is the site's own currency; it needs no rate.")})


class TaughtText(models.Model):
    """What an operator has said a provider's refusal of `add` means, where the error table knows no row.

    Read after the table's own rows (`provider-dialects.md`, section 2).
    """

    class Meaning(models.TextChoices):
        """The class of the error table."""

        REFUSED = "refused", _("Refused: not placed; the order ends and is refunded")
        LATER = "later", _("Later: not placed; the same order is sent again after a while")
        HALT = "halt", _("Halt: not placed; nothing is sent to the provider until it is let go on")
        UNCERTAIN = "uncertain", _("Uncertain: it may have been placed; a person settles each order")

    provider = models.ForeignKey(
        Provider,
        on_delete=models.CASCADE,
        related_name="taught_texts",
        db_index=False,
        verbose_name=_("provider"),
    )
    text = models.CharField(
        _("text"),
        max_length=300,
        help_text=_("Part of what the provider says, in lower case, without links."),
    )
    meaning = models.CharField(_("means"), max_length=10, choices=Meaning.choices)
    taught_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("taught by")
    )
    taught_at = models.DateTimeField(_("taught at"), default=timezone.now)

    class Meta:
        verbose_name = _("taught text")
        verbose_name_plural = _("taught texts")
        ordering = ("provider", "text")
        constraints = [
            # Also serves the look-up before a provider is called.
            models.UniqueConstraint(fields=["provider", "text"], name="catalog_taughttext_once"),
            models.CheckConstraint(condition=~Q(text=""), name="catalog_taughttext_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.text}"


class SyncRun(models.Model):
    """One copy of a provider's catalogue: what it changed, or why it changed nothing."""

    class Outcome(models.TextChoices):
        """How a run ended."""

        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused: the catalogue looks wrong")
        FAILED = "failed", _("Failed: no catalogue came")

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="sync_runs", verbose_name=_("provider")
    )
    started_at = models.DateTimeField(_("started at"))
    ended_at = models.DateTimeField(_("ended at"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    text = models.CharField(_("why"), max_length=500, blank=True)
    new = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    gone = models.PositiveIntegerField(_("gone"), default=0)
    back = models.PositiveIntegerField(_("back"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    skipped = models.JSONField(
        _("skipped"), default=list, blank=True, help_text=_("Rows that could not be read.")
    )

    class Meta:
        verbose_name = _("catalogue run")
        verbose_name_plural = _("catalogue runs")
        ordering = ("-started_at", "-id")

    def __str__(self) -> str:
        return f"{self.provider} {self.started_at:%Y-%m-%d %H:%M} {self.get_outcome_display()}"
