"""Lost answers as the search leaves them, without a search, for the pages that show them."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.models import User
from catalog.models import Provider, Service
from orders.models import Attempt, Candidate, LostAnswer, Order
from tests.factories import credit, place
from tests.orders.acting import accept, fresh

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

_links = itertools.count(1)


def attempt_for(order: Order, outcome: str = "uncertain", *, minute: int = 0, **fields: Any) -> Attempt:
    """Save an ended call, made some minutes after noon, that took ten seconds; a placed one has its order."""
    at = NOON + timedelta(minutes=minute)
    plain: dict[str, Any] = {"started_at": at, "ended_at": at + timedelta(seconds=10), "lease_until": at}
    plain |= {"rule": "read_timeout", "outcome": outcome}
    if outcome == "placed":
        Attempt.objects.filter(order=accept(order)).update(**plain | {"rule": ""} | fields)
        return Attempt.objects.get(order=order)
    return Attempt.objects.create(order=order, provider_id=order.provider_id, **plain | fields)


def lose(customer: User, service: Service, *, state: str = "whole", **fields: Any) -> Order:
    """Place an order for a link of its own whose answer is lost, searched for between 500 and 510."""
    credit(customer, 10_000)
    fields.setdefault("link", f"https://example.com/lost/{next(_links)}")
    order = place(customer, service, **fields)
    attempt = attempt_for(order, answer="<h1>Bad Gateway</h1>", http_status=502)
    Provider.objects.filter(pk=order.provider_id).update(account_since=NOON)
    bounds = {} if state in ("waiting", "impossible") else {"id_before": 500, "id_after": 510}
    LostAnswer.objects.create(attempt=attempt, provider_id=order.provider_id, state=state, **bounds)
    Order.objects.filter(pk=order.pk).update(status="uncertain", due_at=None, reason="no answer")
    return fresh(order)


def candidate(service: Service, number: int = 501, **fields: Any) -> Candidate:
    """Save what a search found: an order of 1000, by default, that nobody has begun."""
    plain: dict[str, Any] = {"status_text": "pending", "charge": Decimal(100), "remains": 1000}
    plain |= {"start_count": 7, "seen_at": timezone.now()}
    return Candidate.objects.create(provider_id=service.provider_id, number=number, **plain | fields)


def measured(attempt: Attempt, before: Decimal | int | None, after: Decimal | int | None) -> Attempt:
    """Note a provider's balance a minute before a call and a minute after it."""
    attempt.balance_before, attempt.balance_after = (
        None if balance is None else Decimal(balance) for balance in (before, after)
    )
    attempt.balance_before_text, attempt.balance_after_text = f"{before}.raw", f"{after}.raw"
    attempt.balance_before_at = attempt.started_at - timedelta(minutes=1)
    attempt.balance_after_at = attempt.started_at + timedelta(minutes=1)
    attempt.save()
    return attempt
