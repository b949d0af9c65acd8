"""What customers read as a service's or a category's name, and about a service."""

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import get_language

from catalog.models import Category, Service
from catalog.recordsets import update
from catalog.searching import search_text

_NAMES = ("name", "category__name", "title_ru", "title_en", "category__title_ru", "category__title_en")


def title_of(thing: Service | Category, language: str | None = None) -> str:
    """Return a name in a language (the reader's unless given).

    Ours in that language, else ours in another one, else the provider's own.
    """
    return next((title for title in _texts(thing, "title", language) if title), thing.name)


def about(service: Service, language: str | None = None) -> str:
    """Return a service's description in a language, else in another one; "" where there is none."""
    return next((text for text in _texts(service, "about", language) if text), "")


def _texts(thing: Service | Category, what: str, language: str | None) -> list[str]:
    first = (language or get_language() or settings.LANGUAGE_CODE).partition("-")[0]
    codes = sorted((code for code, _ in settings.LANGUAGES), key=lambda code: code != first)
    return [getattr(thing, f"{what}_{code}") for code in codes]


def refresh_search_texts(services: QuerySet[Service]) -> int:
    """Let searches find services by their names as they are now; return how many were found otherwise.

    For what changes names in bulk, or those of a category: `Service.save` does it for one.
    """
    stale = []
    for pk, kept, *names in services.order_by().values_list("pk", "search_text", *_NAMES):
        name, category, *titles = names
        text = search_text(name=name, category=category, titles=titles)
        if text != kept:
            stale.append((pk, text))
    update(Service, ("search_text",), stale)
    return len(stale)
