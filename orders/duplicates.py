"""A second order of a service for a link whose first one is still open.

The provider counts from where the link stood when an order began: two at once are mixed up, and each looks
more delivered than it is. Links are compared as they are stored, in their normal form (`orders/links.py:
clean_link`), letter for letter: no other spelling of an address gets past. A closing slash, "www.", http for
https or what follows a "?" may each lead to another page: none of them is looked past, so that what is warned
of, or refused, is surely for the same page. What follows a "?" is, where a rule of links says so.
"""

from django.conf import settings
from django.db import connection
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.db.models.functions import Substr

from accounts.models import User
from catalog.models import DuplicateLinks, Service
from orders.errors import DuplicateLink
from orders.links import START_LENGTH, LinkStart
from orders.models import Order


def policy_of(service: Service) -> DuplicateLinks:
    """Return what happens to a second order of a service: its own rule, else the site's."""
    return DuplicateLinks(service.duplicate_links or settings.DUPLICATE_LINKS)


def open_orders(*, service_id: int, link: str) -> QuerySet[Order]:
    """Return the orders of a service for a link that have not ended, whoever's they are.

    By `orders_order_open_link`. The link is compared in two halves, not as a whole: SQLite would put an equal
    link's value into the index's expression, and then not know it again.
    """
    halves = Order.objects.alias(link_start=LinkStart("link"), link_rest=Substr("link", START_LENGTH + 1))
    return halves.filter(
        service=service_id, ended_at=None, link_start=link[:START_LENGTH], link_rest=link[START_LENGTH:]
    )


def require_no_twin(customer: User, *, service_id: int, link: str, may_agree: bool) -> None:
    """Raise `DuplicateLink` if an order of the service for the link is open.

    One of the customer's own is named, the newest; of another customer's order nothing is told.
    """
    own_first = Case(When(customer=customer, then=Value(0)), default=Value(1), output_field=IntegerField())
    twins = open_orders(service_id=service_id, link=link).order_by(own_first, "-id")
    twin = twins.values_list("pk", "customer").first()
    if twin is not None:
        order_id, owner_id = twin
        raise DuplicateLink(own_order_id=order_id if owner_id == customer.pk else None, may_agree=may_agree)


def queue_for(*, service_id: int, link: str) -> None:
    """Let the transactions that order a service for a link pass one by one, until each has ended.

    A lock on the pair and not on the service's row: orders for other links do not wait, nor does the
    catalogue's sync, which writes that row. Its number is the hash of its name: two pairs that share one wait
    for each other, and nothing worse. SQLite needs none: there a transaction has the whole database from its
    start.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            name = f"orders.duplicates:{service_id}:{link}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
