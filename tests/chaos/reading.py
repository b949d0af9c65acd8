"""What the site's database holds, read by a command of the site itself, and its customers made by one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.chaos.planning import Service
from tests.site.processes import RunningSite

READ_SERVICES = """
import json
from catalog.models import ON_SALE, Service
print(json.dumps([
    [s.pk, s.provider_service_id, s.min_quantity, s.max_quantity, str(s.price)]
    for s in Service.objects.filter(ON_SALE).order_by("pk")
]))
"""

# Without the sign-up form: the passwords' slow hashes would take longer than all their orders.
MAKE_CUSTOMERS = """
import json
from decimal import Decimal
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from accounts.models import User
from wallet import ledger
sessions = import_module(settings.SESSION_ENGINE)
keys = {}
for email, amount in json.loads('MONEY').items():
    user = User(email=email)
    user.set_unusable_password()
    user.save()
    ledger.adjust(user, amount=Decimal(amount), reference=f"first:{email}", note="a first top-up")
    session = sessions.SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    keys[email] = session.session_key
print(json.dumps(keys))
"""

READ_BOOKS = """
import json
from orders.models import Attempt, Candidate, LostAnswer, Order, OrderEvent
from wallet.models import LedgerAccount
attempts = {}
for row in Attempt.objects.order_by("pk").values_list("order_id", "outcome", "rule"):
    attempts.setdefault(row[0], []).append(row[1:])
found = set(OrderEvent.objects.filter(kind="found").values_list("order_id", flat=True))
print(json.dumps({
    "orders": [
        {
            "id": o.pk, "email": o.customer.email, "service": o.service.provider_service_id, "link": o.link,
            "quantity": o.quantity, "charge": str(o.charge), "refunded": str(o.refunded), "status": o.status,
            "provider_order_id": o.provider_order_id, "is_due": o.due_at is not None,
            "was_found": o.pk in found, "attempts": attempts.get(o.pk, []),
        }
        for o in Order.objects.select_related("customer", "service").order_by("pk")
    ],
    "balances": {a.owner.email: str(a.balance) for a in LedgerAccount.objects.exclude(owner=None)},
    "candidates": Candidate.objects.count(),
    "searches": list(LostAnswer.objects.values_list("state", flat=True)),
}))
"""

READ_STANDING = """
import json
from collections import Counter
from orders.models import Attempt, LostAnswer, Order
print(json.dumps({
    "statuses": Counter(Order.objects.values_list("status", flat=True)),
    "open_attempts": Attempt.objects.filter(outcome="").count(),
    "searches": Counter(LostAnswer.objects.exclude(due_at=None).values_list("state", flat=True)),
}))
"""


@dataclass(frozen=True, slots=True)
class Call:
    """An attempt as our books have it; an empty outcome is that of a call under way."""

    outcome: str
    rule: str


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as our books have it; `service` and `provider_order_id` are the provider's."""

    id: int
    email: str
    service: str
    link: str
    quantity: int
    charge: Decimal
    refunded: Decimal
    status: str
    provider_order_id: str | None
    is_due: bool
    was_found: bool = False
    attempts: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Books:
    """All that our books hold at the end of a run."""

    orders: list[OrderRow]
    balances: dict[str, Decimal]
    candidates: int = 0
    searches: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run has come: orders by status, calls under way, searches that are due later, by state."""

    statuses: dict[str, int]
    open_attempts: int
    searches: dict[str, int]

    def count(self, *statuses: str) -> int:
        """Return how many orders have one of these statuses."""
        return sum(self.statuses.get(status, 0) for status in statuses)


def services_of(site: RunningSite) -> list[Service]:
    """Return what the site sells."""
    return [Service(*row[:4], Decimal(row[4])) for row in _read(site, READ_SERVICES)]


def make_customers(site: RunningSite, money: Mapping[str, Decimal]) -> dict[str, str]:
    """Register customers with money in their wallets; return the keys of their sessions."""
    amounts = json.dumps({email: str(amount) for email, amount in money.items()})
    keys: dict[str, str] = _read(site, MAKE_CUSTOMERS.replace("MONEY", amounts))
    return keys


def books_of(site: RunningSite) -> Books:
    """Return what the site's books hold."""
    read = _read(site, READ_BOOKS)
    balances = {email: Decimal(amount) for email, amount in read["balances"].items()}
    return Books([_order(row) for row in read["orders"]], balances, read["candidates"], read["searches"])


def standing_of(site: RunningSite) -> Standing:
    """Return how far the site's orders have come."""
    return Standing(**_read(site, READ_STANDING))


def _order(row: dict[str, Any]) -> OrderRow:
    money = {name: Decimal(row[name]) for name in ("charge", "refunded")}
    return OrderRow(**{**row, **money, "attempts": tuple(Call(*call) for call in row["attempts"])})


def _read(site: RunningSite, lines: str) -> Any:
    return json.loads(site.manage("shell", "-v", "0", "-c", lines).splitlines()[-1])
