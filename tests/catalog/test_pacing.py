import logging
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count
from threading import Lock
from typing import Any

import pytest
import redis

from catalog import pacing
from catalog.pacing import NoSlot, Pace
from tests.upstream.scripted import unused_url

_ids = count(10**6)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.needs_redis)])
def provider_id(
    request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[int]:
    """A provider that nobody paced before, in each of both stores."""
    url = os.environ["REDIS_URL"] if request.param == "redis" else ""
    settings.REDIS_URL = url
    prefix = f"test:{uuid.uuid4().hex}:"
    monkeypatch.setattr(pacing, "_prefix", lambda: prefix)
    monkeypatch.setattr(pacing, "_stores", pacing._Stores())
    yield next(_ids)
    if url:
        server = redis.Redis.from_url(url)
        for key in server.scan_iter(f"*{prefix}pace*"):
            server.delete(key)


def test_calls_at_once_are_never_exceeded(provider_id: int) -> None:
    pace, lock, now, most = Pace(provider_id, calls_at_once=3), Lock(), 0, 0

    def call(_: int) -> None:
        nonlocal now, most
        with pace.slot(10):
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.01)
            with lock:
                now -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(call, range(40)))

    assert most == 3


def test_no_slot_when_all_are_taken(provider_id: int) -> None:
    pace = Pace(provider_id, calls_at_once=1)

    with pace.slot(0):
        began = time.monotonic()
        with pytest.raises(NoSlot), pace.slot(0.1):
            pass
        assert 0.09 <= time.monotonic() - began < 2
        with Pace(provider_id + 10**6, calls_at_once=1).slot(0):
            pass  # another provider's slots are its own
    with pace.slot(0):
        pass


def test_a_slot_is_free_again_after_a_fault(provider_id: int) -> None:
    pace = Pace(provider_id, calls_at_once=1)

    with pytest.raises(ZeroDivisionError), pace.slot(0):
        raise ZeroDivisionError
    with pace.slot(0):
        pass


def test_a_slot_may_be_left_in_another_thread(provider_id: int) -> None:
    pace = Pace(provider_id, calls_at_once=1)
    slot = pace.slot(0)
    slot.__enter__()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(slot.__exit__, None, None, None).result()

    with pace.slot(0):
        pass


def test_calls_per_second(provider_id: int) -> None:
    pace, began = Pace(provider_id, calls_at_once=8, calls_per_second=Decimal("5.9")), []

    def call(_: int) -> None:
        with pace.slot(10):
            began.append(time.monotonic())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(11)))

    began.sort()
    # Of any six calls in a row the last begins a second after the first, but for the clocks' grain.
    assert all(late - early > 0.9 for early, late in zip(began, began[5:], strict=False))
    assert began[-1] - began[0] < 5


def test_a_rate_that_has_no_room_gives_the_slot_back(provider_id: int) -> None:
    pace = Pace(provider_id, calls_at_once=1, calls_per_second=Decimal("0.1"))
    with pace.slot(0):
        pass

    with pytest.raises(NoSlot), pace.slot(0.05):
        pass

    with Pace(provider_id, calls_at_once=1).slot(0):
        pass


@pytest.mark.parametrize(
    ("asked", "calls", "seconds"),
    [("1", 1, 1), ("2.5", 2, 1), ("100", 100, 1), ("0.5", 1, 2), ("0.4", 1, 3), ("0.01", 1, 100)],
)
def test_rates_are_rounded_down(asked: str, calls: int, seconds: int) -> None:
    rate = pacing._rate(Decimal(asked))

    assert (rate.amount, rate.get_expiry()) == (calls, seconds)


def test_a_redis_that_is_down_leaves_the_processes_own_limits(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = unused_url().removeprefix("http://").partition("/")[0]
    settings.REDIS_URL = f"redis://{address}/0"
    monkeypatch.setattr(pacing, "_stores", pacing._Stores())
    pace = Pace(next(_ids), calls_at_once=2, calls_per_second=Decimal(100))

    with caplog.at_level(logging.WARNING), pace.slot(1), pace.slot(1), pytest.raises(NoSlot), pace.slot(0.05):
        pass

    assert [record.getMessage() for record in caplog.records] == [
        "pace.redis_failed error=ConnectionError limits=in_process"
    ]


HOLD = """
import django, sys, time
django.setup()
from catalog import pacing
provider, prefix = int(sys.argv[1]), sys.argv[2]
pacing._prefix, pacing.LEASE_SECONDS, pacing.RENEW_SECONDS = lambda: prefix, 1.0, 0.25
with pacing.Pace(provider, calls_at_once=1).slot(0):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("provider_id", [pytest.param("redis", marks=pytest.mark.needs_redis)], indirect=True)
def test_a_slot_is_held_as_long_as_its_worker_lives(provider_id: int) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "panel.settings"}
    words = [sys.executable, "-c", HOLD, str(provider_id), pacing._prefix()]
    worker = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"held\n"
        with pytest.raises(NoSlot), Pace(provider_id, calls_at_once=1).slot(2):
            pass  # its lease of one second ended twice, and was renewed
    finally:
        worker.kill()
        worker.wait()
    with Pace(provider_id, calls_at_once=1).slot(5):
        pass


@pytest.mark.parametrize("provider_id", [pytest.param("redis", marks=pytest.mark.needs_redis)], indirect=True)
def test_a_slot_that_was_given_back_is_not_renewed(provider_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "RENEW_SECONDS", 0.05)
    pace = Pace(provider_id, calls_at_once=1)
    with pace.slot(0):
        time.sleep(0.2)
    with pace.slot(0):
        pass
