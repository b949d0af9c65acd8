"""What the sandbox does with orders as time goes by: charges, spam protection, life, cancels, refunds."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.upstream.test_sandbox import LINK, add, call, status
from upstream.sandbox import MovedClock, SandboxServer, Settings

TOO_LATE = {"error": "An order can be canceled only within 10 minutes"}
CANCELED = [{"order": "Order canceled successfully"}]


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def sandbox(clock: MovedClock) -> Iterator[SandboxServer]:
    """Service 1 costs 90 per 1000; the account holds 1000; an order lives 1000 seconds."""
    with sandbox_of(clock, balance=Decimal(1_000)) as server:
        yield server


def sandbox_of(clock: MovedClock, **settings: Any) -> SandboxServer:
    server = SandboxServer(Settings(services=1, **settings), clock=clock)
    server.services.change(1, rate=Decimal(90), min=1, max=50_000)
    return server


def test_the_balance_is_charged_and_refused_when_empty(sandbox: SandboxServer) -> None:
    add(sandbox, quantity=10_000)
    assert sandbox.balance == 100
    assert add(sandbox, link="b", quantity=1_112) == {"error": "Insuffcient Funds"}
    assert sandbox.balance == 100
    add(sandbox, link="b", quantity=1_111)
    assert sandbox.balance == Decimal("0.01")
    sandbox.set_balance(90)
    add(sandbox, link="c", quantity=1_000)
    assert sandbox.balance == 0


def test_a_charge_is_rounded_up_to_five_places(sandbox: SandboxServer) -> None:
    sandbox.services.change(1, rate=Decimal("0.55631"))
    order = add(sandbox, quantity=1)
    assert status(sandbox, order)["charge"] == "0.00056"
    sandbox.services.change(1, rate=Decimal("0.55001"))
    assert status(sandbox, add(sandbox, link="b", quantity=1))["charge"] == "0.00056"


def test_spam_protection_counts_down_for_the_same_service_and_link(
    sandbox: SandboxServer, clock: MovedClock
) -> None:
    add(sandbox)
    clock.move(2.5)
    assert add(sandbox) == {"error": "Spam protection, wait 5 seconds"}
    assert add(sandbox, link="another") == "1243"
    clock.move(4.5)
    assert add(sandbox) == "1244"


def test_spam_protection_may_always_name_all_seconds(clock: MovedClock) -> None:
    with sandbox_of(clock, spam_counts_down=False) as sandbox:
        add(sandbox)
        clock.move(6)
        assert add(sandbox) == {"error": "Spam protection, wait 7 seconds"}


def test_spam_protection_may_be_switched_off(clock: MovedClock) -> None:
    with sandbox_of(clock, spam_seconds=0) as sandbox:
        assert [add(sandbox), add(sandbox)] == ["1242", "1243"]


def test_an_order_goes_through_its_statuses(sandbox: SandboxServer, clock: MovedClock) -> None:
    sandbox.plan_next(life_seconds=100)
    order = add(sandbox)
    seen = []
    for _ in range(11):
        answer = status(sandbox, order)
        seen.append((answer["status"], answer["remains"]))
        clock.move(10)
    assert seen == [
        ("Pending", "1.000"),
        ("Processing", "1.000"),
        ("Processing", "1.000"),
        ("In progress", "934"),
        ("In progress", "800"),
        ("In progress", "667"),
        ("In progress", "534"),
        ("In progress", "400"),
        ("In progress", "267"),
        ("In progress", "134"),
        ("Completed", "0"),
    ]
    assert sandbox.balance == 910


def test_a_partial_order_keeps_the_charge_of_what_was_delivered(
    sandbox: SandboxServer, clock: MovedClock
) -> None:
    sandbox.plan_next(end="Partial", end_remains=333)
    order = add(sandbox)
    assert sandbox.balance == 910
    clock.move(100)
    answer = status(sandbox, order)
    assert (answer["status"], answer["remains"], answer["charge"]) == ("Partial", "333", "60.03000")
    assert sandbox.balance == Decimal("939.97")


def test_a_canceled_order_keeps_nothing(sandbox: SandboxServer, clock: MovedClock) -> None:
    sandbox.plan_next(end="Canceled")
    order = add(sandbox)
    clock.move(100)
    answer = status(sandbox, order)
    assert (answer["status"], answer["remains"], answer["charge"]) == ("Canceled", "1.000", "0.00000")
    assert sandbox.balance == 1_000


def test_orders_end_by_their_shares_and_the_balance_adds_up(clock: MovedClock) -> None:
    shares = {"partial_share": 0.3, "canceled_share": 0.2}
    with sandbox_of(clock, balance=Decimal(3_000), life_seconds=10, **shares) as sandbox:
        orders = [add(sandbox, link=f"{LINK}/{number}", quantity=100) for number in range(300)]
        clock.move(60)
        ends = [status(sandbox, order) for order in orders]
        counts = Counter(end["status"] for end in ends)
        assert sandbox.balance == 3_000 - sum(Decimal(end["charge"]) for end in ends)
    assert set(counts) == {"Completed", "Partial", "Canceled"}
    assert 70 <= counts["Partial"] <= 110
    assert 40 <= counts["Canceled"] <= 80
    assert all(0 < int(end["remains"]) < 100 for end in ends if end["status"] == "Partial")


def test_the_same_seed_gives_the_same_lives(clock: MovedClock) -> None:
    def plans(seed: int) -> list[Any]:
        with sandbox_of(clock, seed=seed, partial_share=0.5, order_gap=50) as sandbox:
            for number in range(10):
                add(sandbox, link=str(number))
            return [(row.order, row.plan) for row in sandbox.journal.accepted]

    assert plans(1) == plans(1) != plans(2)


def test_ids_grow_by_gaps(clock: MovedClock) -> None:
    with sandbox_of(clock, first_order=5_000, order_gap=100) as sandbox:
        orders = [int(add(sandbox, link=str(number))) for number in range(20)]
    gaps = [after - before for before, after in pairwise(orders)]
    assert orders[0] == 5_000
    assert min(gaps) >= 1
    assert 10 < max(gaps) <= 100


def test_a_cancel_in_progress_leaves_what_was_not_delivered(
    sandbox: SandboxServer, clock: MovedClock
) -> None:
    sandbox.plan_next(life_seconds=100)
    order = add(sandbox)
    clock.move(50)
    assert call(sandbox, action="Cancel", order=order) == CANCELED
    clock.move(100)
    answer = status(sandbox, order)
    assert (answer["status"], answer["remains"], answer["charge"]) == ("Canceled", "667", "0.00000")
    assert sandbox.balance == 1_000


@pytest.mark.parametrize(("seconds", "answer"), [(600, CANCELED), (600.1, TOO_LATE)])
def test_a_cancel_is_possible_for_ten_minutes(
    sandbox: SandboxServer, clock: MovedClock, seconds: float, answer: Any
) -> None:
    sandbox.plan_next(life_seconds=10_000)
    order = add(sandbox)
    clock.move(seconds)
    assert call(sandbox, action="Cancel", order=order) == answer
    assert sandbox.balance == (1_000 if answer == CANCELED else 910)


@pytest.mark.parametrize("end", ["Completed", "Partial"])
def test_an_ended_order_is_too_late_to_cancel(sandbox: SandboxServer, end: str) -> None:
    order = add(sandbox)
    sandbox.end_order(order, end)
    assert call(sandbox, action="Cancel", order=order) == TOO_LATE


def test_an_order_canceled_by_the_provider_is_already_canceled(sandbox: SandboxServer) -> None:
    order = add(sandbox)
    sandbox.end_order(order, "Canceled")
    assert call(sandbox, action="Cancel", order=order) == {"error": "Order already canceled"}
    assert sandbox.balance == 1_000


def test_the_minutes_of_cancel_are_settable(clock: MovedClock) -> None:
    with sandbox_of(clock, cancel_minutes=0.5, life_seconds=1_000) as sandbox:
        order = add(sandbox)
        clock.move(31)
        text = "An order can be canceled only within 0.5 minutes"
        assert call(sandbox, action="Cancel", order=order) == {"error": text}


def test_a_late_refund_moves_only_the_difference(sandbox: SandboxServer, clock: MovedClock) -> None:
    order = add(sandbox)
    clock.move(100)
    assert status(sandbox, order)["status"] == "Completed"
    sandbox.end_order(order, "Partial", 500)
    assert (status(sandbox, order)["remains"], sandbox.balance) == ("500", 955)
    sandbox.end_order(order, "Canceled")
    assert (status(sandbox, order)["charge"], sandbox.balance) == ("0.00000", 1_000)
    clock.move(1_000)
    assert sandbox.balance == 1_000


@pytest.mark.parametrize(("end", "remains"), [("Refunded", 0), ("Partial", 1_001), ("Partial", -1)])
def test_an_end_that_cannot_be_is_refused(sandbox: SandboxServer, end: str, remains: int) -> None:
    order = add(sandbox)
    with pytest.raises(ValueError, match=r"end of an order|cannot remain"):
        sandbox.end_order(order, end, remains)
    assert status(sandbox, order)["status"] == "Pending"
    assert sandbox.balance == 910


def test_a_wish_for_an_end_that_cannot_be_is_refused(sandbox: SandboxServer) -> None:
    with pytest.raises(ValueError, match="no end of an order"):
        sandbox.plan_next(end="Refunded")


def test_all_survives_a_restart(clock: MovedClock, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"journal": tmp_path / "journal.jsonl", "balance": Decimal(1_000)}
    with sandbox_of(clock, **settings) as before:
        before.plan_next(end="Partial", end_remains=500, life_seconds=3_600)
        add(before, link="partial")
        add(before, link="canceled")
        call(before, action="Cancel", order="1243")
        before.set_balance(500)
        statuses = [status(before, order) for order in ("1242", "1243")]
    with sandbox_of(clock, **settings) as after:
        assert [status(after, order) for order in ("1242", "1243")] == statuses
        assert after.journal.rows == before.journal.rows
        assert after.balance == 500
        assert add(after, link="partial") == {"error": "Spam protection, wait 7 seconds"}
        assert add(after, link="new") == "1244"
        clock.move(3_600)
        assert status(after, "1242")["status"] == "Partial"
        assert after.balance == 500 + 45 - 90


def test_a_torn_last_line_is_dropped(clock: MovedClock, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with sandbox_of(clock, journal=path) as sandbox:
        add(sandbox, link="a")
        add(sandbox, link="b")
    path.write_bytes(path.read_bytes()[:-20])
    with sandbox_of(clock, journal=path) as sandbox:
        assert [row.link for row in sandbox.journal.accepted] == ["a"]
        assert sandbox.balance == 100_000 - 90
        assert add(sandbox, link="b") == "1243"
    with sandbox_of(clock, journal=path) as sandbox:
        assert [row.link for row in sandbox.journal.accepted] == ["a", "b"]


def test_a_journal_that_is_none_is_refused(clock: MovedClock, tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event": "accepted"}\n{}\n')
    with pytest.raises(ValueError, match="line 1"):
        sandbox_of(clock, journal=path)
    assert path.read_text() == '{"event": "accepted"}\n{}\n'


def test_what_cannot_be_written_is_not_accepted(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(row: object) -> None:
        raise ConnectionError  # a kind of OSError that the server does not print

    with monkeypatch.context() as patched:
        patched.setattr(sandbox.journal, "write", no_space)
        with pytest.raises(requests.ConnectionError):
            add(sandbox)
    assert sandbox.balance == 1_000
    assert add(sandbox) == "1242"


def test_the_journal_says_what_was_accepted_and_how_it_ended(
    sandbox: SandboxServer, clock: MovedClock
) -> None:
    sandbox.plan_next(end="Partial", end_remains=400, life_seconds=60)
    add(sandbox)
    [accepted] = sandbox.journal.accepted
    assert (accepted.order, accepted.service, accepted.link) == ("1242", 1, LINK)
    assert (accepted.quantity, accepted.charge, accepted.at) == (1_000, Decimal(90), clock.now)
    assert sandbox.journal.ended == []
    clock.move(100)
    status(sandbox, "1242")
    [ended] = sandbox.journal.ended
    assert (ended.order, ended.status, ended.remains) == ("1242", "Partial", 400)
    assert (ended.charge, ended.cause, ended.at) == (Decimal(54), "life", clock.now - 40)
