"""Reading the price list: what customers can order now."""

from django.core.paginator import Page, Paginator
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from catalog.models import ON_SALE, Category, Service, ServiceHold
from catalog.offering import with_prices_for
from catalog.searching import matching

PAGE = 50
UNSEEN = (ServiceHold.Kind.NEW, ServiceHold.Kind.WORDS)


def categories_on_sale() -> list[Category]:
    """Return the categories with something to order, in the order of the price list."""
    sold = Service.objects.filter(ON_SALE, category=OuterRef("pk"))
    return list(Category.objects.filter(Exists(sold)))


def services_in(category_id: int, *, customer: User | None = None) -> list[Service]:
    """Return what a customer can order in a category, at their prices, in the order of the price list."""
    return _offered(Service.objects.filter(ON_SALE, category=category_id), customer)


def services_beside(service_id: int | None, *, customer: User | None = None) -> list[Service]:
    """Return what a customer can order in a service's category, as `services_in` does, with their health.

    The service is among them if it can be ordered. Two statements, where the customer has no own rule.
    """
    if service_id is None:
        return []
    its = Service.objects.filter(pk=service_id).values("category")
    return _offered(Service.objects.filter(ON_SALE, category__in=its).select_related("health"), customer)


def service_on_sale(service_id: int | None, *, customer: User | None = None) -> Service | None:
    """Return a service with its category if a customer can order it now, at their price."""
    if service_id is None:
        return None
    rows = Service.objects.filter(ON_SALE, pk=service_id).select_related("category", "health")
    return next(iter(_offered(rows, customer)), None)


def _offered(rows: QuerySet[Service], customer: User | None) -> list[Service]:
    services = list(rows)
    with_prices_for(customer, services)
    return [service for service in services if service.price is not None]


def service_shown(service_id: int, *, customer: User | None = None) -> tuple[Service, bool] | None:
    """Return a service that a customer may read of, and whether they can order it now; None for others.

    What is hidden, of a kind that is not sold, new and not looked at, or has banned words, nobody reads of.
    """
    sold = service_on_sale(service_id, customer=customer)
    if sold is not None:
        return sold, True
    kept_back = ServiceHold.objects.filter(service=OuterRef("pk"), kind__in=UNSEEN)
    unsold = Service.objects.filter(
        ~Exists(kept_back),
        pk=service_id,
        is_hidden=False,
        type__in=Service.SOLD_TYPES,
        category__is_hidden=False,
        provider__is_active=True,
    )
    service = unsold.select_related("category", "health").first()
    return None if service is None else (service, False)


def count_on_sale() -> int:
    """Return how many services can be ordered now."""
    return Service.objects.filter(ON_SALE).count()


def price_list(
    *,
    query: str = "",
    category_id: int | None = None,
    page: str | None = None,
    customer: User | None = None,
) -> Page[Service]:
    """Return a page of what can be ordered, with categories; for a page that does not exist, the nearest one.

    `query` is looked for in names and categories, word by word, and as a service's number. The prices are the
    customer's; None where a rule of theirs keeps one from them.
    """
    services = Service.objects.filter(ON_SALE, matching(query)).select_related("category", "health")
    if category_id is not None:
        services = services.filter(category=category_id)
    found = Paginator(services, PAGE).get_page(page)
    found.object_list = list(found.object_list)
    with_prices_for(customer, found.object_list)
    return found
