"""The record of periodic jobs: for each its latest run, written over in place, and those that failed.

Some begin every five seconds: a row for each run would be a million a month.
"""

import re
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from operations.alerting import raise_alert
from operations.models import Alert, JobRun

Outcome = JobRun.Outcome

KEEP_FAILED = 50
"""Of each job: one that fails every five seconds fills no table."""

KEEP_DAYS = 30
ERROR_LENGTH = 500

_ADDRESS = re.compile(r"\S*://\S*")
_SECRET = re.compile(r"[A-Za-z0-9_+/=-]{20,}")


def periodic_tasks() -> frozenset[str]:
    """Return the names of the tasks that beat sends."""
    return frozenset(entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values())


def begin(task: str, *, run_id: str, worker: str) -> None:
    """Note that a worker has begun a periodic job; another task is no job."""
    if task not in periodic_tasks():
        return
    began: dict[str, object] = {"run_id": run_id[:100], "worker": worker[:200], "outcome": Outcome.RUNNING}
    began |= {"started_at": timezone.now(), "ended_at": None, "error": ""}
    latest = JobRun.objects.filter(task=task).exclude(outcome=Outcome.FAILED)
    if latest.update(before_at=F("started_at"), **began):
        return
    try:
        with transaction.atomic():
            JobRun.objects.create(task=task, **began)
    except IntegrityError:
        # Another worker began it between our look and our insert.
        latest.update(before_at=F("started_at"), **began)


def end(task: str, *, run_id: str, error: BaseException | None = None) -> None:
    """Note how a periodic job ended. A failed one is kept, and told to staff."""
    if task not in periodic_tasks():
        return
    ours = JobRun.objects.filter(task=task, run_id=run_id[:100], outcome=Outcome.RUNNING)
    if error is None:
        # Zero rows: another worker has begun it since, and what counts is the run that began last.
        ours.update(outcome=Outcome.DONE, ended_at=timezone.now())
        return
    failed: dict[str, object] = {"outcome": Outcome.FAILED, "ended_at": timezone.now(), "error": told(error)}
    if not ours.update(**failed):
        JobRun.objects.create(task=task, run_id=run_id[:100], **failed)
    _forget_older(task)
    raise_alert(
        Alert.Kind.JOB_FAILED,
        cause=f"job:{task}",
        text=gettext_noop("The job %(job)s failed: %(error)s"),
        job=task,
        error=told(error),
    )


def told(error: BaseException) -> str:
    """Return an error's class and text for staff, without what looks like an address or a key."""
    text = _SECRET.sub("…", _ADDRESS.sub("…", " ".join(str(error).split())))
    return f"{type(error).__name__}: {text}"[:ERROR_LENGTH]


def sweep() -> None:
    """Drop failures that are too old, and what is left of jobs that are no more."""
    old = JobRun.objects.filter(started_at__lt=timezone.now() - timedelta(days=KEEP_DAYS))
    (old.filter(outcome=Outcome.FAILED) | old.exclude(task__in=periodic_tasks())).delete()


def _forget_older(task: str) -> None:
    failed = JobRun.objects.filter(task=task, outcome=Outcome.FAILED).order_by("-started_at", "-id")
    kept = list(failed.values_list("pk", flat=True)[:KEEP_FAILED])
    failed.order_by().exclude(pk__in=kept).delete()
