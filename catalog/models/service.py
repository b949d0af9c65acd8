"""What is sold, and when."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from catalog.models.provider import Provider
from catalog.searching import search_text
from money.fields import MoneyField


class Category(models.Model):
    """A heading of the price list; providers that use the same name share it."""

    name = models.CharField(_("name"), max_length=300, unique=True)
    position = models.PositiveIntegerField(_("position"), default=0)
    is_hidden = models.BooleanField(
        _("hidden"), default=False, help_text=_("Hidden: none of its services is sold.")
    )
    title_ru = models.CharField(_("name in Russian"), max_length=300, blank=True)
    title_en = models.CharField(_("name in English"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("position", "name")
        permissions = [("export_category", "Can export category")]

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

    title_ru = models.CharField(
        _("name in Russian"), max_length=500, blank=True, help_text=_("Empty: as the provider names it.")
    )
    title_en = models.CharField(
        _("name in English"), max_length=500, blank=True, help_text=_("Empty: as the provider names it.")
    )
    about_ru = models.TextField(_("description in Russian"), max_length=5000, blank=True)
    about_en = models.TextField(_("description in English"), max_length=5000, blank=True)

    position = models.PositiveIntegerField(_("position"), default=0)
    has_own_position = models.BooleanField(
        _("sorted here"), default=False, help_text=_("Its position is ours: no catalogue changes it.")
    )
    is_listed = models.BooleanField(_("in the provider's catalogue"), default=True)
    is_hidden = models.BooleanField(_("hidden"), default=False)
    search_text = models.TextField(_("what a search looks through"), blank=True, editable=False)
    held_text = models.CharField(
        _("held because"),
        max_length=300,
        blank=True,
        help_text=_("Not sold, and its orders wait, until what holds it has ended."),
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
        permissions = [("export_service", "Can export service"), ("import_service", "Can import service")]
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
        titles = (self.title_ru, self.title_en, self.category.title_ru, self.category.title_en)
        self.search_text = search_text(name=self.name, category=self.category.name, titles=titles)
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


class ServiceHold(models.Model):
    """One reason that keeps a service from being sold. Several may stand side by side; each ends by itself.

    `Service.held_text` names the oldest one: what sells and what sends look at that alone.
    """

    class Kind(models.TextChoices):
        """What holds a service."""

        PROVIDER = "provider", _("The provider refused it, or took a wrong sum")
        NEW = "new", _("New: nobody looked at it yet")
        COST = "cost", _("Its cost has jumped")
        LOSS = "loss", _("Its price is below its cost")
        FAILING = "failing", _("It fails too often")
        WORDS = "words", _("Its name has words that are not sold here")

    service = models.ForeignKey(
        Service, on_delete=models.CASCADE, related_name="holds", db_index=False, verbose_name=_("service")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    text = models.CharField(_("why"), max_length=300)
    since = models.DateTimeField(_("since"), default=timezone.now)
    until = models.DateTimeField(
        _("until"), null=True, blank=True, help_text=_("Empty: until somebody lets it go on.")
    )

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ("since", "id")
        constraints = [
            models.UniqueConstraint(fields=["service", "kind"], name="catalog_servicehold_once"),
            models.CheckConstraint(condition=~Q(text=""), name="catalog_servicehold_says_why"),
        ]
        indexes = [
            models.Index(
                fields=["until"], condition=Q(until__isnull=False), name="catalog_servicehold_until"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service_id}: {self.get_kind_display()}"


class ServiceChange(models.Model):
    """One thing that changed about a service: a row of its history."""

    class Field(models.TextChoices):
        """What changed."""

        ADDED = "added", _("Added")
        LISTED = "listed", _("On the list")
        NAME = "name", _("Name")
        COST = "cost", _("Cost per 1000")
        PRICE = "price", _("Price per 1000")
        MIN_QUANTITY = "min", _("Least quantity")
        MAX_QUANTITY = "max", _("Greatest quantity")
        TYPE = "type", _("Type")
        HELD = "held", pgettext_lazy("of a service", "Held")
        HIDDEN = "hidden", _("Hidden")

    service = models.ForeignKey(
        Service, on_delete=models.CASCADE, related_name="changes", db_index=False, verbose_name=_("service")
    )
    at = models.DateTimeField(_("at"), default=timezone.now)
    field = models.CharField(_("what"), max_length=10, choices=Field.choices)
    old = models.CharField(_("before"), max_length=500, blank=True)
    new = models.CharField(_("after"), max_length=500, blank=True)
    is_public = models.BooleanField(
        _("shown to customers"), default=False, help_text=_("On the page of updates, and the service's own.")
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )

    class Meta:
        verbose_name = _("change of a service")
        verbose_name_plural = _("changes of services")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["service", "-id"], name="catalog_change_of_service"),
            # The page of updates.
            models.Index(fields=["-id"], condition=Q(is_public=True), name="catalog_change_public"),
            # The sweep of what is old.
            models.Index(fields=["at"], name="catalog_change_at"),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} {self.field}: {self.old} → {self.new}"
