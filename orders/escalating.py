"""The same refusal several times in a row says something of the provider or the service, not of the orders.

The counts are those of `provider-dialects.md`, section 2.
"""

from datetime import timedelta

from django.utils import timezone

from catalog.halting import halt
from catalog.models import Service
from operations.alerting import raise_alert
from operations.models import Alert
from operations.waking import wake
from orders.models import Attempt
from upstream.errors import Later

IN_A_ROW = 3
UNREACHABLE_IN_A_ROW = 5
LATEST = 50


def escalate(attempt: Attempt) -> None:
    """Halt the provider, or hold the service, when this attempt's refusal is one of several in a row."""
    if attempt.rule == "nothing_sent" and _repeated(attempt, times=UNREACHABLE_IN_A_ROW):
        halt(attempt.provider, rule="unreachable", text="the provider's address does not answer")
    elif attempt.rule == "missing_parameter" and _repeated(attempt, times=IN_A_ROW):
        halt(
            attempt.provider, rule=attempt.rule, text="it misses parameters that we send: their names differ"
        )
    elif attempt.rule == "service_unknown" and _repeated(attempt, times=IN_A_ROW, other_services=True):
        halt(
            attempt.provider,
            rule=attempt.rule,
            text="it does not know several services: did the account change?",
        )
    elif attempt.rule == "quantity":
        wake("catalog.tasks.sync_provider", attempt.provider_id)  # its bounds are others now
        if _repeated(attempt, times=IN_A_ROW, same_service=True):
            hold_service(attempt.order.service, "The provider refuses quantities within the bounds it names.")


def is_for_the_account(attempt: Attempt, answer: Later) -> bool:
    """Tell whether a spam wait holds for the whole account: an order with another link met one meanwhile."""
    if answer.rule != "spam_wait" or answer.wait_seconds is None:
        return False
    since = timezone.now() - timedelta(seconds=answer.wait_seconds)
    latest = Attempt.objects.filter(provider_id=attempt.provider_id).order_by("-id")[:LATEST]
    return any(
        rule == "spam_wait" and ended_at is not None and ended_at >= since and link != attempt.order.link
        for rule, ended_at, link in latest.values_list("rule", "ended_at", "order__link")
    )


def switch_service_off(service: Service, text: str) -> None:
    """Stop selling a service that the provider says is dead, until a sync finds it alive again."""
    if Service.objects.filter(pk=service.pk, is_listed=True).update(is_listed=False):
        raise_alert(
            Alert.Kind.SERVICE_STOPPED,
            cause=f"service:{service.pk}",
            text=f"Service {service} is not sold until the next good catalogue: the provider says {text!r}.",
        )


def hold_service(service: Service, why: str) -> None:
    """Stop selling a service until an operator lets it go on."""
    if Service.objects.filter(pk=service.pk, held_text="").update(held_text=why):
        raise_alert(
            Alert.Kind.SERVICE_STOPPED,
            cause=f"service:{service.pk}",
            text=f"Service {service} is held. {why}",
        )


def _repeated(
    attempt: Attempt, *, times: int, same_service: bool = False, other_services: bool = False
) -> bool:
    """Tell whether the latest `times` finished attempts, this one included, all met this attempt's rule."""
    latest = Attempt.objects.filter(provider_id=attempt.provider_id).exclude(outcome=Attempt.Outcome.OPEN)
    if same_service:
        latest = latest.filter(order__service_id=attempt.order.service_id)
    rows = list(latest.order_by("-id").values_list("rule", "order_id", "order__service_id")[:times])
    orders = {order_id for _, order_id, _ in rows}
    services = {service_id for _, _, service_id in rows}
    if len(rows) < times or any(rule != attempt.rule for rule, _, _ in rows):
        return False
    return (len(orders) == times or attempt.rule == "nothing_sent") and (
        not other_services or len(services) > 1
    )
