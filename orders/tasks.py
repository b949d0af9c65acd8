"""Tasks of the orders room. Each takes ids, and may run twice or never: the database is the queue."""

from functools import partial

from celery import shared_task
from django.db.models import Q

from operations.turns import in_turn
from operations.waking import wake
from orders import canceling, forwarding, health, overdue, polling, teaching, totals, tracing
from orders.models import LostAnswer, Order

FORWARDERS = 2
"""How many tasks of one machine send a provider's orders; all others of its work takes one each."""


@shared_task
def forward_every_provider() -> None:
    """Wake a forwarder for each provider that has orders to send."""
    for provider_id in _providers_with(forwarding.due_to_send()):
        wake("orders.tasks.forward_provider", provider_id)


@shared_task
def forward_provider(provider_id: int) -> None:
    """Send a provider's due orders."""
    work = partial(forwarding.forward_due, provider_id)
    in_turn(f"forward-{provider_id}", at_once=FORWARDERS, work=work)


@shared_task
def expire_attempts() -> None:
    """Make uncertain what dead workers left under way."""
    forwarding.expire_attempts()


@shared_task
def poll_every_provider() -> None:
    """Wake a poller for each provider that has orders to ask about."""
    for provider_id in _providers_with(polling.due_to_ask()):
        wake("orders.tasks.poll_provider", provider_id)


@shared_task
def poll_provider(provider_id: int) -> None:
    """Ask a provider about its due orders."""
    in_turn(f"poll-{provider_id}", at_once=1, work=partial(polling.poll_due, provider_id))


@shared_task
def cancel_every_provider() -> None:
    """Wake a canceler for each provider that is to be asked to cancel orders."""
    for provider_id in _providers_with(canceling.due_to_cancel()):
        wake("orders.tasks.cancel_provider", provider_id)


@shared_task
def cancel_provider(provider_id: int) -> None:
    """Ask a provider to cancel what is due."""
    in_turn(f"cancel-{provider_id}", at_once=1, work=partial(canceling.cancel_due, provider_id))


@shared_task
def search_every_provider() -> None:
    """Wake a searcher for each provider at which orders with lost answers are to be looked for."""
    due = LostAnswer.objects.filter(tracing.due_to_search()).order_by()
    for provider_id in due.values_list("provider", flat=True).distinct():
        wake("orders.tasks.search_provider", provider_id)


@shared_task
def search_provider(provider_id: int) -> None:
    """Look for a provider's orders whose answer was lost."""
    in_turn(f"search-{provider_id}", at_once=1, work=partial(tracing.search_due, provider_id))


@shared_task
def refund_overdue() -> None:
    """Give back what was paid for orders that wait too long to be sent."""
    overdue.refund_overdue()


@shared_task
def apply_taught() -> None:
    """Wake a settler for each provider that has held orders and taught texts."""
    taught = Q(status=Order.Status.HELD, provider__taught_texts__isnull=False)
    for provider_id in _providers_with(taught):
        wake("orders.tasks.apply_taught_of", provider_id)


@shared_task
def apply_taught_of(provider_id: int) -> None:
    """Settle a provider's held orders whose text was taught a class."""
    while teaching.settle_held(provider_id):
        pass


@shared_task
def measure_health() -> None:
    """Measure the services of which orders ended since they were measured."""
    in_turn("measure-health", at_once=1, work=health.measure_due)


@shared_task
def write_totals() -> None:
    """Write what each day brought that is over."""
    totals.bring_up_to_date()


def _providers_with(due: Q) -> list[int]:
    return list(Order.objects.filter(due).order_by().values_list("provider", flat=True).distinct())
