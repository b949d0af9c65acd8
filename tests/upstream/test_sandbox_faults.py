"""What goes wrong at the sandbox: by shares, by a test's script, and when it is closed."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.upstream.test_sandbox import LINK, add, call
from upstream.sandbox import Fault, Faults, SandboxServer, Settings, faults

ADD = {"action": "add", "service": 1, "link": LINK, "quantity": 1_000}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with sandbox_of() as server:
        yield server


def sandbox_of(**shares: Any) -> SandboxServer:
    return SandboxServer(Settings(services=1, spam_seconds=0), faults=Faults(**shares))


def post(sandbox: SandboxServer, seconds: float = 5, **fields: Any) -> requests.Response:
    return requests.post(sandbox.url, data={"key": sandbox.key, **fields}, timeout=seconds)


@pytest.mark.parametrize(
    ("share", "status", "content_type", "accepted"),
    [
        ("error_before", 500, "text/html; charset=utf-8", 0),
        ("error_after", 500, "text/html; charset=utf-8", 1),
        ("html_before", 200, "text/html; charset=utf-8", 0),
        ("html_after", 200, "text/html; charset=utf-8", 1),
        ("slow", 200, "application/json", 1),
    ],
)
def test_each_fault(share: str, status: int, content_type: str, accepted: int) -> None:
    with sandbox_of(**{share: 1}, slow_seconds=0.05) as sandbox:
        answer = post(sandbox, **ADD)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, content_type)
        assert len(sandbox.journal.accepted) == accepted


def test_a_lost_answer_is_of_an_accepted_order() -> None:
    with sandbox_of(lost=1) as sandbox:
        with pytest.raises(requests.ConnectionError):
            post(sandbox, **ADD)
        assert len(sandbox.journal.accepted) == 1


def test_a_slow_answer_comes_after_accepting() -> None:
    with sandbox_of(slow=1, slow_seconds=30) as sandbox:
        with pytest.raises(requests.ReadTimeout):
            post(sandbox, seconds=0.2, **ADD)
        assert len(sandbox.journal.accepted) == 1


def test_shares_are_kept_and_only_add_meets_them() -> None:
    with sandbox_of(error_before=0.3, html_after=0.2) as sandbox:
        session = requests.Session()
        answers = [session.post(sandbox.url, data={"key": sandbox.key, **ADD}, timeout=5) for _ in range(300)]
        assert all(isinstance(call(sandbox, action="Balance"), list) for _ in range(20))
    kinds = Counter((answer.status_code, answer.headers["Content-Type"]) for answer in answers)
    assert 65 <= kinds[500, "text/html; charset=utf-8"] <= 115
    assert 40 <= kinds[200, "text/html; charset=utf-8"] <= 80


def test_faults_may_be_on_all_actions() -> None:
    with sandbox_of(error_before=1, on="all") as sandbox:
        assert post(sandbox, action="balance").status_code == 500
        sandbox.faults = Faults()
        assert post(sandbox, action="balance").status_code == 200


def test_latency_is_of_all_actions() -> None:
    with sandbox_of(latency_seconds=0.1) as sandbox:
        began = time.monotonic()
        call(sandbox, action="Balance")
        assert time.monotonic() - began >= 0.1


def test_slow_answers_are_spread_around_their_usual_wait() -> None:
    spread = Faults(error_before=0.5, slow=0.5, slow_seconds=20, slow_spread=0.4)
    waits = [spread.drawn("add", draw).wait_seconds for draw in (0.25, 0.5, 0.75, 0.9999)]
    assert waits == pytest.approx([0, 12, 20, 28], abs=0.1)
    assert Faults(slow=1, slow_seconds=20).drawn("add", 0.9).wait_seconds == 20


@pytest.mark.parametrize(
    "shares",
    [
        {"lost": 1.1},
        {"lost": -0.1},
        {"lost": float("nan")},
        {"lost": 0.6, "slow": 0.6},
        {"slow_seconds": -1},
        {"slow_spread": 1.1},
    ],
)
def test_shares_that_make_no_sense_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Faults(**shares)


def test_a_script_is_met_in_its_order_and_then_forgotten(sandbox: SandboxServer) -> None:
    sandbox.script("add", faults.PLAIN)
    sandbox.script("add", faults.ERROR_AFTER, times=2)
    codes = [post(sandbox, **ADD).status_code for _ in range(4)]
    assert codes == [200, 500, 500, 200]
    assert len(sandbox.journal.accepted) == 4


def test_a_script_is_of_one_action(sandbox: SandboxServer) -> None:
    sandbox.script("status", faults.ERROR_BEFORE)
    assert add(sandbox) == "1242"
    assert post(sandbox, action="Status", order="1242").status_code == 500
    with pytest.raises(ValueError, match="no action"):
        sandbox.script("refill", faults.LOST)


def test_a_script_may_be_forgotten(sandbox: SandboxServer) -> None:
    sandbox.script("add", faults.ERROR_BEFORE, times=100)
    sandbox.unscript()
    assert add(sandbox) == "1242"


def test_any_words_may_be_put_into_its_mouth(sandbox: SandboxServer) -> None:
    said = faults.saying(
        '{"error": "Something new"}', status=503, content_type="text/plain", headers={"X-A": "b"}
    )
    sandbox.script("add", said)
    answer = post(sandbox, **ADD)
    assert (answer.status_code, answer.json()) == (503, {"error": "Something new"})
    assert (answer.headers["Content-Type"], answer.headers["X-A"]) == ("text/plain", "b")
    assert sandbox.journal.accepted == []


def test_words_may_come_after_accepting(sandbox: SandboxServer) -> None:
    sandbox.script("add", faults.saying("", accepts=True))
    assert post(sandbox, **ADD).content == b""
    assert len(sandbox.journal.accepted) == 1


def test_too_many_requests(sandbox: SandboxServer) -> None:
    sandbox.script("balance", faults.too_many(12))
    answer = post(sandbox, action="balance")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "12")
    assert answer.json() == {"error": "Too many requests"}


def test_a_dropped_call_is_not_accepted(sandbox: SandboxServer) -> None:
    sandbox.script("add", faults.DROPPED)
    with pytest.raises(requests.ConnectionError):
        post(sandbox, **ADD)
    assert sandbox.journal.accepted == []


def test_json_may_be_cut_off(sandbox: SandboxServer) -> None:
    whole = post(sandbox, action="services").content
    sandbox.script("services", faults.CUT)
    assert post(sandbox, action="services").content == whole[: len(whole) // 2]


@pytest.mark.parametrize("accepts", [True, False])
def test_an_answer_may_be_held_until_a_test_lets_it_go(sandbox: SandboxServer, accepts: bool) -> None:
    let_go = threading.Event()
    sandbox.script("add", faults.held_by(let_go, accepts=accepts))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, sandbox, **ADD)
        wait_until(lambda: bool(sandbox.journal.accepted) if accepts else sandbox.calls["add"] == 1)
        assert len(sandbox.journal.accepted) == accepts
        assert not answer.done()
        let_go.set()
        assert answer.result(5).json() == [{"order": "1242"}]


def test_closing_ends_waits_and_kept_connections() -> None:
    sandbox = sandbox_of(slow=1, slow_seconds=60)
    session = requests.Session()
    assert session.get(sandbox.url, timeout=5).ok
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, sandbox, seconds=30, **ADD)
        wait_until(lambda: bool(sandbox.journal.accepted))
        began = time.monotonic()
        sandbox.close()
        assert time.monotonic() - began < 2
        with pytest.raises(requests.ConnectionError):
            waiting.result(5)
    with pytest.raises(requests.ConnectionError):
        session.get(sandbox.url, timeout=5)
    sandbox.close()


def test_many_threads_lose_nothing(sandbox: SandboxServer) -> None:
    sandbox.set_balance(10_000_000)

    def orders_of(thread: int) -> list[str]:
        session = requests.Session()
        fields = {"key": sandbox.key, **ADD, "link": f"{LINK}/{thread}"}
        return [session.post(sandbox.url, data=fields, timeout=10).json()[0]["order"] for _ in range(20)]

    with ThreadPoolExecutor(32) as pool:
        orders = [order for some in pool.map(orders_of, range(32)) for order in some]
    assert len(set(orders)) == 640
    assert {row.order for row in sandbox.journal.accepted} == set(orders)
    assert sandbox.balance == 10_000_000 - sum(row.charge for row in sandbox.journal.accepted)


def test_a_fault_by_default_is_none(sandbox: SandboxServer) -> None:
    sandbox.script("add", Fault())
    assert add(sandbox) == "1242"


def test_keys_are_not_in_the_log() -> None:
    lines: list[str] = []
    with SandboxServer(Settings(services=1), log=lines.append) as sandbox:
        call(sandbox, "GET", action="Balance")
        call(sandbox, "POST", action="sandbox-key")
        requests.get(sandbox.url + "?key=sandbox-key&action=%0a", timeout=5)
    assert lines == ["GET balance 200", "POST other 200", "GET other 200"]


def wait_until(happened: Any) -> None:
    ends_at = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < ends_at
        time.sleep(0.005)
