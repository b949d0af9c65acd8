"""The end of a process at any statement that it sends to the database.

What is committed between two statements is what a killed process leaves; so each statement at which the
process ends, and each outside call, is a point to look at, and there are no others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.db import connection

MOST_POINTS = 200


class Killed(BaseException):
    """The process ended: no rule catches it."""


@dataclass
class _Killer:
    """Lets a number of statements through, and then nothing but what takes the open transaction back."""

    left: int

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.left <= 0 and not sql.startswith("ROLLBACK"):
            raise Killed(sql)
        self.left -= 1
        return execute(sql, params, many, context)


def killed(act: Callable[[], object], *, after: int) -> bool:
    """Do something, killed when it sends its next statement `after` so many; tell whether it came to that."""
    try:
        with connection.execute_wrapper(_Killer(after)):
            act()
    except Killed:
        connection.close()  # the server takes back what was not committed
        return True
    return False


def every_point() -> Iterator[int]:
    """Count the points at which to kill; whoever iterates ends when nothing was left to kill."""
    for point in count():
        assert point < MOST_POINTS, "it never came to its end"
        yield point
