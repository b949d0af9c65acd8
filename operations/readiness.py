"""Whether the site's parts work: the database, the broker, and a worker with beat."""

from celery import current_app
from django.db import Error, connection
from kombu.exceptions import OperationalError

from operations.schedule import workers_run

BROKER_SECONDS = 2


def parts_that_work() -> dict[str, bool]:
    """Return for each part whether it works now; what it says when it does not is for the log of its own."""
    return {"database": _database(), "broker": _broker(), "worker": _worker()}


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True


def _broker() -> bool:
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    except (OperationalError, OSError):
        return False
    return True


def _worker() -> bool:
    try:
        return workers_run()
    except Error:
        return False
