from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery.schedules import crontab

from operations import tasks
from operations.jobs import begin, end
from operations.models import Alert, JobRun
from operations.schedule import CHECK, all_jobs, check, last_run_at, workers_run
from tests.operations.reading import in_english

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECONDS = timedelta(seconds=1)
OFTEN, HOURLY, DAILY = "t.often", "t.hourly", "t.daily"


@pytest.fixture(autouse=True)
def schedule(settings: Any) -> None:
    """A job every five seconds, an hourly and a daily one, and the one that watches them."""
    settings.CELERY_BEAT_SCHEDULE = {
        "often": {"task": OFTEN, "schedule": 5.0},
        "hourly": {"task": HOURLY, "schedule": 3600.0},
        "daily": {"task": DAILY, "schedule": crontab(hour=3, minute=30)},
        "check-jobs": {"task": CHECK, "schedule": 60.0},
    }


@pytest.fixture(autouse=True)
def moment() -> Any:
    """Noon, which stands until a test moves it."""
    with time_machine.travel(NOON, tick=False) as moment:
        yield moment


def run(*names: str, error: BaseException | None = None) -> None:
    for name in names:
        begin(name, run_id=name, worker="w")
        end(name, run_id=name, error=error)


def late() -> list[str]:
    return [job.task for job in all_jobs() if job.is_late]


def open_alerts() -> list[tuple[str, str]]:
    return sorted(Alert.objects.filter(closed_at=None).values_list("kind", "cause"))


# --- As they stand ----------------------------------------------------------------------------------------


def test_each_job_with_its_last_run_and_its_next(db: None, moment: Any) -> None:
    begin(OFTEN, run_id="a", worker="w")
    moment.shift(2 * SECONDS)
    end(OFTEN, run_id="a")
    run(DAILY)
    begin(HOURLY, run_id="b", worker="w")

    often, hourly, daily, watch = all_jobs()

    assert (often.name, often.task, often.title, often.seconds) == ("often", OFTEN, "often", 2.0)
    assert (often.next_at, often.is_late) == (NOON + 5 * SECONDS, False)
    assert (hourly.seconds, hourly.next_at) == (None, NOON + timedelta(hours=1, seconds=2))
    assert daily.next_at == datetime(2026, 5, 2, 3, 30, tzinfo=UTC)
    assert (watch.run, watch.seconds, watch.next_at, watch.is_late) == (None, None, None, False)


def test_the_last_run_is_the_one_that_failed(db: None, moment: Any) -> None:
    run(OFTEN, error=ValueError("old"))
    moment.shift(5 * SECONDS)
    run(OFTEN, error=ValueError("new"))
    assert all_jobs()[0].run.error == "ValueError: new"  # type: ignore[union-attr]

    moment.shift(5 * SECONDS)
    run(OFTEN)
    assert all_jobs()[0].run.outcome == "done"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("task", "longest"),
    [(OFTEN, timedelta(minutes=2)), (HOURLY, timedelta(hours=3)), (DAILY, timedelta(days=3))],
)
def test_what_has_not_begun_for_three_of_its_periods_is_late(
    db: None, moment: Any, task: str, longest: timedelta
) -> None:
    run(task)
    moment.shift(longest)
    assert late() == []
    moment.shift(SECONDS)
    assert late() == [task]


def test_the_schedule_costs_one_query(db: None, django_assert_num_queries: Any) -> None:
    run(OFTEN, HOURLY, DAILY, CHECK)
    with django_assert_num_queries(1):
        all_jobs()


# --- Told by those that run -------------------------------------------------------------------------------


def watched(moment: Any, *, times: int = 1, also: tuple[str, ...] = ()) -> None:
    """Let the watch run each minute, and others with it."""
    for _ in range(times):
        moment.shift(timedelta(minutes=1))
        run(CHECK, *also)
        check()


def test_a_job_that_is_late_is_told_until_it_runs(db: None, moment: Any) -> None:
    run(OFTEN, HOURLY, DAILY)
    watched(moment, times=2)
    assert open_alerts() == []

    watched(moment)
    assert open_alerts() == [("job_late", f"job:{OFTEN}")]
    said = "has not run since 2026-05-01 12:00 UTC, though others do."
    assert in_english(Alert.objects.get()).endswith(said)

    watched(moment, also=(OFTEN,))
    assert open_alerts() == []


def test_a_job_that_never_ran_is_late_too(db: None, moment: Any) -> None:
    watched(moment)
    assert dict(JobRun.objects.values_list("task", "outcome")) == {
        OFTEN: "expected",
        HOURLY: "expected",
        DAILY: "expected",
        CHECK: "done",
    }
    watched(moment, times=2)
    assert open_alerts() == []
    watched(moment)
    assert open_alerts() == [("job_late", f"job:{OFTEN}")]


def test_after_a_night_without_workers_nobody_is_told_of_what_is_about_to_run(db: None, moment: Any) -> None:
    watched(moment, times=3, also=(OFTEN, HOURLY))
    moment.shift(timedelta(hours=10))
    watched(moment)
    assert late() == [OFTEN, HOURLY]
    assert open_alerts() == []

    watched(moment, also=(OFTEN,))
    assert open_alerts() == [("job_late", f"job:{HOURLY}")]


def test_a_failure_is_over_when_the_job_is_done(db: None, moment: Any) -> None:
    run(OFTEN, error=ValueError("…"))
    watched(moment)
    assert open_alerts() == [("job_failed", f"job:{OFTEN}")]
    assert Alert.objects.get().times == 1

    watched(moment, also=(OFTEN,))
    assert open_alerts() == []


def test_other_alerts_are_left_alone(db: None, moment: Any) -> None:
    Alert.objects.create(kind="order_held", cause=f"job:{OFTEN}", text="…", first_at=NOON, last_at=NOON)
    run(OFTEN)
    watched(moment)

    assert open_alerts() == [("order_held", f"job:{OFTEN}")]


def test_the_task_checks(db: None) -> None:
    tasks.check_jobs()

    assert JobRun.objects.filter(outcome="expected").count() == 4


# --- Signs of life ----------------------------------------------------------------------------------------


def test_whether_workers_run(db: None, moment: Any) -> None:
    assert (last_run_at(), workers_run()) == (None, False)
    JobRun.objects.create(task=DAILY, outcome="expected")
    assert (last_run_at(), workers_run()) == (None, False)

    begin(OFTEN, run_id="a", worker="w")
    assert (last_run_at(), workers_run()) == (NOON, True)
    moment.shift(timedelta(minutes=2))
    assert workers_run()
    moment.shift(SECONDS)
    assert (last_run_at(), workers_run()) == (NOON, False)
