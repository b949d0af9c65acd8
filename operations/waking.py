"""Waking workers: a message that may be lost, because the database is the queue."""

import logging
from functools import partial

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def wake(task: str, *args: int) -> None:
    """Send a task once the transaction under way is committed.

    A broker that is down is logged and otherwise ignored: beat finds what is due, and the request that
    wrote the row has done its work.
    """
    transaction.on_commit(partial(_send, task, *args))


def _send(task: str, *args: int) -> None:
    try:
        current_app.send_task(task, args=args, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("task.not_sent task=%s error=%s", task, type(error).__name__)
