"""Redis silent or gone: SIGTERM still ends a worker soon, with every call answered and recorded."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recovery.looking import (
    accepted,
    assert_none_is_doubled_or_lost,
    open_attempts,
    place_many,
    statuses,
    wait_until_all_are_sent,
)
from tests.recovery.servers import OwnRedis, own_redis
from tests.site.processes import RunningSite, running_site, wait_for

pytestmark = pytest.mark.needs_redis

ORDERS = 200
NOTICED_SECONDS = 4.0
"""Longer than anything that a worker does by the clock: it has run into the silence."""


@pytest.fixture
def redis_server() -> Iterator[OwnRedis]:
    """A Redis that the test takes away."""
    with own_redis() as server:
        yield server


@pytest.fixture
def queued_site(tmp_path: Path, redis_server: OwnRedis) -> Iterator[RunningSite]:
    """A site on that Redis, whose queue takes its workers many seconds."""
    with running_site(
        tmp_path,
        sandbox_options=("--latency", "0.2", "--life", "600", "--spam-seconds", "0"),
        provider_options=("--calls-at-once", "4"),
        workers=0,
        web=False,
        variables={"REDIS_URL": redis_server.url, "POLL_FIRST_SECONDS": "600"},
    ) as site:
        place_many(site, "silent", ORDERS)
        yield site


@pytest.mark.parametrize("comes_back", [True, False], ids=["silent", "gone"])
def test_workers_end_without_redis_and_lose_nothing(
    queued_site: RunningSite, redis_server: OwnRedis, comes_back: bool
) -> None:
    workers = [queued_site.start_worker(pool=pool, concurrency=3) for pool in ("threads", "prefork")]
    wait_for(
        lambda: len(accepted(queued_site, "silent")) > 3, f"a few orders to be sent\n{queued_site.log()}"
    )

    redis_server.freeze()
    time.sleep(NOTICED_SECONDS)
    if not comes_back:
        redis_server.stop()
    for worker in workers:
        worker.send_signal(signal.SIGTERM)

    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    assert open_attempts(queued_site) == 0
    assert set(statuses(queued_site, "silent")) <= {"queued", "pending"}, "no order is uncertain"
    assert_none_is_doubled_or_lost(queued_site, "silent", ORDERS)

    redis_server.thaw() if comes_back else redis_server.start()
    queued_site.start_worker()
    wait_until_all_are_sent(queued_site, "silent", ORDERS)
