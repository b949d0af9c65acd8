"""How services fare, measured from our own orders; what fails too often is held by itself.

Of each service the last orders that ended are looked at. Failed are those that the provider refused or
canceled; what a customer asked to cancel, and what never came to the provider, tells nothing of a service.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog.holding import Kind, hold
from catalog.models import CataloguePolicy, Service, ServiceChange, ServiceHealth, ServiceHold, ServiceSpeed
from operations.wording import Words
from orders.models import Attempt, Order

SAMPLE = 200
LOOKED_BACK = timedelta(days=90)
AT_ONCE = 500
SPLIT_FROM = 30
STUCK_TIMES = 3
STUCK_FROM = timedelta(days=1)
STUCK_LOOK = timedelta(hours=6)
"""How often a service of which nothing ends is looked at: what is stuck is seen by the clock alone."""

OVERLAP = timedelta(minutes=1)
"""An end may be committed a little after another one that is later, and was measured."""

FAILS = "Fails too often"
"""How the text of a hold for this begins: by it the history tells when one ended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An order that ended and tells something; `seconds` from acceptance to completion, None if it failed."""

    quantity: int
    ended_at: datetime
    seconds: int | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Speed:
    """How long completed orders of a range of quantities took, in seconds: half of them, nine of ten."""

    up_to_quantity: int
    orders: int
    median_seconds: int
    most_seconds: int


def measure_due(*, now: datetime | None = None) -> int:
    """Measure the services of which orders ended since they were measured; return how many.

    At most 500 at once, those first that were never measured, then the longest unmeasured. Times are UTC.
    """
    now = now or timezone.now()
    services = list(_due(now)[:AT_ONCE])
    policy = CataloguePolicy.objects.first() or CataloguePolicy()
    came_back = _came_back(services)
    for service in services:
        measure(service, policy=policy, judged_from=came_back.get(service.pk), now=now)
    return len(services)


def _due(now: datetime) -> QuerySet[Service]:
    orders = Order.objects.filter(service=OuterRef("pk")).order_by()
    never = orders.filter(ended_at__gt=now - LOOKED_BACK)
    since = orders.filter(ended_at__gt=OuterRef("health__measured_at") - OVERLAP)
    old = orders.filter(ended_at=None, sent_at__lt=now - STUCK_FROM)
    due = (
        Q(Exists(never), health=None)
        | Q(Exists(since), health__isnull=False)
        | Q(Exists(old), health__measured_at__lt=now - STUCK_LOOK)
    )
    return Service.objects.filter(due).order_by(F("health__measured_at").asc(nulls_first=True), "pk")


def _came_back(services: Sequence[Service]) -> dict[int, datetime]:
    """Return when holds for failing ended last, by service: only what ended later is judged."""
    ends = ServiceChange.objects.filter(
        service__in=services, field=ServiceChange.Field.HELD, new="", old__startswith=FAILS
    )
    return dict(ends.order_by().values("service").annotate(last=Max("at")).values_list("service", "last"))


@transaction.atomic
def measure(
    service: Service, *, policy: CataloguePolicy, judged_from: datetime | None = None, now: datetime
) -> None:
    """Write a service's health and speeds anew, and hold it where it fails too often (`policy`)."""
    ended = _last_ended(service, since=now - LOOKED_BACK)
    speeds = speeds_of([(one.quantity, one.seconds) for one in ended if one.seconds is not None])
    whole = _speed([(one.quantity, one.seconds) for one in ended if one.seconds is not None])
    ServiceHealth.objects.update_or_create(
        service=service,
        defaults={
            "measured_at": now,
            "ended": len(ended),
            "failed": sum(one.failed for one in ended),
            "stuck": _stuck(service, speeds, now=now),
            "median_seconds": whole.median_seconds if whole else None,
            "most_seconds": whole.most_seconds if whole else None,
        },
    )
    ServiceSpeed.objects.filter(service=service).delete()
    ServiceSpeed.objects.bulk_create(
        ServiceSpeed(
            service=service,
            up_to_quantity=speed.up_to_quantity,
            orders=speed.orders,
            median_seconds=speed.median_seconds,
            most_seconds=speed.most_seconds,
        )
        for speed in speeds
    )
    judged = [one for one in ended if judged_from is None or one.ended_at > judged_from]
    _judge(service, judged, policy=policy, now=now)


def _last_ended(service: Service, *, since: datetime) -> list[Ended]:
    refused = Attempt.objects.filter(order=OuterRef("pk"), outcome=Attempt.Outcome.REFUSED)
    last = Order.objects.filter(service=service, ended_at__gt=since).order_by("-ended_at")[:SAMPLE]
    rows = last.annotate(was_refused=Exists(refused)).values_list(
        *("status", "quantity", "sent_at", "ended_at", "cancel_state", "was_refused")
    )
    return [one for row in rows if (one := _ended(*row)) is not None]


def _ended(
    status: str,
    quantity: int,
    sent_at: datetime | None,
    ended_at: datetime,
    cancel_state: str,
    was_refused: bool,
) -> Ended | None:
    """Return what an order tells of its service; None for one that tells nothing."""
    if status == Order.Status.CANCELED:
        by_wish = cancel_state != Order.CancelState.NONE
        reached = sent_at is not None and not by_wish
        return Ended(quantity, ended_at, None, failed=True) if was_refused or reached else None
    done = status == Order.Status.COMPLETED and sent_at is not None
    seconds = max(0, int((ended_at - sent_at).total_seconds())) if done and sent_at else None
    return Ended(quantity, ended_at, seconds, failed=False)


def speeds_of(done: Sequence[tuple[int, int]]) -> list[Speed]:
    """Return how long orders took, by ranges of quantity, from quantities and seconds.

    Three ranges of about as many orders each where there are thirty or more, else one; fewer where the same
    quantity would fall into two. What is above the last range took as long as that, as far as is known.
    """
    if len(done) < SPLIT_FROM:
        whole = _speed(done)
        return [whole] if whole else []
    quantities = sorted(quantity for quantity, _ in done)
    count = len(quantities)
    bounds = sorted({quantities[count // 3 - 1], quantities[2 * count // 3 - 1], quantities[-1]})
    ranges = (
        _speed([one for one in done if below < one[0] <= bound]) for below, bound in pairwise([0, *bounds])
    )
    return [speed for speed in ranges if speed]


def _speed(done: Sequence[tuple[int, int]]) -> Speed | None:
    if not done:
        return None
    seconds = sorted(seconds for _, seconds in done)
    return Speed(
        up_to_quantity=max(quantity for quantity, _ in done),
        orders=len(done),
        median_seconds=_at_share(seconds, 50),
        most_seconds=_at_share(seconds, 90),
    )


def _at_share(ordered: Sequence[int], percent: int) -> int:
    """Return the least value that this many percent of all do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _stuck(service: Service, speeds: Sequence[Speed], *, now: datetime) -> int:
    """Count the orders that the provider has for longer than a day and three times what most take."""
    if not speeds:
        return 0
    late = Q()
    for place, (below, speed) in enumerate(
        zip([0, *(one.up_to_quantity for one in speeds)], speeds, strict=False)
    ):
        longest = max(STUCK_FROM, STUCK_TIMES * timedelta(seconds=speed.most_seconds))
        of_range = Q(quantity__gt=below, sent_at__lt=now - longest)
        if place < len(speeds) - 1:
            of_range &= Q(quantity__lte=speed.up_to_quantity)
        late |= of_range
    return Order.objects.filter(late, service=service, ended_at=None, status__in=Order.OPEN_UPSTREAM).count()


def _is_to_be_held(service: Service, *, since: datetime) -> bool:
    """Tell, under the service's lock, whether nothing holds it for this, and nothing did since some time.

    A person, or the clock, may have let it go after it was read when it came back.
    """
    Service.objects.select_for_update().filter(pk=service.pk).values_list("pk").get()
    came_back = _came_back([service]).get(service.pk)
    is_held = ServiceHold.objects.filter(service=service, kind=Kind.FAILING).exists()
    return not is_held and (came_back is None or came_back < since)


def _judge(service: Service, ended: Sequence[Ended], *, policy: CataloguePolicy, now: datetime) -> None:
    """Hold a service whose last orders failed too often; one that is held for this is left as it is."""
    if policy.failing_percent is None or len(ended) < policy.failing_orders:
        return
    last = ended[: policy.failing_orders]
    failed = sum(one.failed for one in last)
    if failed * 100 < policy.failing_percent * len(last):
        return
    if not _is_to_be_held(service, since=last[-1].ended_at):
        return
    until = None if policy.failing_hours is None else now + timedelta(hours=policy.failing_hours)
    text = gettext_noop("Fails too often: %(failed)s of its last %(count)s orders were canceled or refused")
    why = Words(text, {"failed": failed, "count": len(last)})
    hold(service, Kind.FAILING, why, until=until, at=now)
