"""What makes a price: rules of markup, and exchange rates."""

from datetime import date
from decimal import Decimal
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import CustomerGroup
from catalog.models.provider import Provider, currency_code
from catalog.models.service import Category, Service
from money.fields import MoneyField


class PriceRule(models.Model):
    """How a cost becomes a price: for some services (`scope`), and for everybody, a group or one customer.

    The most particular rule wins: whom it is for is compared first (a customer, a group, everybody), then
    what it is for (a service, a category, a provider, everything).
    """

    class Scope(models.TextChoices):
        """Which services a rule speaks of."""

        EVERYTHING = "everything", _("Everything")
        PROVIDER = "provider", _("A provider's services")
        CATEGORY = "category", _("A category")
        SERVICE = "service", _("One service")

    scope = models.CharField(_("applies to"), max_length=20, choices=Scope.choices)
    provider = models.ForeignKey(
        Provider,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="price_rules",
        verbose_name=_("provider"),
    )
    category = models.ForeignKey(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="price_rules",
        verbose_name=_("category"),
    )
    service = models.ForeignKey(
        Service,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="price_rules",
        verbose_name=_("service"),
    )
    group = models.ForeignKey(
        CustomerGroup,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="price_rules",
        verbose_name=_("customer group"),
    )
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="price_rules",
        verbose_name=_("customer"),
    )
    percent = models.DecimalField(
        _("markup, percent"),
        max_digits=9,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(-100))],
        help_text=_("Added to the cost: 30 makes 130 of 100."),
    )
    amount = MoneyField(
        _("plus a fixed amount"),
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Per 1000, in the site's currency."),
    )
    step = MoneyField(
        _("rounded up to a step"),
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.00001"))],
        help_text=_("For example 0.5; empty: to 0.00001."),
    )
    min_margin_percent = models.DecimalField(
        _("margin of at least, percent"),
        max_digits=9,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Of the cost: a price that would be less is raised to it."),
    )
    fixed_price = MoneyField(
        _("price by hand"),
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.00001"))],
        help_text=_(
            "Per 1000, in the site's currency, for a rule of one service. It does not follow the cost."
        ),
    )
    target = models.CharField(max_length=80, unique=True, editable=False)

    class Meta:
        verbose_name = _("price rule")
        verbose_name_plural = _("price rules")
        permissions = [
            ("export_pricerule", "Can export pricerule"),
            ("import_pricerule", "Can import pricerule"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="everything", provider=None, category=None, service=None)
                | Q(scope="provider", provider__isnull=False, category=None, service=None)
                | Q(scope="category", provider=None, category__isnull=False, service=None)
                | Q(scope="service", provider=None, category=None, service__isnull=False),
                name="catalog_pricerule_scope_fits",
                violation_error_message=_("Choose what the rule applies to, and nothing besides."),
            ),
            models.CheckConstraint(
                condition=Q(group=None) | Q(customer=None),
                name="catalog_pricerule_whom_fits",
                violation_error_message=_("Choose a group, or a customer, or neither."),
            ),
            models.CheckConstraint(
                condition=Q(fixed_price=None) | Q(scope="service"),
                name="catalog_pricerule_fixed_of_service",
                violation_error_message=_("A price by hand is for one service."),
            ),
            models.CheckConstraint(
                condition=Q(
                    percent__gte=Decimal(-100), amount__gte=Decimal(0), min_margin_percent__gte=Decimal(0)
                ),
                name="catalog_pricerule_bounds",
            ),
        ]

    def __str__(self) -> str:
        return self.target

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with what keeps a second rule for the same services and people out."""
        self.target = self.target_text()
        super().save(*args, **kwargs)

    def target_text(self) -> str:
        """Return for which services and people the rule is, as a text that only one rule may have."""
        of = self.service_id or self.category_id or self.provider_id or ""
        whom = f"customer:{self.customer_id}" if self.customer_id else f"group:{self.group_id or ''}"
        return f"{self.scope}:{of} {whom}"


def today() -> date:
    """Return the day it is, in UTC."""
    return timezone.now().date()


def site_currency() -> str:
    """Return the site's currency, as it is set now."""
    return str(settings.SITE_CURRENCY)


class ExchangeRateQuerySet(models.QuerySet["ExchangeRate"]):
    """Exchange rates: those of the site's currency count, and no others."""

    def here(self) -> Self:
        """Return the rates in the site's currency as it is set now; others are of one that it had before."""
        return self.filter(site_currency=site_currency())


class ExchangeRate(models.Model):
    """What one unit of a provider's currency is worth in the site's, read by `objects.here()`."""

    class Source(models.TextChoices):
        """Where a rate comes from."""

        HAND = "hand", _("Entered by hand")
        CBR = "cbr", _("Bank of Russia")
        ECB = "ecb", _("European Central Bank")

    currency = models.CharField(_("currency"), max_length=3, validators=[currency_code])
    site_currency = models.CharField(
        _("site's currency"),
        max_length=3,
        default=site_currency,
        editable=False,
        validators=[currency_code],
    )
    rate = models.DecimalField(
        _("rate"),
        max_digits=14,  # what SQLite's 64-bit numbers carry exactly
        decimal_places=8,
        validators=[MinValueValidator(Decimal("0.00000001"))],
        help_text=_("Units of the site's currency for one of this."),
    )
    as_of = models.DateField(_("as of"), default=today)
    source = models.CharField(_("source"), max_length=4, choices=Source.choices, default=Source.HAND)
    updated_at = models.DateTimeField(_("changed at"), auto_now=True)

    objects = ExchangeRateQuerySet.as_manager()

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        ordering = ("currency",)
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="catalog_exchangerate_above_zero"),
            models.UniqueConstraint(
                fields=["currency", "site_currency"], name="catalog_exchangerate_one_of_a_pair"
            ),
        ]

    def __str__(self) -> str:
        return f"1 {self.currency} = {self.rate.normalize():f} {self.site_currency}"

    def clean(self) -> None:
        """Refuse a rate for the site's own currency: one of it is one of it."""
        super().clean()
        if self.currency == self.site_currency:
            raise ValidationError({"currency": _("This is the site's own currency; it needs no rate.")})
