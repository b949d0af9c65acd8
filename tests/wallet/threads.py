"""Real threads over real connections, brought to one point together."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")

PATIENCE_SECONDS = 30.0


def side_by_side(*actions: Callable[[], Result]) -> list[Result | Exception]:
    """Do each action in a thread with a connection of its own; return what each returned or raised."""

    def outcome(action: Callable[[], Result]) -> Result | Exception:
        try:
            return action()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(actions)) as pool:
        return list(pool.map(outcome, actions))


def meeting(count: int) -> Callable[[], object]:
    """Return what threads call to wait for each other; fails if fewer than `count` ever come."""
    barrier = threading.Barrier(count)
    return lambda: barrier.wait(timeout=PATIENCE_SECONDS)
