"""A deploy in the middle: SIGTERM ends a worker soon, with every call answered and recorded."""

import os
import signal
import subprocess

import pytest

from tests.recovery.looking import (
    accepted,
    assert_none_is_doubled_or_lost,
    open_attempts,
    place_many,
    statuses,
    wait_until_all_are_sent,
)
from tests.site.processes import RunningSite, wait_for

ORDERS = 200


@pytest.fixture(scope="module")
def site(bare_site: RunningSite) -> RunningSite:
    """The site with a queue that takes a worker many seconds."""
    place_many(bare_site, "deploy", ORDERS)
    return bare_site


@pytest.mark.parametrize(("pool", "whole_group"), [("prefork", True), ("threads", False)])
def test_a_worker_that_is_asked_to_stop_begins_nothing_and_ends(
    site: RunningSite, pool: str, whole_group: bool
) -> None:
    before = len(accepted(site, "deploy"))
    worker = site.start_worker(pool=pool, concurrency=2)
    beat = site.start_beat()
    wait_for(lambda: len(accepted(site, "deploy")) > before + 3, f"a few orders to be sent\n{site.log()}")

    _ask_to_stop(worker, whole_group=whole_group)

    assert worker.wait(timeout=60) == 0
    assert open_attempts(site) == 0
    found = statuses(site, "deploy")
    assert set(found) == {"queued", "pending"}, "no order is uncertain"
    assert found["queued"] > ORDERS / 8, "it did not stay until the queue was empty"
    assert_none_is_doubled_or_lost(site, "deploy", ORDERS)
    beat.terminate()
    assert beat.wait(timeout=20) == 0


def test_the_next_worker_sends_the_rest(site: RunningSite) -> None:
    assert statuses(site, "deploy")["queued"]
    worker, beat = site.start_worker(pool="prefork", concurrency=2), site.start_beat()
    wait_until_all_are_sent(site, "deploy", ORDERS)
    for process in (worker, beat):
        process.terminate()
        assert process.wait(timeout=60) == 0


def _ask_to_stop(worker: subprocess.Popen[bytes], *, whole_group: bool) -> None:
    # A container's SIGTERM reaches the first process alone, systemd's and honcho's the whole group.
    if whole_group:
        os.killpg(worker.pid, signal.SIGTERM)
    else:
        worker.send_signal(signal.SIGTERM)
