"""Tasks of the orders room. Each takes ids, and may run twice or never: the database is the queue."""

from celery import shared_task
from django.db.models import Q

from orders import canceling, forwarding, polling
from orders.models import Order

WAKING_EXPIRES_SECONDS = 60
"""A worker that is busy for longer is not woken once for each time that beat looked."""


@shared_task
def forward_every_provider() -> None:
    """Wake a forwarder for each provider that has orders to send."""
    for provider_id in _providers_with(forwarding.due_to_send()):
        forward_provider.apply_async((provider_id,), expires=WAKING_EXPIRES_SECONDS)


@shared_task
def forward_provider(provider_id: int) -> None:
    """Send a provider's due orders."""
    forwarding.forward_due(provider_id)


@shared_task
def expire_attempts() -> None:
    """Make uncertain what dead workers left under way."""
    forwarding.expire_attempts()


@shared_task
def poll_every_provider() -> None:
    """Wake a poller for each provider that has orders to ask about."""
    for provider_id in _providers_with(polling.due_to_ask()):
        poll_provider.apply_async((provider_id,), expires=WAKING_EXPIRES_SECONDS)


@shared_task
def poll_provider(provider_id: int) -> None:
    """Ask a provider about its due orders."""
    polling.poll_due(provider_id)


@shared_task
def cancel_every_provider() -> None:
    """Wake a canceler for each provider that is to be asked to cancel orders."""
    for provider_id in _providers_with(canceling.due_to_cancel()):
        cancel_provider.apply_async((provider_id,), expires=WAKING_EXPIRES_SECONDS)


@shared_task
def cancel_provider(provider_id: int) -> None:
    """Ask a provider to cancel what is due."""
    canceling.cancel_due(provider_id)


def _providers_with(due: Q) -> list[int]:
    return list(Order.objects.filter(due).order_by().values_list("provider", flat=True).distinct())
