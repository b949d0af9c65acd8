"""What an operator does to services that are on the list, and why one is not sold."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from catalog.banning import check_words
from catalog.history import Change, Field, note
from catalog.models import Service
from catalog.pricing import lock_providers, reprice
from catalog.recordsets import ids

NAMES = frozenset({"category", "title_ru", "title_en"})
"""What of a service's names a person decides: banned words are looked for in them."""


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


@transaction.atomic
def save_decisions(service: Service, fields: Collection[str], *, actor: User | None = None) -> None:
    """Write these fields of a service, as a person decided, with what follows from them.

    A position that was given stays: catalogues change it no more.
    """
    written = set(fields)
    if NAMES & written:
        lock_providers()  # before the service: as whatever holds services in bulk does
    if "position" in written:
        service.has_own_position = True
        written.add("has_own_position")
    service.save(update_fields=written)
    if "is_hidden" in written:
        note([Change(service.pk, Field.HIDDEN, not service.is_hidden, service.is_hidden)], actor=actor)
    if NAMES & written:
        check_words(Service.objects.filter(pk=service.pk))
    if "category" in written:
        reprice(Service.objects.filter(pk=service.pk))  # another category's rules speak of it now


def set_hidden(services: QuerySet[Service], is_hidden: bool, *, actor: User | None = None) -> int:
    """Take services off the price list, or put them back; return how many were not so before."""
    with transaction.atomic():
        lock_providers()  # before any service: in the order of whatever writes many
        turned = services.exclude(is_hidden=is_hidden).order_by("pk").select_for_update(of=("self",))
        changes = [
            Change(pk, Field.HIDDEN, not is_hidden, is_hidden) for pk in turned.values_list("pk", flat=True)
        ]
        Service.objects.filter(pk__in=ids(one.service_id for one in changes)).update(is_hidden=is_hidden)
        note(changes, actor=actor)
    return len(changes)
