import mmap
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from catalog.models import Provider
from catalog.pacing import pace_of
from catalog.probing import probe_due
from operations import draining
from operations.models import Alert
from orders import calling
from orders.calling import Work, work_through
from orders.forwarding import forward_due
from orders.models import Attempt, Order
from upstream.answers import Balance
from upstream.client import Client
from upstream.errors import Later, ProviderError
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import held_by

Heard = Balance | ProviderError


@dataclass
class Bench:
    """Jobs that ask for the balance: what was taken, and what was recorded."""

    jobs: deque[int]
    taken: list[int] = field(default_factory=list)
    recorded: dict[int, Heard] = field(default_factory=dict)
    on_take: Callable[[int], None] = lambda job: None
    on_record: Callable[[int, Heard], None] = lambda job, answer: None
    call: Callable[[Client, int], Balance] = lambda client, job: client.balance()

    @property
    def work(self) -> Work[int, Balance]:
        return Work(take=self._take, call=self.call, record=self._record)

    def _take(self) -> int | None:
        if not self.jobs:
            return None
        self.on_take(self.jobs[0])
        self.taken.append(self.jobs[0])
        return self.jobs.popleft()

    def _record(self, job: int, answer: Heard) -> None:
        self.on_record(job, answer)
        self.recorded[job] = answer


def bench(count: int, **more: Any) -> Bench:
    return Bench(jobs=deque(range(count)), **more)


def slots_are_free(provider: Provider) -> bool:
    for _ in range(provider.calls_at_once):
        with pace_of(provider).slot(timeout_seconds=0.1):
            pass
    return True


def test_every_job_is_done_and_recorded(provider: Provider, sandbox: SandboxServer) -> None:
    jobs = bench(10)
    assert work_through(provider, jobs.work, seconds=20) == 10
    assert jobs.taken == list(range(10))
    assert {type(answer) for answer in jobs.recorded.values()} == {Balance}
    assert sandbox.calls["balance"] == 10
    assert slots_are_free(provider)


def test_no_job_no_call(provider: Provider, sandbox: SandboxServer) -> None:
    assert work_through(provider, bench(0).work, seconds=20) == 0
    assert not sandbox.calls


def test_no_time_no_job(provider: Provider) -> None:
    jobs = bench(3)
    assert work_through(provider, jobs.work, seconds=0) == 0
    assert (jobs.taken, len(jobs.jobs)) == ([], 3)


def test_when_the_time_is_up_nothing_is_begun_and_all_is_recorded(provider: Provider) -> None:
    def time_is_up(job: int, answer: Heard) -> None:
        monkey["now"] = 1e12

    monkey: dict[str, float] = {}
    real = calling.time.monotonic
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calling.time, "monotonic", lambda: monkey.get("now") or real())
        jobs = bench(50, on_record=time_is_up)
        done = work_through(provider, jobs.work, seconds=20)
    assert done == len(jobs.taken) == len(jobs.recorded) <= provider.calls_at_once + 1
    assert jobs.jobs


@pytest.fixture
def flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag of the test's own: the process goes on to other tests."""
    monkeypatch.setattr(draining, "_asked", mmap.mmap(-1, 1))


def test_a_worker_that_is_asked_to_stop_begins_nothing_and_records_all(
    provider: Provider, flag: None
) -> None:
    jobs = bench(50, on_record=lambda job, answer: draining.drain())
    done = work_through(provider, jobs.work, seconds=20)
    assert 1 <= done == len(jobs.taken) == len(jobs.recorded) <= provider.calls_at_once + 1
    assert jobs.jobs
    assert slots_are_free(provider)


def test_a_worker_that_is_asked_to_stop_while_it_waits_for_a_slot_takes_nothing(
    provider: Provider, flag: None
) -> None:
    Provider.objects.update(calls_at_once=1)
    provider.refresh_from_db()
    jobs = bench(3)
    busy = pace_of(provider).slot(timeout_seconds=1)
    busy.__enter__()

    def ask_and_leave() -> None:
        draining.drain()
        busy.__exit__(None, None, None)

    # The loop looks at the flag, waits, and finds the slot free after it was asked to stop.
    asking = threading.Timer(0.3, ask_and_leave)
    asking.start()
    assert work_through(provider, jobs.work, seconds=20) == 0
    asking.join()
    assert jobs.taken == []
    assert slots_are_free(provider)


def test_calls_are_made_side_by_side_and_no_more_than_allowed(
    provider: Provider, sandbox: SandboxServer
) -> None:
    gate, busy, most = threading.Barrier(4), 0, []
    lock = threading.Lock()

    def together(client: Client, job: int) -> Balance:
        nonlocal busy
        with lock:
            busy += 1
            most.append(busy)
        gate.wait(timeout=10)  # passes only when four are here at once
        with lock:
            busy -= 1
        return client.balance()

    assert work_through(provider, bench(12, call=together).work, seconds=20) == 12
    assert max(most) == 4


def test_a_job_is_taken_right_before_its_call(provider: Provider) -> None:
    under_way = []

    def look(job: int) -> None:
        under_way.append(len(jobs.taken) - len(jobs.recorded))

    jobs = bench(20, on_take=look)
    work_through(provider, jobs.work, seconds=20)
    assert max(under_way) <= provider.calls_at_once - 1


def test_the_database_is_used_in_one_thread(provider: Provider) -> None:
    threads = set()

    def note(*_: Any) -> None:
        threads.add(threading.get_ident())

    work_through(provider, bench(5, on_take=note, on_record=note).work, seconds=20)
    assert threads == {threading.get_ident()}


def test_a_fault_is_an_answer(provider: Provider) -> None:
    def fails(client: Client, job: int) -> Balance:
        raise Later("busy", rule="whatever")

    jobs = bench(3, call=fails)
    assert work_through(provider, jobs.work, seconds=20) == 3
    assert {type(answer) for answer in jobs.recorded.values()} == {Later}
    assert slots_are_free(provider)


def test_a_call_that_breaks_costs_only_its_own_job(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(client: Client, job: int) -> Balance:
        if job == 1:
            raise RuntimeError("a bug")
        return client.balance()

    jobs = bench(4, call=breaks)
    assert work_through(provider, jobs.work, seconds=20) == 4
    assert sorted(jobs.recorded) == [0, 2, 3]
    assert "call.not_recorded" in caplog.text
    assert slots_are_free(provider)


def test_an_answer_that_cannot_be_kept_costs_only_its_own_job(provider: Provider) -> None:
    def breaks(job: int, answer: Heard) -> None:
        if job == 1:
            raise RuntimeError("a bug")

    jobs = bench(4, on_record=breaks)
    work_through(provider, jobs.work, seconds=20)
    assert sorted(jobs.recorded) == [0, 2, 3]


@pytest.mark.django_db(transaction=True)  # a broken connection is given up for another one
def test_an_answer_is_worth_a_second_try(provider: Provider) -> None:
    tries: list[int] = []

    def hangs_up_once(job: int, answer: Heard) -> None:
        tries.append(job)
        if tries.count(job) == 1:
            raise OperationalError("deadlock detected")

    jobs = bench(3, on_record=hangs_up_once)
    work_through(provider, jobs.work, seconds=20)
    assert sorted(jobs.recorded) == [0, 1, 2]
    assert sorted(tries) == [0, 0, 1, 1, 2, 2]


def test_a_database_that_fails_to_give_a_job_loses_no_answer(provider: Provider) -> None:
    def fails_at_the_third(job: int) -> None:
        if job == 2:
            raise OperationalError("server closed the connection unexpectedly")

    jobs = bench(5, on_take=fails_at_the_third)
    assert work_through(provider, jobs.work, seconds=20) == 2
    assert sorted(jobs.recorded) == [0, 1]
    assert slots_are_free(provider)


def test_a_provider_without_a_free_slot_is_left(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "WAIT_FOR_SLOT_SECONDS", 0.05)
    Provider.objects.update(calls_at_once=1)
    provider.refresh_from_db()
    jobs = bench(3)
    with pace_of(provider).slot(timeout_seconds=1):
        assert work_through(provider, jobs.work, seconds=20) == 0
    assert jobs.taken == []  # nothing was claimed while it waited


@pytest.mark.parametrize("url", ["ftp://example.com/api", "http://127.0.0.1:99999/", "http://a b/"])
def test_an_address_that_makes_no_client_costs_no_job_and_halts(
    provider: Provider, sandbox: SandboxServer, url: str
) -> None:
    Provider.objects.update(url=url)
    provider.refresh_from_db()
    jobs = bench(3)

    assert work_through(provider, jobs.work, seconds=20) == 0

    assert (jobs.taken, len(jobs.jobs), jobs.recorded) == ([], 3, {})
    assert not sandbox.calls
    halted = Provider.objects.get()
    assert halted.halted_at is not None
    assert (halted.halt_rule, "address" in halted.halt_text) == ("misconfigured", True)
    assert sandbox.key not in halted.halt_text
    assert Alert.objects.get().kind == Alert.Kind.PROVIDER_HALTED


def test_an_order_waits_for_an_address_that_can_be_called(order: Order, sandbox: SandboxServer) -> None:
    Provider.objects.update(url="http://127.0.0.1:99999/")

    assert forward_due(order.provider_id, seconds=20) == 0

    order.refresh_from_db()
    assert (order.status, order.refunded) == (Order.Status.QUEUED, 0)
    assert not Attempt.objects.exists()
    Provider.objects.update(url=sandbox.url, probe_at=timezone.now())
    assert probe_due() == 1
    assert forward_due(order.provider_id, seconds=20) == 1
    order.refresh_from_db()
    assert order.status == Order.Status.PENDING


def test_a_slot_is_held_until_the_answer_is_there(provider: Provider, sandbox: SandboxServer) -> None:
    answers = threading.Event()
    sandbox.script("balance", held_by(answers))
    Provider.objects.update(calls_at_once=1)
    provider.refresh_from_db()
    seen = []

    def look(client: Client, job: int) -> Balance:
        seen.append(_is_busy(provider))
        answers.set()
        return client.balance()

    work_through(provider, bench(1, call=look).work, seconds=20)
    assert seen == [True]
    assert not _is_busy(provider)


def _is_busy(provider: Provider) -> bool:
    try:
        with pace_of(provider).slot(timeout_seconds=0):
            return False
    except calling.NoSlot:
        return True


def test_calls_use_no_database(provider: Provider) -> None:
    def asks(client: Client, job: int) -> Balance:
        used.append(connection.connection is not None)  # this thread's own connection
        return client.balance()

    used: list[bool] = []
    work_through(provider, bench(2, call=asks).work, seconds=20)
    assert used == [False, False]
