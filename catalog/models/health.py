"""How services fare, measured from our own orders (`orders/health.py`)."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.models.service import Service


class ServiceHealth(models.Model):
    """What came of a service's last orders."""

    service = models.OneToOneField(
        Service, on_delete=models.CASCADE, related_name="health", verbose_name=_("service")
    )
    measured_at = models.DateTimeField(_("measured at"), default=timezone.now)
    ended = models.PositiveIntegerField(_("orders that ended"), default=0)
    failed = models.PositiveIntegerField(_("of them canceled or refused"), default=0)
    stuck = models.PositiveIntegerField(
        _("stuck"), default=0, help_text=_("Open for far longer than such orders take.")
    )
    median_seconds = models.PositiveIntegerField(_("half are done within, seconds"), null=True, blank=True)
    most_seconds = models.PositiveIntegerField(
        _("nine of ten are done within, seconds"), null=True, blank=True
    )

    class Meta:
        verbose_name = _("service's health")
        verbose_name_plural = _("services' health")
        ordering = ("-measured_at", "-id")

    def __str__(self) -> str:
        return f"{self.service_id}: {self.failed}/{self.ended}"


class ServiceSpeed(models.Model):
    """How long a service's orders of some quantity took, from acceptance to completion."""

    service = models.ForeignKey(
        Service, on_delete=models.CASCADE, related_name="speeds", db_index=False, verbose_name=_("service")
    )
    up_to_quantity = models.BigIntegerField(_("quantities up to"))
    orders = models.PositiveIntegerField(_("orders"))
    median_seconds = models.PositiveIntegerField(_("half are done within, seconds"))
    most_seconds = models.PositiveIntegerField(_("nine of ten are done within, seconds"))

    class Meta:
        verbose_name = _("service's speed")
        verbose_name_plural = _("services' speeds")
        ordering = ("service", "up_to_quantity")
        constraints = [
            models.UniqueConstraint(fields=["service", "up_to_quantity"], name="catalog_servicespeed_once"),
            models.CheckConstraint(condition=Q(orders__gte=1), name="catalog_servicespeed_measured"),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} ≤ {self.up_to_quantity}"
