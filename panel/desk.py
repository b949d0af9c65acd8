"""The operator's desk: admin's first page. Each part is there for those alone who may look at its rows.

What it costs is a fixed number of statements, and none of them reads a large table whole.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from accounts.models import User
from catalog.models import Provider
from operations.schedule import Job, Outcome, all_jobs, is_sign_of_life
from orders.models import DayTotals, Order
from orders.totals import today, totals_of
from panel.desk_attention import has_low_balance, needs_of
from panel.desk_charts import balance_charts, charts_of
from panel.desk_figures import first_day_needed, spans_of
from panel.desk_range import RangeForm

MOST_PROVIDERS = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """How a provider stands: `oldest` is since when its oldest due order waits, None where none does."""

    provider: Provider
    link: str
    oldest: datetime | None
    has_low_balance: bool


@dataclass(frozen=True, slots=True)
class Workers:
    """The last sign of life of a worker, None if there never was one, and whether it is too long ago."""

    last_at: datetime | None
    are_missing: bool
    link: str


def desk(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Put what the desk shows to this member of staff into the context of admin's first page."""
    user = request.user
    if not isinstance(user, User):
        return context
    form = RangeForm(request.GET or {}, today=today())
    jobs = all_jobs() if user.has_perm("operations.view_jobrun") else []
    providers = _providers(user) if user.has_perm("catalog.view_provider") else []
    return {
        **context,
        "needs": needs_of(user, providers=providers, jobs=jobs),
        "standings": _standings(providers, may_see_orders=user.has_perm("orders.view_order")),
        "workers": _workers(jobs),
        "range_form": form,
        **_figures(user, form),
        "may_see_balances": user.has_perm("catalog.view_balancereading"),
        "balances": _balances(user, providers, form.days),
        "has_nothing": not (user.is_superuser or user.get_all_permissions()),
    }


def _figures(user: User, form: RangeForm) -> dict[str, Any]:
    """Return today's and the month's figures, and the pictures of the days chosen; for who may see them."""
    if not user.has_perm("orders.view_daytotals"):
        return {}
    day, (first, last) = form.today, form.days
    # The days chosen, and those of the figures: by one look where they touch, as they do unless the past is
    # looked at, and else by two.
    needed = first_day_needed(day)
    whole = _by_day(min(first, needed) if last >= needed else needed, day)
    chosen = whole if last >= needed else _by_day(first, last)
    days = [totals for totals in chosen.values() if first <= totals.day <= last]
    address = reverse("margin_csv")
    return {
        "spans": spans_of(whole, day=day, user=user),
        "charts": charts_of(days),
        "margin_link": f"{address}?{urlencode({'first': str(first), 'last': str(last)})}",
    }


def _by_day(first: date, last: date) -> dict[date, DayTotals]:
    return {totals.day: totals for totals in totals_of(first, last)}


def _providers(user: User) -> list[Provider]:
    """Return the active providers, each with since when its oldest due order waits, by one statement."""
    queued = Order.objects.filter(provider=OuterRef("pk"), status=Order.Status.QUEUED, due_at__isnull=False)
    oldest = Subquery(queued.order_by("due_at").values("due_at")[:1])
    providers = Provider.objects.filter(is_active=True).defer("key").annotate(oldest=oldest)
    return list(providers.order_by("name")[:MOST_PROVIDERS])


def _standings(providers: list[Provider], *, may_see_orders: bool) -> list[Standing]:
    now = timezone.now()
    return [
        Standing(
            provider=one,
            link=reverse("admin:catalog_provider_change", args=[one.pk]),
            oldest=one.oldest if may_see_orders and one.oldest and one.oldest <= now else None,  # type: ignore[attr-defined]  # annotated
            has_low_balance=has_low_balance(one),
        )
        for one in providers
    ]


def _workers(jobs: list[Job]) -> Workers | None:
    """Return how the workers fare by the jobs they ran; None for who may not see jobs."""
    if not jobs:
        return None
    begun = [job.run.started_at for job in jobs if job.run and job.run.outcome != Outcome.EXPECTED]
    last_at = max(begun, default=None)
    return Workers(last_at, not is_sign_of_life(last_at), reverse("admin:operations_jobrun_changelist"))


def _balances(user: User, providers: list[Provider], days: tuple[date, date]) -> list[Any]:
    may = user.has_perm("catalog.view_balancereading")
    return balance_charts(providers, *days) if may and providers else []
