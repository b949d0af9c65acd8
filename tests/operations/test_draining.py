import mmap
import os
import signal
from collections.abc import Iterator

import pytest
from celery.signals import worker_process_init, worker_shutting_down

import panel.celery  # noqa: F401 (what it connects is looked at)
from operations import draining


@pytest.fixture(autouse=True)
def _own_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "_asked", mmap.mmap(-1, 1))


@pytest.fixture
def _own_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_nothing_drains_until_it_is_asked_to() -> None:
    assert not draining.is_draining()
    draining.drain()
    draining.drain()
    assert draining.is_draining()


def test_processes_that_were_forked_before_are_asked_too() -> None:
    asking, asked = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(asking, 1)
        os._exit(0 if draining.is_draining() else 1)
    draining.drain()
    os.write(asked, b"x")
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_worker_that_shuts_down_drains() -> None:
    worker_shutting_down.send(sender="worker", sig="SIGTERM", how="Warm", exitcode=0)
    assert draining.is_draining()


@pytest.mark.usefixtures("_own_handler")
def test_the_pools_processes_leave_sigterm_to_their_parent() -> None:
    worker_process_init.send(sender="worker")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
