"""What staff must know."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Alert(models.Model):
    """Something that needs a person: one open row per kind and cause, however often it happens."""

    class Kind(models.TextChoices):
        """What kinds of trouble raise an alert."""

        PROVIDER_HALTED = "provider_halted", _("Provider halted")
        CATALOGUE_REFUSED = "catalogue_refused", _("Catalogue refused")
        SERVICE_STOPPED = "service_stopped", _("Service stopped")
        ORDER_UNCERTAIN = "order_uncertain", _("Order uncertain")
        ORDER_HELD = "order_held", _("Order held")
        ORDER_UNREADABLE = "order_unreadable", _("Order's answer unreadable")
        ORDERS_OVERDUE = "orders_overdue", _("Orders not sent in time")
        MONEY_WRONG = "money_wrong", _("Books do not agree")

    kind = models.CharField(_("kind"), max_length=40, choices=Kind.choices)
    cause = models.CharField(
        _("cause"), max_length=200, help_text=_("What it is about, for example provider:1.")
    )
    text = models.TextField(_("text"))
    times = models.PositiveIntegerField(_("times"), default=1)
    first_at = models.DateTimeField(_("first at"))
    last_at = models.DateTimeField(_("last at"))
    mailed_at = models.DateTimeField(_("mailed at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ("-last_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "cause"],
                condition=models.Q(closed_at__isnull=True),
                name="operations_alert_one_open_per_cause",
            ),
        ]
        indexes = [
            # The list in admin, newest first.
            models.Index(fields=["-last_at", "-id"], name="operations_alert_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.cause}"
