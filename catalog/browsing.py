"""Reading the price list: what customers can order now."""

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef

from catalog.models import ON_SALE, Category, Service
from catalog.searching import matching

PAGE = 50


def categories_on_sale() -> list[Category]:
    """Return the categories with something to order, in the order of the price list."""
    sold = Service.objects.filter(ON_SALE, category=OuterRef("pk"))
    return list(Category.objects.filter(Exists(sold)))


def services_in(category_id: int) -> list[Service]:
    """Return what can be ordered in a category, in the order of the price list."""
    return list(Service.objects.filter(ON_SALE, category=category_id))


def service_on_sale(service_id: int | None) -> Service | None:
    """Return a service with its category if it can be ordered now."""
    if service_id is None:
        return None
    return Service.objects.filter(ON_SALE, pk=service_id).select_related("category").first()


def count_on_sale() -> int:
    """Return how many services can be ordered now."""
    return Service.objects.filter(ON_SALE).count()


def price_list(*, query: str = "", category_id: int | None = None, page: str | None = None) -> Page[Service]:
    """Return a page of what can be ordered, with categories; for a page that does not exist, the nearest one.

    `query` is looked for in names and categories, word by word, and as a service's number.
    """
    services = Service.objects.filter(ON_SALE, matching(query)).select_related("category")
    if category_id is not None:
        services = services.filter(category=category_id)
    return Paginator(services, PAGE).get_page(page)
