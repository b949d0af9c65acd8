"""What keeps services from being sold: holds are put on and taken off here alone.

`ServiceHold` is the truth; `Service.held_text`, which sales and sending look at, says the oldest one's text
and is written beside it, under the service's lock.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import User
from catalog.history import Change, Field, note
from catalog.models import Provider, Service, ServiceHold
from catalog.recordsets import delete, ids, insert
from operations.alerting import close_alerts, raise_alert
from operations.models import Alert
from operations.wording import Words

Kind = ServiceHold.Kind

ENDED_AT_ONCE = 500
NAMED = 5


WHY_HELD = {
    Kind.PROVIDER: gettext_noop("%(provider)s refuses services, which are held: %(count)s. %(names)s"),
    Kind.NEW: gettext_noop("%(provider)s has new services, which wait for a look: %(count)s. %(names)s"),
    Kind.COST: gettext_noop("%(provider)s asks much more for services, which are held: %(count)s. %(names)s"),
    Kind.LOSS: gettext_noop(
        "%(provider)s asks more than services are sold for, which are held: %(count)s. %(names)s"
    ),
    Kind.FAILING: gettext_noop(
        "%(provider)s fails too often with services, which are held: %(count)s. %(names)s"
    ),
    Kind.WORDS: gettext_noop(
        "%(provider)s has services with banned words, which are held: %(count)s. %(names)s"
    ),
}
"""What staff are told of services that are held together."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold that is to be put on a service; `text` is for staff."""

    service_id: int
    kind: ServiceHold.Kind
    text: str


@transaction.atomic
def hold(
    service: Service,
    kind: ServiceHold.Kind,
    why: Words | str,
    *,
    until: datetime | None = None,
    at: datetime | None = None,
) -> bool:
    """Stop selling a service, and sending its orders, until a time or until somebody lets it go on.

    Raises an alert. False when it was held for this kind already: its text and its end are then these.
    """
    at = at or timezone.now()
    _lock(service)
    text = _fitting(str(why))
    known = ServiceHold.objects.filter(service=service, kind=kind)
    if known.update(text=text, until=until):
        _show_oldest([service.pk])
        return False
    ServiceHold.objects.create(service=service, kind=kind, text=text, since=at, until=until)
    _show_oldest([service.pk])
    note([Change(service.pk, Field.HELD, "", text)], at=at)
    raise_alert(
        Alert.Kind.SERVICE_STOPPED,
        cause=_cause_of(service),
        text=gettext_noop("Service %(service)s is held: %(why)s"),
        service=service,
        why=why if isinstance(why, Words) else text,
    )
    return True


@transaction.atomic
def let_go(
    service: Service,
    kind: ServiceHold.Kind | None = None,
    *,
    actor: User | None = None,
    ended_by: datetime | None = None,
) -> bool:
    """Take a service's holds off (of one kind, or all), and with the last one sell it again.

    With `ended_by` only those that were to end by then. False when there was none: somebody was first.
    """
    _lock(service)
    which = (
        Q(service=service) & (Q(kind=kind) if kind else Q()) & (Q(until__lte=ended_by) if ended_by else Q())
    )
    gone = list(ServiceHold.objects.filter(which))
    if not gone:
        _show_oldest([service.pk])  # nothing keeps it: nor may a text that was left behind
        return False
    ServiceHold.objects.filter(pk__in=[one.pk for one in gone]).delete()
    _show_oldest([service.pk])
    changes = [Change(service.pk, Field.HELD, one.text, "") for one in gone]
    is_free = not ServiceHold.objects.filter(service=service).exists()
    if is_free and any(one.kind == Kind.NEW for one in gone):
        # Customers see it for the first time.
        changes.append(Change(service.pk, Field.ADDED, "", service.name, is_offered=_is_offered(service)))
    note(changes, actor=actor)
    _close_alerts(service, {one.kind for one in gone}, is_free=is_free)
    return True


def end_timed(*, now: datetime | None = None) -> int:
    """Let services go on whose time is over; return how many holds ended. The rest waits for next time."""
    now = now or timezone.now()
    due = (
        ServiceHold.objects.filter(until__lte=now).order_by("until", "pk").select_related("service__category")
    )
    return sum(let_go(one.service, Kind(one.kind), ended_by=now) for one in due[:ENDED_AT_ONCE])


def hold_in_bulk(
    put: Sequence[Hold],
    *,
    at: datetime,
    freed: Collection[int] = (),
    freed_kind: ServiceHold.Kind = Kind.WORDS,
    are_locked: bool = False,
) -> list[Change]:
    """Put holds on services, and take those of a kind off the `freed` ones; return it for the history.

    By a few statements, within the caller's transaction, which holds the providers' locks, and theirs too
    where it has written them (`are_locked`). A hold of a kind that is there already says what is new. Raises
    no alert: see `tell_held`.
    """
    changes = [Change(one.service_id, Field.HELD, "", _fitting(one.text)) for one in put]
    if not are_locked:
        _lock_all({*freed, *(one.service_id for one in put)})
    if freed:
        told = ("service_id", "text")
        ended = delete(ServiceHold, "service_id", freed, same={"kind": freed_kind}, returning=told)
        changes += [Change(service_id, Field.HELD, text, "") for service_id, text in sorted(ended)]
    insert(
        ServiceHold,
        ("service_id", "kind", "text"),
        [(one.service_id, one.kind, _fitting(one.text)) for one in put],
        same={"since": at, "until": None},
        on_conflict="(service_id, kind) DO UPDATE SET text = excluded.text",
    )
    if changes:
        _show_oldest({one.service_id for one in changes})
    return changes


def tell_held(provider: Provider, put: Iterable[tuple[ServiceHold.Kind, str]]) -> None:
    """Raise one alert for each kind of hold put on a provider's services in bulk, named by `put`."""
    names: dict[ServiceHold.Kind, list[str]] = {}
    for kind, name in put:
        names.setdefault(kind, []).append(name)
    for kind, held in names.items():
        raise_alert(
            Alert.Kind.SERVICE_STOPPED,
            cause=_cause(provider.pk, kind),
            text=WHY_HELD[kind],
            provider=provider,
            count=len(held),
            names=", ".join(held[:NAMED]) + (", …" if len(held) > NAMED else ""),
        )


def close_if_over(provider_id: int, kind: ServiceHold.Kind) -> None:
    """Close the alert of services held in bulk when none of the provider's is held for this kind any more."""
    if not ServiceHold.objects.filter(service__provider=provider_id, kind=kind).exists():
        close_alerts(Alert.Kind.SERVICE_STOPPED, cause=_cause(provider_id, kind))


def _close_alerts(service: Service, kinds: Collection[str], *, is_free: bool) -> None:
    if is_free:
        close_alerts(Alert.Kind.SERVICE_STOPPED, cause=_cause_of(service))
    for kind in sorted(kinds):
        close_if_over(service.provider_id, Kind(kind))


def _cause_of(service: Service) -> str:
    return f"service:{service.pk}"


def _cause(provider_id: int, kind: str) -> str:
    return f"provider:{provider_id}:{kind}"


def _lock(service: Service) -> None:
    Service.objects.select_for_update().filter(pk=service.pk).values_list("pk").get()


def _lock_all(service_ids: Collection[int]) -> None:
    """Lock services by id, before any of their holds: who holds or lets go one of them has locked it first.

    What was let go meanwhile would else stand in `held_text` again, or each of both wait for the other.
    Orders, which only point to services, go on.
    """
    if service_ids:
        rows = Service.objects.filter(pk__in=ids(service_ids)).order_by("pk").select_for_update(no_key=True)
        list(rows.values_list("pk", flat=True))


def _show_oldest(service_ids: Iterable[int]) -> None:
    holds = ServiceHold.objects.filter(service=OuterRef("pk")).order_by("since", "pk")
    oldest = Coalesce(Subquery(holds.values("text")[:1]), Value(""))
    Service.objects.filter(pk__in=ids(service_ids)).update(held_text=oldest)


def _fitting(text: str) -> str:
    return text[: ServiceHold._meta.get_field("text").max_length]


def _is_offered(service: Service) -> bool:
    return not service.is_hidden and not service.category.is_hidden and service.type in Service.SOLD_TYPES
