from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction

from operations import jobs
from operations.jobs import KEEP_FAILED, begin, end, sweep
from operations.models import Alert, JobRun
from tests.operations.reading import in_english
from tests.wallet.threads import side_by_side

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SEND, SYNC = "orders.tasks.forward_every_provider", "catalog.tasks.sync_catalogues"


@pytest.fixture(autouse=True)
def moment() -> Any:
    """Noon, which stands until a test moves it."""
    with time_machine.travel(NOON, tick=False) as moment:
        yield moment


def rows(task: str = SEND) -> list[tuple[str, str, str]]:
    """Return what is kept of a job, newest first: its message, outcome and error."""
    return list(JobRun.objects.filter(task=task).values_list("run_id", "outcome", "error"))


def test_a_run_is_kept_from_its_beginning_to_its_end(db: None, moment: Any) -> None:
    begin(SEND, run_id="a", worker="celery@one")
    run = JobRun.objects.get()
    assert (run.task, run.outcome, run.worker) == (SEND, "running", "celery@one")
    assert (run.started_at, run.before_at, run.ended_at) == (NOON, None, None)

    moment.shift(timedelta(seconds=3))
    end(SEND, run_id="a")
    run.refresh_from_db()
    assert (run.outcome, run.ended_at, run.error) == ("done", NOON + timedelta(seconds=3), "")


def test_the_next_run_is_written_over_the_last(db: None, moment: Any) -> None:
    for number in range(3):
        begin(SEND, run_id=str(number), worker="w")
        end(SEND, run_id=str(number))
        moment.shift(timedelta(seconds=5))

    assert rows() == [("2", "done", "")]
    run = JobRun.objects.get()
    assert run.started_at - run.before_at == timedelta(seconds=5)  # type: ignore[operator]


def test_each_job_has_its_own(db: None) -> None:
    begin(SEND, run_id="a", worker="w")
    begin(SYNC, run_id="b", worker="w")
    end(SYNC, run_id="b")

    assert (rows(), rows(SYNC)) == ([("a", "running", "")], [("b", "done", "")])


def test_what_beat_does_not_send_is_no_job(db: None) -> None:
    begin("orders.tasks.forward_provider", run_id="a", worker="w")
    end("orders.tasks.forward_provider", run_id="a", error=ValueError("…"))

    assert not JobRun.objects.exists()
    assert not Alert.objects.exists()


def test_a_failure_is_kept_and_told(db: None, moment: Any) -> None:
    begin(SEND, run_id="a", worker="w")
    end(SEND, run_id="a", error=ValueError("no such\n\tthing"))
    moment.shift(timedelta(seconds=5))
    begin(SEND, run_id="b", worker="w")
    end(SEND, run_id="b")

    assert rows() == [("b", "done", ""), ("a", "failed", "ValueError: no such thing")]
    alert = Alert.objects.get()
    assert (alert.kind, alert.cause) == (Alert.Kind.JOB_FAILED, f"job:{SEND}")
    assert in_english(alert) == f"The job {SEND} failed: ValueError: no such thing"


def test_a_run_that_another_overtook_changes_nothing_of_it(db: None) -> None:
    begin(SEND, run_id="slow", worker="w")
    begin(SEND, run_id="next", worker="w")
    end(SEND, run_id="slow")
    assert rows() == [("next", "running", "")]

    end(SEND, run_id="slow", error=ValueError("late"))
    assert sorted(rows()) == [("next", "running", ""), ("slow", "failed", "ValueError: late")]


def test_failures_are_bounded(db: None, moment: Any) -> None:
    begin(SYNC, run_id="other", worker="w")
    end(SYNC, run_id="other", error=ValueError("…"))
    for number in range(KEEP_FAILED + 3):
        begin(SEND, run_id=str(number), worker="w")
        end(SEND, run_id=str(number), error=ValueError("…"))
        moment.shift(timedelta(seconds=5))

    assert [run_id for run_id, _, _ in rows()] == [str(number) for number in range(KEEP_FAILED + 2, 2, -1)]
    assert len(rows(SYNC)) == 1


@pytest.mark.parametrize(
    "secret",
    [
        "https://user:pass@example.com/api?key=x",
        "postgres://panel:pass@db:5432/panel",
        "0123456789abcdef0123456789abcdef",
        "tgram://token/chat",
    ],
)
def test_no_error_has_an_address_or_a_key(secret: str) -> None:
    assert jobs.told(ValueError(f"cannot use {secret} now")) == "ValueError: cannot use … now"


def test_an_error_is_bounded() -> None:
    assert len(jobs.told(ValueError("no " * 1000))) == jobs.ERROR_LENGTH


def test_what_is_old_is_swept(db: None, moment: Any) -> None:
    for task, run_id in ((SEND, "a"), (SYNC, "b")):
        begin(task, run_id=run_id, worker="w")
    end(SEND, run_id="a", error=ValueError("…"))
    JobRun.objects.create(task="gone.tasks.gone", run_id="c", outcome="done")
    sweep()
    assert JobRun.objects.count() == 3

    moment.shift(timedelta(days=30, seconds=1))
    sweep()
    assert list(JobRun.objects.values_list("run_id", flat=True)) == ["b"], "a job's latest run stays"


# --- Two at once ------------------------------------------------------------------------------------------


def test_the_database_keeps_one_latest_run_of_a_job(db: None) -> None:
    begin(SEND, run_id="a", worker="w")

    with pytest.raises(IntegrityError), transaction.atomic():
        JobRun.objects.create(task=SEND, outcome="done")


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_begin_a_job_first_make_one_row() -> None:
    works = [partial(begin, SEND, run_id=name, worker="w") for name in "ab"]

    assert side_by_side(*works) == [None, None]
    assert JobRun.objects.count() == 1
