"""Rows that are valid unless a test says otherwise."""

import uuid
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group
from django.db import connection

from accounts import roles
from accounts.models import User
from catalog.models import Category, Provider, Service, ServiceHold
from orders.models import Order
from orders.placing import place_order
from wallet import ledger

LINK = "https://example.com/channel"


def make_user(email: str = "", **fields: Any) -> User:
    """Save a customer with the password "a long password"."""
    return User.objects.create_user(
        email or f"{uuid.uuid4().hex[:8]}@example.com", "a long password", **fields
    )


def role_group(name: str) -> Group:
    """Return a role's group, made anew where the flush after a transactional test took it away."""
    roles.make(apps)
    return Group.objects.get(name=name)


def give_role(user: User, name: str) -> None:
    """Put a member of staff into a role's group."""
    user.groups.add(role_group(name))


def credit(user: User, amount: Decimal | int | str = 1000) -> None:
    """Put money into a user's wallet."""
    ledger.adjust(user, amount=Decimal(amount), reference=uuid.uuid4().hex, note="for a test")


def make_provider(**fields: Any) -> Provider:
    """Save a provider that nothing listens for, unless its address is given."""
    plain = {
        "name": uuid.uuid4().hex[:8],
        "url": "http://127.0.0.1:9/api/v2",
        "key": "k-e-y",
        "currency": "RUB",
    }
    return Provider.objects.create(**plain | fields)


def make_service(provider: Provider | None = None, **fields: Any) -> Service:
    """Save a service that is on sale; with `held_text`, one that the provider's refusals hold."""
    category = fields.pop("category", "YouTube")
    if isinstance(category, str):
        category, _ = Category.objects.get_or_create(name=category)
    plain: dict[str, Any] = {
        "provider_service_id": uuid.uuid4().hex[:8],
        "provider_category": category.name,
        "name": "Подписчики YouTube",
        "type": "Default",
        "cost": Decimal(100),
        "price": Decimal(130),
        "min_quantity": 100,
        "max_quantity": 50_000,
    }
    service = Service.objects.create(
        provider=provider or make_provider(), category=category, **plain | fields
    )
    if service.held_text:
        ServiceHold.objects.create(service=service, kind=ServiceHold.Kind.PROVIDER, text=service.held_text)
    return service


def place(customer: User, service: Service, *, quantity: int = 1000, link: str = LINK, **more: Any) -> Order:
    """Place an order by the rule, a second one for its link too; the wallet must hold the charge."""
    more.setdefault("request_id", uuid.uuid4().hex)
    more.setdefault("duplicate_agreed", True)
    return place_order(customer, service_id=service.pk, link=link, quantity=quantity, **more)


def fill_table(rows: list[dict[str, Any]], *, like: Order) -> None:
    """Write copies of an order with these fields, and count the table, as the planner of PostgreSQL goes by.

    Of a few rows a planner reads all, or by any index. Nobody paid for these: the audit names them.
    """
    as_it_is = {field.attname: getattr(like, field.attname) for field in Order._meta.concrete_fields}
    plain = as_it_is | {"id": None}
    Order.objects.bulk_create(Order(**plain | {"request_id": uuid.uuid4().hex} | row) for row in rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
