"""Beat without the file in which it keeps when it last did what."""

import shutil
from pathlib import Path

import pytest

from panel.beat import Scheduler
from panel.celery import app


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # dbm's, as it is thrown away
def test_beat_goes_on_when_its_file_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    scheduler = Scheduler(app=app, schedule_filename=str(folder / "schedule"), lazy=True)
    scheduler.setup_schedule()
    entries = set(scheduler.schedule)
    shutil.rmtree(folder)

    scheduler.sync()
    assert set(scheduler.schedule) == entries != set()
    scheduler.close()


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    file = str(tmp_path / "schedule")
    scheduler = Scheduler(app=app, schedule_filename=file, lazy=True)
    scheduler.setup_schedule()
    name, entry = next(iter(scheduler.schedule.items()))
    scheduler.schedule[name] = next(entry)  # ran once
    scheduler.close()

    again = Scheduler(app=app, schedule_filename=file, lazy=True)
    again.setup_schedule()
    assert again.schedule[name].total_run_count == 1
    again.close()


def test_the_site_uses_it() -> None:
    assert app.conf.beat_scheduler == "panel.beat:Scheduler"
