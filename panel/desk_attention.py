"""What needs a person now: for each kind of trouble how much there is, and where its rows are."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.translation import ngettext

from accounts.models import User
from catalog.models import Provider, Service
from operations.models import Alert
from operations.schedule import Job, Outcome
from orders.models import Order
from orders.stuck import Stuck, stuck
from panel.counting import MOST, counts_of


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of trouble: how often it is there, in words, and the address of its rows."""

    count: int
    text: str
    link: str
    icon: str

    @property
    def shown_count(self) -> str:
        """Return the count in the reader's manner; more than is counted as "1,000+"."""
        most = number_format(min(self.count, MOST), use_l10n=True, force_grouping=True)
        return f"{most}+" if self.count > MOST else most


def needs_of(user: User, *, providers: list[Provider], jobs: list[Job]) -> list[Need]:
    """Return what needs a person now, of what `user` may look at; what is not there is left out.

    One statement; `providers` and `jobs` are those that the user may look at.
    """
    counts = counts_of(dict(_rows(user)), asked_by=user)
    needs = [*_needs_of_rows(counts, user), *_needs_of_providers(providers), *_needs_of_jobs(jobs)]
    return [need for need in needs if need.count]


def _rows(user: User) -> Iterator[tuple[str, "QuerySet[Order] | QuerySet[Service] | QuerySet[Alert]"]]:
    if user.has_perm("orders.view_order"):
        yield "uncertain", Order.objects.filter(status=Order.Status.UNCERTAIN)
        yield "held", Order.objects.filter(status=Order.Status.HELD)
        yield "unsent", Order.objects.filter(stuck(Stuck.UNSENT))
        yield "open", Order.objects.filter(stuck(Stuck.OPEN))
    if user.has_perm("catalog.view_service"):
        yield "services", Service.objects.exclude(held_text="")
    if user.has_perm("operations.view_alert"):
        still_open = Alert.objects.filter(closed_at=None)
        yield "logins", still_open.filter(kind=Alert.Kind.STAFF_LOGIN_FAILED)
        yield "alerts", still_open


def _needs_of_rows(counts: dict[str, int], user: User) -> Iterator[Need]:
    # Plural forms by the numbers that are shown.
    shown = Counter({name: min(count, MOST) for name, count in counts.items()})
    texts = {
        "uncertain": (
            ngettext("uncertain order", "uncertain orders", shown["uncertain"]),
            _for_a_person(user, Order.Status.UNCERTAIN),
            "help",
        ),
        "held": (
            ngettext("held order", "held orders", shown["held"]),
            _for_a_person(user, Order.Status.HELD),
            "back_hand",
        ),
        "unsent": (
            ngettext(
                "order waits to be sent, though nothing keeps it",
                "orders wait to be sent, though nothing keeps them",
                shown["unsent"],
            ),
            _list("orders_order", stuck=Stuck.UNSENT.value),
            "hourglass_disabled",
        ),
        "open": (
            ngettext(
                "order is under way for over a week",
                "orders are under way for over a week",
                shown["open"],
            ),
            _list("orders_order", stuck=Stuck.OPEN.value),
            "hourglass_bottom",
        ),
        "services": (
            ngettext("held service", "held services", shown["services"]),
            _list("catalog_service", held_text__isempty="0"),
            "block",
        ),
        "logins": (
            ngettext(
                "account of staff with failed logins",
                "accounts of staff with failed logins",
                shown["logins"],
            ),
            _list(
                "operations_alert", kind__exact=Alert.Kind.STAFF_LOGIN_FAILED.value, closed_at__isempty="1"
            ),
            "lock_person",
        ),
        "alerts": (
            ngettext("open alert", "open alerts", shown["alerts"]),
            _list("operations_alert", closed_at__isempty="1"),
            "notifications",
        ),
    }
    for name, count in counts.items():
        yield Need(count, *texts[name])


def _needs_of_providers(providers: list[Provider]) -> Iterator[Need]:
    halted = [one for one in providers if one.halted_at is not None]
    low = [one for one in providers if has_low_balance(one)]
    text = ngettext("halted provider", "halted providers", len(halted))
    yield Need(len(halted), text, _providers(halted), "pan_tool")
    text = ngettext("provider with a low balance", "providers with a low balance", len(low))
    yield Need(len(low), text, _providers(low), "money_off")


def _needs_of_jobs(jobs: list[Job]) -> Iterator[Need]:
    late = sum(job.is_late for job in jobs)
    failed = sum(job.run is not None and job.run.outcome == Outcome.FAILED for job in jobs)
    yield Need(late, ngettext("late job", "late jobs", late), _list("operations_jobrun"), "schedule")
    text = ngettext("failed job", "failed jobs", failed)
    yield Need(failed, text, _list("operations_jobrun", outcome__exact="failed"), "error")


def has_low_balance(provider: Provider) -> bool:
    """Tell whether a provider's balance is known to be below what its operator calls low."""
    low, balance = provider.low_balance, provider.balance
    return provider.is_active and low is not None and balance is not None and balance < low


def _providers(providers: list[Provider]) -> str:
    return _list("catalog_provider", pk__in=",".join(str(one.pk) for one in providers))


def _for_a_person(user: User, status: Order.Status) -> str:
    """Return where orders of a status are decided on; who may not do that sees them in the list."""
    if user.has_perm("orders.change_order"):
        return f"{reverse('admin:orders_order_waiting')}?{urlencode({'status': status.value})}"
    return _list("orders_order", status__exact=status.value)


def _list(name: str, **query: str) -> str:
    address = reverse(f"admin:{name}_changelist")
    return f"{address}?{urlencode(query)}" if query else address
