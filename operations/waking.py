"""Waking workers: a message that may be lost, because the database is the queue."""

import logging
from functools import partial

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


EXPIRES_SECONDS = 60
"""A worker that is busy for longer is not woken once for each time that somebody wanted it."""

UNREAD_SECONDS = 10
"""For how long a message is taken for unread: one that was lost keeps back the next for no longer."""


def wake(task: str, *args: int) -> None:
    """Send a task once the transaction under way is committed.

    A broker that is down is logged and otherwise ignored: beat finds what is due, and the request that
    wrote the row has done its work.
    """
    transaction.on_commit(partial(_send, task, *args))


def heard(task: str, *args: object) -> None:
    """Note that a worker has begun a task: what comes to be due from now on needs another message."""
    if settings.REDIS_URL:
        cache.delete(_unread(task, args))


def _send(task: str, *args: int) -> None:
    noted = _note_unread(task, args)
    if noted is None:
        # The request waited for Redis once; the broker is the same Redis, and would let it wait for longer.
        logger.warning("task.not_sent task=%s error=RedisAway", task)
    if not noted:
        return
    try:
        current_app.send_task(task, args=args, retry=False, expires=EXPIRES_SECONDS)
    except (OperationalError, OSError) as error:
        logger.warning("task.not_sent task=%s error=%s", task, type(error).__name__)


def _note_unread(task: str, args: tuple[int, ...]) -> bool | None:
    """Note that a message waits for a worker; False when the same one does already, None without an answer.

    A thousand orders at once would else be a thousand messages, before all that beat sends. Only where all
    processes share the cache.
    """
    if not settings.REDIS_URL:
        return True
    noted: bool | None = cache.add(_unread(task, args), 1, timeout=UNREAD_SECONDS)
    return noted


def _unread(task: str, args: tuple[object, ...]) -> str:
    return f"unread:{task}:{','.join(map(str, args))}"
