"""What the operator has set for the whole catalogue, in admin."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from solo.models import SingletonModel

from catalog.models.service import Category, Service


class CataloguePolicy(SingletonModel):
    """When a catalogue is not believed, when a service stops, and when a rate is old: one row."""

    class OnLoss(models.TextChoices):
        """What happens to a service whose cost rises above its price."""

        STOP = "stop", _("Its sale stops until the rule or the price follows")
        FOLLOW = "follow", _("Its price follows: the cost and the least margin")

    max_shrink_percent = models.PositiveSmallIntegerField(
        _("a catalogue may lose, percent"),
        default=30,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "Of the services listed now. A catalogue that is shorter changes nothing, and staff are alerted."
        ),
    )
    max_cost_jump_percent = models.PositiveIntegerField(
        _("a cost may rise, percent"),
        default=50,
        help_text=_("By one copy. A service whose cost rises by more is held until it is confirmed."),
    )
    on_loss = models.CharField(
        _("when a cost rises above the price"), max_length=6, choices=OnLoss.choices, default=OnLoss.STOP
    )
    rate_warning_days = models.PositiveSmallIntegerField(
        _("a rate is old after, days"), default=7, validators=[MinValueValidator(1)]
    )
    failing_percent = models.PositiveSmallIntegerField(
        _("a service fails too often at, percent"),
        null=True,
        blank=True,
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Of its orders that ended: canceled or refused. Empty: no service is stopped for this."),
    )
    failing_orders = models.PositiveIntegerField(
        _("of at least, orders"),
        default=20,
        validators=[MinValueValidator(1)],
        help_text=_("The last ones that ended. With fewer than these nothing is said of a service."),
    )
    failing_hours = models.PositiveIntegerField(
        _("and is sold again after, hours"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: when somebody lets it go on."),
    )
    # The site's currency as all prices were last set in it, empty where that is not known: no setting, but
    # `migrate` writes it (`panel/currency.py`).
    priced_in = models.CharField(_("prices were set in"), max_length=3, blank=True, editable=False)

    class Meta:
        verbose_name = _("catalogue policy")
        verbose_name_plural = _("catalogue policy")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save as the one row there is: `migrate` has made it, and a new one takes its place."""
        super().save(*args, **kwargs | {"force_insert": False})


class BannedWords(models.Model):
    """Words that keep a service from being sold, wherever they stand in its name or category."""

    pattern = models.CharField(
        _("words"),
        max_length=200,
        unique=True,
        help_text=_("Whole words, whatever their case; * stands for any letters: casino*."),
    )
    is_on = models.BooleanField(_("on"), default=True)
    note = models.CharField(_("note"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("banned words")
        verbose_name_plural = _("banned words")
        ordering = ("pattern",)
        constraints = [
            models.CheckConstraint(condition=~Q(pattern=""), name="catalog_bannedwords_say_something"),
        ]

    def __str__(self) -> str:
        return self.pattern


class LinkRule(models.Model):
    """Which links orders are taken for: of everything, a category, or a service; the most particular wins."""

    category = models.OneToOneField(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="link_rule",
        verbose_name=_("category"),
    )
    service = models.OneToOneField(
        Service,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="link_rule",
        verbose_name=_("service"),
    )
    hosts = models.TextField(
        _("hosts"),
        max_length=2000,
        blank=True,
        help_text=_("One a line, subdomains included: instagram.com. Empty: any."),
    )
    patterns = models.TextField(
        _("patterns"),
        max_length=2000,
        blank=True,
        help_text=_("One a line, of the path: /p/*, where * stands for anything. Empty: any."),
    )
    example = models.CharField(
        _("example"), max_length=300, blank=True, help_text=_("Shown to customers with the refusal.")
    )
    drops_query = models.BooleanField(
        _("without what follows ?"),
        default=False,
        help_text=_(
            "Normal form: marks of where a visitor came from are left out, so that one link is one text."
        ),
    )

    is_of_site = models.GeneratedField(
        expression=Q(category=None, service=None),  # type: ignore[arg-type]
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        verbose_name = _("link rule")
        verbose_name_plural = _("link rules")
        constraints = [
            models.CheckConstraint(
                condition=Q(category=None) | Q(service=None),
                name="catalog_linkrule_one_target",
                violation_error_message=_("Choose a category, or a service, or neither for the whole site."),
            ),
            models.UniqueConstraint(
                fields=["is_of_site"], condition=Q(is_of_site=True), name="catalog_linkrule_one_for_site"
            ),
        ]

    def __str__(self) -> str:
        return str(self.service or self.category or _("The whole site"))
