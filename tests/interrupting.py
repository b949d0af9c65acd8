"""Breaking into work at its statements to the database: a worker that dies, and another one that cuts in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

BOUNDARIES = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")


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
