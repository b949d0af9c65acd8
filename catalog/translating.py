"""Our own names of services and categories, many at once."""

from collections.abc import Mapping

from django.db import transaction

from catalog.banning import check_words
from catalog.models import Category, Service
from catalog.naming import refresh_search_texts
from catalog.pricing import lock_providers

Names = Mapping[str, str]
"""A field (`title_ru`, `title_en`), then the name that it gets."""


@transaction.atomic
def save_names(names: Mapping[int, Names]) -> int:
    """Give services these names, by their ids; return how many were named otherwise."""
    lock_providers()  # before any service: in the order of whatever writes many
    named = []
    for service in Service.objects.filter(pk__in=names).select_related("category").order_by("pk"):
        changed = _put(service, names[service.pk])
        if changed:
            service.save(update_fields=changed)
            named.append(service.pk)
    check_words(Service.objects.filter(pk__in=named))
    return len(named)


@transaction.atomic
def save_category_names(names: Mapping[int, Names]) -> int:
    """Give categories these names, by their ids; return how many were named otherwise."""
    named = []
    for category in Category.objects.filter(pk__in=names).order_by("pk"):
        changed = _put(category, names[category.pk])
        if changed:
            category.save(update_fields=changed)
            named.append(category.pk)
    follow_names(named)
    return len(named)


def follow_names(category_ids: list[int]) -> None:
    """Bring in line what follows from the names of categories: what searches find, and what is banned."""
    lock_providers()
    services = Service.objects.filter(category__in=category_ids)
    refresh_search_texts(services)
    check_words(services)


def _put(thing: Service | Category, names: Names) -> list[str]:
    changed = [field for field, name in names.items() if getattr(thing, field) != name]
    for field in changed:
        setattr(thing, field, names[field])
    return changed
