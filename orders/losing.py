"""Noting that an answer to `add` was lost, so that the order is looked for at the provider."""

from django.utils import timezone

from orders.models import Attempt, LostAnswer


def look_for(attempt: Attempt) -> None:
    """Have the order of an attempt whose answer does not tell be looked for (`orders/tracing.py`).

    Runs in the transaction that writes the attempt's outcome. An attempt that is looked for already stays so.
    """
    LostAnswer.objects.get_or_create(
        attempt=attempt, defaults={"provider_id": attempt.provider_id, "due_at": timezone.now()}
    )
