"""The same refusal several times in a row says something of the provider or the service, not of the orders.

The counts are those of `provider-dialects.md`, section 2.
"""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.halting import UNNAMED_WAIT_SECONDS, halt
from catalog.holding import hold
from catalog.models import Service, ServiceHold
from operations.alerting import raise_alert
from operations.models import Alert
from operations.waking import wake
from operations.wording import Words
from orders.models import Attempt
from upstream.errors import Bounds, Later, ProviderError, Refused
from upstream.replies import MAX_WAIT_SECONDS

IN_A_ROW = 3
UNREACHABLE_IN_A_ROW = 5
LATEST = 50
LATEST_PACED = 500


def escalate(attempt: Attempt, answer: ProviderError) -> None:
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
    elif isinstance(answer, Refused) and attempt.rule == "quantity":
        _quantity_refused(attempt, answer.bounds)


def _quantity_refused(attempt: Attempt, said: Bounds) -> None:
    order = attempt.order
    service = Service.objects.get(pk=order.service_id)
    wake("catalog.tasks.sync_provider", attempt.provider_id)  # its bounds are others now
    # What was placed before the bounds were changed tells nothing of how we read them.
    bounds = (service.min_quantity, service.max_quantity)
    within = bounds[0] <= order.quantity <= bounds[1]
    if within and _repeated(attempt, times=IN_A_ROW, quantities=bounds):
        hold_service(
            service, Words(gettext_noop("The provider refuses quantities within the bounds it names."))
        )
    _narrow(service, said, refused=order.quantity)


def _narrow(service: Service, said: Bounds, *, refused: int) -> None:
    """Sell a service within the bounds that a refusal names, until a catalogue says otherwise.

    Only bounds that the refused quantity lies outside of are believed: others were read out of other words.
    """
    least, greatest = said.least, said.greatest
    wider = Service.objects.filter(pk=service.pk)
    if least is not None and refused < least:
        wider.filter(min_quantity__lt=least, max_quantity__gte=least).update(min_quantity=least)
    elif greatest is not None and refused > greatest:
        wider.filter(max_quantity__gt=greatest, min_quantity__lte=greatest).update(max_quantity=greatest)


def unnamed_wait(attempt: Attempt) -> float:
    """Return for how long a provider is left alone that asked for fewer calls without saying for how long.

    30 s, and twice as long for each time in a row that it asks anew. What was under way together is one time:
    eight calls at once that are refused are no reason to wait for an hour.
    """
    latest = Attempt.objects.filter(provider=attempt.provider_id).exclude(outcome=Attempt.Outcome.OPEN)
    times, began = 1, attempt.started_at
    for rule, started_at, ended_at in latest.order_by("-id").values_list("rule", "started_at", "ended_at")[
        :LATEST_PACED
    ]:
        if rule != attempt.rule:
            break
        if ended_at is not None and ended_at < began:
            times += 1
        began = min(began, started_at)
    return float(min(UNNAMED_WAIT_SECONDS << (times - 1), MAX_WAIT_SECONDS))


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
            text=gettext_noop(
                "Service %(service)s is not sold until the next good catalogue: the provider says: %(said)s"
            ),
            service=service,
            said=text,
        )


def hold_service(service: Service, why: Words | str) -> None:
    """Stop selling a service that the provider refuses or charges wrongly, until somebody lets it go on."""
    hold(service, ServiceHold.Kind.PROVIDER, why)


def _repeated(
    attempt: Attempt, *, times: int, quantities: tuple[int, int] | None = None, other_services: bool = False
) -> bool:
    """Tell whether the latest `times` finished attempts, this one included, all met this attempt's rule.

    With `quantities`, from one to another, those of the same service for such a quantity alone are looked at.
    """
    latest = Attempt.objects.filter(provider_id=attempt.provider_id).exclude(outcome=Attempt.Outcome.OPEN)
    if quantities is not None:
        latest = latest.filter(order__service_id=attempt.order.service_id, order__quantity__range=quantities)
    rows = list(latest.order_by("-id").values_list("rule", "order_id", "order__service_id")[:times])
    orders = {order_id for _, order_id, _ in rows}
    services = {service_id for _, _, service_id in rows}
    if len(rows) < times or any(rule != attempt.rule for rule, _, _ in rows):
        return False
    return (len(orders) == times or attempt.rule == "nothing_sent") and (
        not other_services or len(services) > 1
    )
