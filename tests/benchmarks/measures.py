"""What is measured. Each measure does our work and the least work that could do the same, in turn."""

import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from celery import current_app
from django.db import connection, transaction
from django.db.models import F, Value
from django.utils import timezone

from catalog.copying import COPIED, copy_rows
from catalog.models import PriceRule, Service
from catalog.pricing import save_rule
from catalog.recordsets import update
from money.fields import MoneyField
from orders.forwarding import forward_due
from orders.models import Attempt, Order, OrderEvent
from panel.auditing import audit_money
from tests.benchmarks.filling import fill_orders
from tests.factories import LINK, credit, make_provider, make_service, make_user, place
from upstream.answers import ServiceRow
from upstream.client import Client
from upstream.sandbox import Faults, SandboxServer, Settings
from wallet.ledger import system_account
from wallet.models import Entry, LedgerAccount, Transfer

ROUNDS = 3
AUDITED = 5_000
SERVICES = 10_000
ORDERS = 200
CALLS_AT_ONCE = 32
LATENCY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: medians in seconds, and the greatest ratio of ours to the limit that will do."""

    what: str
    ours_seconds: float
    limit_seconds: float
    target: float

    @property
    def ratio(self) -> float:
        """Return how many times the limit ours takes."""
        return self.ours_seconds / self.limit_seconds

    @property
    def is_met(self) -> bool:
        """Tell whether the target is met."""
        return self.ratio <= self.target


def auditing() -> Iterator[Figure]:
    """Audit the money of 5,000 orders, beside a bare scan of the same rows."""
    fill_orders(AUDITED)
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds(_audit))
        bare.append(_seconds(_bare_scan))
    yield Figure(
        f"{AUDITED} orders audited, to a bare scan", statistics.median(ours), statistics.median(bare), 8.0
    )


def _audit() -> None:
    findings = list(audit_money())
    assert findings == [], findings[:3]


def _bare_scan() -> None:
    with connection.cursor() as cursor:
        for model in (Transfer, Entry, LedgerAccount, Order, OrderEvent, Attempt):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            while cursor.fetchmany(2000):
                pass


def copying() -> Iterator[Figure]:
    """Copy a catalogue of 10,000 services, network apart, beside a bare bulk upsert of the same rows."""
    with SandboxServer(Settings(services=SERVICES)) as sandbox:
        rows = Client(sandbox.url, sandbox.key).services().rows
    rounds = [_copied(rows) for _ in range(ROUNDS)]
    first, unchanged, bare = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    yield Figure("first copy of 10,000 services, to a bare upsert", first, bare, 2.0)
    yield Figure("copy with nothing changed, to a bare upsert", unchanged, bare, 0.5)


def _copied(rows: Sequence[ServiceRow]) -> tuple[float, float, float]:
    provider = make_provider()
    first = _seconds(lambda: copy_rows(provider, rows, now=timezone.now()))
    unchanged = _seconds(lambda: copy_rows(provider, rows, now=timezone.now()))
    copies = list(Service.objects.filter(provider=provider))
    another = make_provider()
    for service in copies:
        service.pk, service.provider = None, another
    return first, unchanged, _seconds(lambda: _bare_upsert(copies))


@transaction.atomic
def _bare_upsert(services: list[Service]) -> None:
    Service.objects.bulk_create(
        services,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["provider", "provider_service_id"],
        update_fields=COPIED,
    )


def repricing() -> Iterator[Figure]:
    """Save a rule for 10,000 services, beside a bare update of the same rows, and beside a second."""
    with SandboxServer(Settings(services=SERVICES)) as sandbox:
        rows = Client(sandbox.url, sandbox.key).services().rows
    provider = make_provider()
    copy_rows(provider, rows, now=timezone.now())
    rule = PriceRule(scope=PriceRule.Scope.PROVIDER, provider=provider)
    ours, bare = [], []
    for percent in range(50, 50 + ROUNDS):
        rule.percent = Decimal(percent)
        ours.append(_seconds(lambda: save_rule(rule)))
        prices = list(Service.objects.filter(provider=provider).values_list("pk", "price"))
        assert len(prices) == SERVICES
        bare.append(_seconds(lambda prices=prices: update(Service, ("price",), prices)))  # type: ignore[misc]
    seconds = statistics.median(ours)
    yield Figure(f"{SERVICES} services repriced, to a bare update", seconds, statistics.median(bare), 6.0)
    yield Figure(f"{SERVICES} services repriced, to a second", seconds, 1.0, 1.0)


def placing() -> Iterator[Figure]:
    """Place orders one by one, beside bare transactions that write the same rows."""
    current_app.conf.broker_url = "memory://"
    service, customer = make_service(), make_user()
    credit(customer, 10**9)
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds(lambda: [place(customer, service) for _ in range(ORDERS)]))
        bare.append(_seconds(lambda: [_bare_order(customer.pk, service) for _ in range(ORDERS)]))
    yield Figure(
        f"{ORDERS} orders placed, to bare transactions", statistics.median(ours), statistics.median(bare), 2.0
    )


def _bare_order(customer_id: int, service: Service) -> None:
    wallet, sales = LedgerAccount.objects.get(owner=customer_id), system_account(LedgerAccount.Kind.SALES)
    charge = Decimal(130)
    with transaction.atomic():
        order = Order.objects.create(
            customer_id=customer_id,
            service=service,
            provider_id=service.provider_id,
            request_id=uuid.uuid4().hex,
            link=LINK,
            quantity=1000,
            price=charge,
            cost=Decimal(100),
            charge=charge,
        )
        moved = Value(charge, output_field=MoneyField())
        LedgerAccount.objects.filter(pk=wallet.pk).update(balance=F("balance") - moved)
        transfer = Transfer.objects.create(kind=Transfer.Kind.ORDER_CHARGE, reference=f"order:{order.pk}")
        Entry.objects.bulk_create(
            [
                Entry(transfer=transfer, account=wallet, amount=-charge),
                Entry(transfer=transfer, account=sales, amount=charge),
            ]
        )
        OrderEvent.objects.create(order=order, kind=OrderEvent.Kind.PLACED)


def forwarding() -> Iterator[Figure]:
    """Forward orders to a provider that takes 200 ms, 32 calls at once, beside calls × latency / 32."""
    orders = 320
    settings = Settings(services=1, balance=Decimal(10**9), spam_seconds=0)
    with SandboxServer(settings, faults=Faults(latency_seconds=LATENCY_SECONDS)) as sandbox:
        row = next(iter(sandbox.services.values()))
        provider = make_provider(url=sandbox.url, key=sandbox.key, calls_at_once=CALLS_AT_ONCE)
        service = make_service(provider, provider_service_id=str(row.service), min_quantity=1)
        customer = make_user()
        credit(customer, 10**9)
        for number in range(orders):
            place(customer, service, quantity=row.min, link=f"{LINK}/{number}")
        seconds = _seconds(lambda: forward_due(provider.pk, seconds=600))
        assert len(sandbox.journal.accepted) == orders
    ideal = orders * LATENCY_SECONDS / CALLS_AT_ONCE
    yield Figure(f"{orders} orders forwarded at 200 ms, to the ideal", seconds, ideal, round(1 / 0.9, 2))


def _seconds(work: Callable[[], object]) -> float:
    began_at = time.perf_counter()
    work()
    return time.perf_counter() - began_at


# The audit first: others write rows that no rule would.
MEASURES: tuple[Callable[[], Iterator[Figure]], ...] = (auditing, copying, repricing, placing, forwarding)
