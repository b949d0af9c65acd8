"""The Celery application: `celery -A panel worker`, `celery -A panel beat`."""

import logging.config
import os
import signal
from typing import Any

import django_stubs_ext
from celery import Celery, Task
from celery.signals import (
    setup_logging,
    task_failure,
    task_prerun,
    task_success,
    worker_init,
    worker_process_init,
    worker_shutting_down,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from operations import draining, waking

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
django_stubs_ext.monkeypatch()

app = Celery("panel")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def use_the_sites_logging(**kwargs: object) -> None:
    """Log as the web processes do; Celery's own way would lift the level over LOG_LEVEL."""
    logging.config.dictConfig(settings.LOGGING)


@worker_init.connect
def send_no_events(sender: Any, **kwargs: object) -> None:
    """Leave out what Celery's workers tell each other, which nobody here reads.

    A heartbeat that finds Redis gone tries again until it is back, in the worker's main thread, and looks at
    no SIGTERM meanwhile.
    """
    sender.options |= {"without_heartbeat": True, "without_gossip": True, "without_mingle": True}


@worker_init.connect
def begin_in_the_sites_currency(**kwargs: object) -> None:
    """End at once, with what to do, where prices are in another currency than the site's."""
    from panel.currency import require_currency  # has models: see below

    try:
        require_currency()
    except ImproperlyConfigured as error:  # Celery would log it, and begin all the same
        raise SystemExit(str(error)) from error


@worker_shutting_down.connect
def take_nothing_new(**kwargs: object) -> None:
    """End the loops over what is due: SIGTERM, the worker's warm shutdown, waits until its tasks are done."""
    draining.drain()


@worker_process_init.connect
def leave_ending_to_the_parent(**kwargs: object) -> None:
    """Ignore SIGTERM in the pool's processes: who stops a whole group (systemd, honcho) would cut calls off.

    The parent has drained them when it ends them; where it dies first, the system kills them with it.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


@task_prerun.connect
def message_was_read(task: Task[..., object], args: tuple[object, ...], **kwargs: object) -> None:
    """Let the next message for the same work be sent."""
    waking.heard(task.name, *args)


# The record of periodic jobs. What goes wrong with it is logged by Celery, and keeps no task from its work.
# `operations.jobs` has models, which can be read only once the site's apps are: not when this is imported.


@task_prerun.connect
def note_beginning(task: Task[..., object], task_id: str, **kwargs: object) -> None:
    """Note that a periodic job has begun."""
    from operations import jobs

    jobs.begin(task.name, run_id=task_id, worker=task.request.hostname or "")


@task_success.connect
def note_end(sender: Task[..., object], **kwargs: object) -> None:
    """Note that a periodic job is done."""
    from operations import jobs

    jobs.end(sender.name, run_id=sender.request.id or "")


@task_failure.connect
def note_failure(sender: Task[..., object], task_id: str, exception: BaseException, **kwargs: object) -> None:
    """Note why a periodic job failed."""
    from operations import jobs

    jobs.end(sender.name, run_id=task_id, error=exception)
