"""The periodic jobs as they stand: when each ran, how long it took, when it is due next, whether it is late.

The schedule is CELERY_BEAT_SCHEDULE. If no worker runs at all, nothing periodic can say so: the pages of
admin (`operations/templatetags/workers.py`) and `/readyz` do.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import crontab
from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from operations import jobs
from operations.alerting import raise_alert
from operations.models import Alert, JobRun

Outcome = JobRun.Outcome

LATE_PERIODS = 3
LATE_AT_LEAST = timedelta(minutes=2)
CHECK = "operations.tasks.check_jobs"

TITLES: dict[str, Promise] = {
    "forward-due-orders": _("Send orders"),
    "expire-dead-attempts": _("Give up on calls without an answer"),
    "poll-due-orders": _("Ask about orders"),
    "ask-for-due-cancels": _("Ask for cancellations"),
    "search-lost-answers": _("Look for lost answers"),
    "refund-overdue-orders": _("Refund orders that cannot be sent"),
    "apply-taught-texts": _("Apply taught texts"),
    "probe-halted-providers": _("Try halted providers"),
    "refresh-balances": _("Ask for balances"),
    "mail-alerts": _("Send alerts"),
    "check-jobs": _("Watch the jobs"),
    "sync-catalogues": _("Copy catalogues"),
    "measure-health": _("Measure services"),
    "sweep-histories": _("Drop old history"),
    "end-timed-holds": _("End holds whose time is over"),
    "import-rates": _("Take exchange rates"),
    "check-rates": _("Look for old exchange rates"),
    "audit-money": _("Prove the money"),
    "write-day-totals": _("Add up the days"),
}
"""What staff call the jobs; one that is not named here goes by its name in the schedule."""


@dataclass(frozen=True, slots=True)
class Job:
    """A periodic job and its latest run, if there was one.

    `seconds` is how long that took, or None while it runs; `next_at` when it is due, None before anybody
    expected it.
    """

    name: str
    task: str
    title: str
    run: JobRun | None
    seconds: float | None
    next_at: datetime | None
    is_late: bool


def all_jobs(now: datetime | None = None) -> list[Job]:
    """Return every job of the schedule as it stands."""
    now = now or timezone.now()
    runs = _newest_runs()
    entries = settings.CELERY_BEAT_SCHEDULE.items()
    return [_job(name, entry, runs.get(entry["task"]), now=now) for name, entry in entries]


def check(now: datetime | None = None) -> None:
    """Tell staff of jobs that are late, take back what is over, and expect those that never ran."""
    now = now or timezone.now()
    jobs.sweep()
    standing = all_jobs(now)
    for job in standing:
        if job.run is None:
            JobRun.objects.get_or_create(
                task=job.task, defaults={"outcome": Outcome.EXPECTED, "started_at": now}
            )
    late = [job for job in standing if job.is_late]
    if late and _was_running(now):
        for job in late:
            _tell(job)
    fine = [_cause(job) for job in standing if not job.is_late]
    done = [_cause(job) for job in standing if job.run and job.run.outcome == Outcome.DONE]
    _close(Alert.Kind.JOB_LATE, fine, now=now)
    _close(Alert.Kind.JOB_FAILED, done, now=now)


def last_run_at() -> datetime | None:
    """Return when a worker began a periodic job last; None if none ever did."""
    begun = JobRun.objects.exclude(outcome=Outcome.EXPECTED).order_by("-started_at", "-id")
    return begun.values_list("started_at", flat=True).first()


def workers_run(now: datetime | None = None) -> bool:
    """Tell whether a worker, and beat, have shown a sign of life within `LATE_AT_LEAST`."""
    return is_sign_of_life(last_run_at(), now=now)


def is_sign_of_life(last: datetime | None, *, now: datetime | None = None) -> bool:
    """Tell whether a job that began then says that a worker, and beat, run."""
    return last is not None and (now or timezone.now()) - last <= LATE_AT_LEAST


def _newest_runs() -> dict[str, JobRun]:
    newest = JobRun.objects.filter(task=OuterRef("task")).order_by("-started_at", "-id").values("pk")[:1]
    return {run.task: run for run in JobRun.objects.filter(pk=Subquery(newest))}


def _job(name: str, entry: dict[str, Any], run: JobRun | None, *, now: datetime) -> Job:
    began_at = run.started_at if run else None
    longest = max(_period(entry["schedule"], now) * LATE_PERIODS, LATE_AT_LEAST)
    return Job(
        name=name,
        task=entry["task"],
        title=str(TITLES.get(name, name)),
        run=run,
        seconds=(run.ended_at - run.started_at).total_seconds() if run and run.ended_at else None,
        next_at=_next(entry["schedule"], began_at) if began_at else None,
        is_late=began_at is not None and now - began_at > longest,
    )


def _period(schedule: Any, now: datetime) -> timedelta:
    if not isinstance(schedule, crontab):
        return timedelta(seconds=schedule)
    first = _next(schedule, now)
    return _next(schedule, first) - first


def _next(schedule: Any, after: datetime) -> datetime:
    if not isinstance(schedule, crontab):
        return after + timedelta(seconds=schedule)
    began, wait, _now = schedule.remaining_delta(after)
    following: datetime = began + wait
    return following


def _was_running(now: datetime) -> bool:
    """Tell whether this check ran a while ago too: after a night without workers all is late for a moment."""
    before = JobRun.objects.filter(task=CHECK).exclude(outcome=Outcome.FAILED)
    before_at = before.values_list("before_at", flat=True).first()
    return before_at is not None and now - before_at <= LATE_AT_LEAST


def _tell(job: Job) -> None:
    began_at = job.run.started_at if job.run else timezone.now()
    raise_alert(
        Alert.Kind.JOB_LATE,
        cause=_cause(job),
        text=gettext_noop("The job %(job)s has not run since %(since)s UTC, though others do."),
        job=job.task,
        since=f"{began_at:%Y-%m-%d %H:%M}",
    )


def _cause(job: Job) -> str:
    return f"job:{job.task}"


def _close(kind: Alert.Kind, causes: list[str], *, now: datetime) -> None:
    Alert.objects.filter(kind=kind, cause__in=causes, closed_at=None).update(closed_at=now)
