"""SIGKILL in the middle of forwarding: at random moments here, at every statement in `test_crashing.py`."""

import random
import time

from tests.recovery.conftest import CALLS_AT_ONCE
from tests.recovery.looking import (
    accepted,
    assert_none_is_doubled_or_lost,
    end_leases,
    free_slots_of_the_dead,
    open_attempts,
    place_many,
    statuses,
)
from tests.site.processes import RunningSite, wait_for

ORDERS = 150
POOLS = ("prefork", "threads", "prefork")


def test_each_order_is_placed_once_or_uncertain(bare_site: RunningSite) -> None:
    site, dice = bare_site, random.Random(7)
    place_many(site, "kill", ORDERS)
    beat = site.start_beat()
    for pool in POOLS:
        before = len(accepted(site, "kill"))
        # Without Redis a pace is kept within a process: such a site's worker is one.
        at_once = 1 if pool == "prefork" and not site.env.get("REDIS_URL") else 2
        worker = site.start_worker(pool=pool, concurrency=at_once)
        wait_for(lambda before=before: len(accepted(site, "kill")) > before, f"a call\n{site.log()}")
        time.sleep(dice.uniform(0, 0.4))  # the moment is to be any
        site.kill_worker(worker)
        free_slots_of_the_dead(site)
    dead = end_leases(site)
    assert 0 < dead <= len(POOLS) * CALLS_AT_ONCE, "a killed worker leaves what it had under way, no more"
    assert open_attempts(site) == 0
    assert statuses(site, "kill")["uncertain"] == dead

    worker = site.start_worker(pool="prefork", concurrency=2)
    wait_for(lambda: set(statuses(site, "kill")) == {"pending", "uncertain"}, f"the rest\n{site.log()}")

    assert statuses(site, "kill") == {"pending": ORDERS - dead, "uncertain": dead}
    assert_none_is_doubled_or_lost(site, "kill", ORDERS)
    for process in (worker, beat):
        process.terminate()
        assert process.wait(timeout=60) == 0
