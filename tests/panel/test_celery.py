from typing import Any

import pytest
from celery.schedules import crontab, maybe_schedule
from django.conf import settings
from django.utils import timezone

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
