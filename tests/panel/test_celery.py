from typing import Any

import pytest
from celery.schedules import crontab, maybe_schedule
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from operations.models import JobRun
from panel.celery import app


@pytest.fixture(autouse=True)
def _all_tasks() -> None:
    app.loader.import_default_modules()


@pytest.mark.parametrize("name", sorted(settings.CELERY_BEAT_SCHEDULE))
def test_what_beat_sends_exists_needs_no_arguments_and_does_not_pile_up(name: str) -> None:
    entry: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE[name]
    task = app.tasks[entry["task"]]

    task.__header__()  # fails when it needs an argument
    assert 0 < entry["options"]["expires"] <= seconds_between(entry["schedule"])


def seconds_between(schedule: Any) -> float:
    """Return how long it is from one time that beat sends something to the next."""
    if not isinstance(schedule, crontab):
        return float(maybe_schedule(schedule).run_every.total_seconds())
    began, wait, _ = schedule.remaining_delta(timezone.now())
    first = began + wait
    began, wait, _ = schedule.remaining_delta(first)
    return float((began + wait - first).total_seconds())


def test_beat_finds_whatever_a_lost_message_was_about() -> None:
    swept = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert swept >= {
        "orders.tasks.forward_every_provider",
        "orders.tasks.poll_every_provider",
        "orders.tasks.cancel_every_provider",
        "orders.tasks.expire_attempts",
        "operations.tasks.mail_alerts",
        "catalog.tasks.refresh_balances",
        "catalog.tasks.sync_catalogues",
    }


def test_a_periodic_job_leaves_a_record(db: None) -> None:
    app.tasks["operations.tasks.check_jobs"].apply(task_id="a-message")

    run = JobRun.objects.get(task="operations.tasks.check_jobs")
    assert (run.run_id, run.outcome, run.ended_at is not None) == ("a-message", "done", True)
    assert run.worker


def test_one_that_fails_leaves_why(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise ValueError("no such thing")

    monkeypatch.setattr("operations.schedule.check", fails)
    app.tasks["operations.tasks.check_jobs"].apply(task_id="a-message")

    run = JobRun.objects.get()
    assert (run.run_id, run.outcome, run.error) == ("a-message", "failed", "ValueError: no such thing")


def test_a_record_that_cannot_be_written_keeps_no_job_from_its_work(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("away")

    worked: list[bool] = []
    monkeypatch.setattr("operations.jobs.begin", away)
    monkeypatch.setattr("operations.jobs.end", away)
    monkeypatch.setattr("operations.schedule.check", lambda: worked.append(True))
    app.tasks["operations.tasks.check_jobs"].apply()

    assert worked == [True]


def test_other_tasks_leave_none(db: None) -> None:
    app.tasks["orders.tasks.forward_provider"].apply(args=(7,))

    assert not JobRun.objects.exists()


def test_tasks_keep_no_result_and_speak_json_only() -> None:
    assert app.conf.task_ignore_result
    assert (app.conf.task_serializer, app.conf.accept_content) == ("json", ["json"])


def test_no_task_waits_in_the_broker() -> None:
    assert not app.conf.task_publish_retry
    assert app.conf.worker_prefetch_multiplier == 1
    for name, task in app.tasks.items():
        if not name.startswith("celery."):
            assert task.max_retries in {None, 3}, name  # celery's own default: none of ours retries by itself
            assert not getattr(task, "autoretry_for", ()), name
