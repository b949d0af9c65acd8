"""Turns at long work: so many on a machine, and free again whatever becomes of who held one."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from operations.turns import in_turn
from tests.panel.processes import SECRET_KEY, environment


def beside(count: int, work: Callable[[], object]) -> bool:
    """Do work while `count` others are at theirs."""
    if not count:
        return in_turn("test", at_once=2, work=work)
    came_of: list[bool] = []
    assert in_turn("test", at_once=2, work=lambda: came_of.append(beside(count - 1, work)))
    return came_of[0]


@pytest.mark.parametrize(("others", "done"), [(0, True), (1, True), (2, False)])
def test_so_many_at_once_and_no_more(others: int, done: bool) -> None:
    did: list[int] = []
    assert beside(others, lambda: did.append(1)) is done
    assert bool(did) is done


def test_another_work_has_turns_of_its_own() -> None:
    came_of: list[bool] = []
    in_turn("test-a", at_once=1, work=lambda: came_of.append(in_turn("test-b", at_once=1, work=list)))
    assert came_of == [True]


def test_a_turn_is_free_after_a_failure() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_turn("test", at_once=1, work=fail)
    assert in_turn("test", at_once=1, work=list)


HOLD = """
import django; django.setup()
from operations.turns import in_turn
in_turn("test", at_once=1, work=lambda: (print("holds", flush=True), input()))
"""


def test_a_killed_process_holds_no_turn(settings: Any) -> None:
    env = environment(settings.VAR_DIR, SECRET_KEY=SECRET_KEY, DJANGO_SETTINGS_MODULE="panel.settings")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"holds\n"
    assert not in_turn("test", at_once=1, work=list)
    holder.kill()
    holder.wait(timeout=30)
    assert in_turn("test", at_once=1, work=list)
