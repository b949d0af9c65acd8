"""What tests of orders do to move them on, and how they look at what came of it."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from accounts.models import User
from catalog.models import Provider
from orders.auditing import audit_orders
from orders.canceling import cancel_due
from orders.forwarding import forward_due
from orders.models import Attempt, Order, OrderEvent
from orders.polling import poll_due
from upstream.answers import OrderStatus, Status
from upstream.errors import ProviderError
from wallet.auditing import audit_ledger
from wallet.models import Entry, LedgerAccount, Transfer
from wallet.statement import balance_of

SECONDS = 20.0


def fresh(order: Order) -> Order:
    """Return an order as the database has it now."""
    return Order.objects.select_related("provider", "service").get(pk=order.pk)


def forward(provider: Provider) -> int:
    """Send what is due."""
    return forward_due(provider.pk, seconds=SECONDS)


def forward_at_once(order: Order) -> Order:
    """Make a queued order due, send what is due, and return it as it is then."""
    Order.objects.filter(pk=order.pk, status="queued").update(due_at=timezone.now())
    forward_due(order.provider_id, seconds=SECONDS)
    return fresh(order)


def poll_at_once(*orders: Order) -> Order:
    """Make orders due to be asked about, ask, and return the first as it is then."""
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(due_at=timezone.now())
    poll_due(orders[0].provider_id, seconds=SECONDS)
    return fresh(orders[0])


def cancel_at_once(order: Order) -> Order:
    """Ask the provider to cancel what is due, and return an order as it is then."""
    cancel_due(order.provider_id, seconds=SECONDS)
    return fresh(order)


def accept(order: Order, provider_order_id: str = "", *, ago: timedelta = timedelta()) -> Order:
    """Take an order to where the provider has it, by an attempt that was answered so, without a call."""
    now = timezone.now()
    number = provider_order_id or f"p{order.pk}"
    Order.objects.filter(pk=order.pk).update(
        status="pending",
        provider_order_id=number,
        sent_at=now - ago,
        created_at=now - ago,
        due_at=now,
    )
    answered(order, number, at=now - ago)
    return fresh(order)


def answered(order: Order, provider_order_id: str, *, at: datetime | None = None) -> None:
    """Write the attempt that gave an order its id, for tests that write the order by themselves."""
    at = at or timezone.now()
    Attempt.objects.create(
        order=order,
        provider_id=order.provider_id,
        started_at=at,
        lease_until=at,
        ended_at=at,
        outcome="placed",
        provider_order_id=provider_order_id,
    )


def said(status: str | None, *, remains: int | None = None, **fields: object) -> OrderStatus:
    """Return an answer to `status`."""
    plain: dict[str, object] = {
        "status": None if status is None else Status(status),
        "status_text": status or "Whatever",
        "charge": None,
        "start_count": None,
        "remains": remains,
        "currency": "",
        "unreadable": (),
        "raw": "",
    }
    return OrderStatus(**plain | fields)  # type: ignore[arg-type]


def fault(
    kind: type[ProviderError], text: str = "…", *, rule: str = "whatever", **fields: object
) -> ProviderError:
    """Return a fault of a call."""
    return kind(text, rule=rule, **fields)  # type: ignore[arg-type]


def kinds(order: Order) -> list[str]:
    """Return what happened to an order, in order."""
    return list(OrderEvent.objects.filter(order=order).order_by("id").values_list("kind", flat=True))


def refunds(order: Order) -> list[Decimal]:
    """Return the refunds that the ledger has of an order, oldest first."""
    legs = Entry.objects.filter(
        transfer__kind=Transfer.Kind.ORDER_REFUND,
        transfer__subject_id=order.pk,
        account__kind=LedgerAccount.Kind.WALLET,
    )
    return list(legs.order_by("id").values_list("amount", flat=True))


def charges() -> int:
    """Return how many orders were charged."""
    return Transfer.objects.filter(kind=Transfer.Kind.ORDER_CHARGE).count()


def outcomes(order: Order) -> list[tuple[str, str]]:
    """Return the outcome and rule of each attempt, oldest first."""
    return list(Attempt.objects.filter(order=order).order_by("id").values_list("outcome", "rule"))


def findings() -> list[str]:
    """Return what the audits of the ledger and of orders say."""
    return [*audit_ledger(), *audit_orders()]


def held_by(user: User) -> Decimal:
    """Return what a wallet holds."""
    return balance_of(user)
