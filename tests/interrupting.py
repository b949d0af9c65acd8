"""Breaking into work at its statements to the database: a worker that dies, and another one that cuts in."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from tests.wallet.threads import PATIENCE_SECONDS, side_by_side

BOUNDARIES = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")
UNSEEN_WAIT_SECONDS = 0.3
"""How long another connection is given on SQLite, where nobody can see that it waits."""

WAITED_FOR = """
    SELECT EXISTS (
        SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))
    )
"""


class Died(BaseException):
    """The worker died here. No `Exception`, for a dead worker catches nothing any more."""


@contextmanager
def dying(at: int | None) -> Iterator[None]:
    """Let the work die before its statement number `at`, from 0; None, or too great a number, lets it live.

    What its transactions had committed stays, and what they had not is rolled back.
    """
    left = -1 if at is None else at

    def wrapper(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        nonlocal left
        if not sql.startswith(BOUNDARIES):
            left -= 1
            if left == -1:
                raise Died
        return execute(sql, *args)

    with connection.execute_wrapper(wrapper):
        yield


@contextmanager
def cutting_in(action: Callable[[], object], *, before: str) -> Iterator[None]:
    """Let another worker do something right before the first statement that begins with `before`."""
    waits = True

    def wrapper(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        nonlocal waits
        if waits and sql.startswith(before):
            waits = False
            action()
        return execute(sql, *args)

    with connection.execute_wrapper(wrapper):
        yield


def overtaking(first: Callable[[], Any], second: Callable[[], Any], *, before: str) -> list[Any]:
    """Begin `second` right before the first statement of `first` that begins with `before`, in two threads.

    `first` goes on once `second` waits for it, or has ended: two who take the same locks in another order
    meet in a deadlock every time, and two who take none write over each other. Returns what each returned or
    raised. Both need a database in which transactions are committed.
    """
    reached, ended = threading.Event(), threading.Event()

    def pause() -> None:
        reached.set()
        _wait_until_waited_for(ended)

    def interrupted() -> Any:
        with cutting_in(pause, before=before):
            return first()

    def overtaker() -> Any:
        assert reached.wait(PATIENCE_SECONDS), f"no statement begins with {before!r}"
        try:
            return second()
        finally:
            ended.set()

    return side_by_side(interrupted, overtaker)


def _wait_until_waited_for(ended: threading.Event) -> None:
    if connection.vendor == "sqlite":
        ended.wait(UNSEEN_WAIT_SECONDS)
        return
    until = time.monotonic() + PATIENCE_SECONDS
    while not ended.wait(0.01):
        with connection.cursor() as cursor:
            cursor.execute(WAITED_FOR)
            if cursor.fetchone() == (True,):
                return
        assert time.monotonic() < until, "the other one neither ends nor waits"
