"""What an operator does to a service that is on the list, and why one is not sold."""

from django.utils.translation import gettext as _

from catalog.models import Service
from operations.alerting import close_alerts
from operations.models import Alert


def why_not_sold(service: Service) -> str:
    """Return why customers cannot order a service, for staff; "" when they can (`models.ON_SALE`)."""
    reasons = (
        (not service.provider.is_active, _("its provider is not active")),
        (not service.is_listed, _("it is not in the provider's catalogue, or its row cannot be read")),
        (bool(service.held_text), _("held: %(why)s") % {"why": service.held_text}),
        (service.is_hidden, _("hidden")),
        (service.category.is_hidden, _("its category is hidden")),
        (
            service.type not in Service.SOLD_TYPES,
            _("type %(type)s is not supported") % {"type": service.type},
        ),
        (
            service.price is None,
            _("no exchange rate for %(currency)s") % {"currency": service.provider.currency},
        ),
    )
    return next((text for applies, text in reasons if applies), "")


def let_go_on(service: Service) -> bool:
    """Sell a held service again; False when nothing held it."""
    # Zero rows: another operator was first.
    if not Service.objects.filter(pk=service.pk).exclude(held_text="").update(held_text=""):
        return False
    close_alerts(Alert.Kind.SERVICE_STOPPED, cause=f"service:{service.pk}")
    return True
