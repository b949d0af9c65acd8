"""Taking turns at long work, so that one kind of it does not hold all of a machine's workers."""

import fcntl
from collections.abc import Callable
from typing import BinaryIO

from django.conf import settings

WORK_SECONDS = 20.0
"""How long a task that took a turn works on before others come to theirs."""


def in_turn(name: str, *, at_once: int, work: Callable[[], object]) -> bool:
    """Do some work unless `at_once` others on this machine are at it already; tell whether it was done.

    A turn is the lock of a file under VAR_DIR, which the system frees when a process dies, in whatever way.
    """
    for number in range(at_once):
        with _file(f"{name}-{number}") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            work()
            return True
    return False


def _file(name: str) -> BinaryIO:
    folder = settings.VAR_DIR / "turns"
    folder.mkdir(exist_ok=True)
    return (folder / name).open("ab")
