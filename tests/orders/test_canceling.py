import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from catalog.halting import halt, pace_down
from catalog.models import Provider, Service
from orders.canceling import cancel_due, cancel_until, record_answer, request_cancel, take_next
from orders.errors import NotCancelable
from orders.forwarding import claim_next
from orders.models import Order
from orders.outcomes import record_outcome
from tests.factories import make_provider, place
from tests.orders.acting import (
    accept,
    cancel_at_once,
    fault,
    forward,
    fresh,
    held_by,
    kinds,
    poll_at_once,
    refunds,
)
from upstream.answers import CancelTaken, Placed
from upstream.errors import CancelRefused, Halt, Later, Uncertain
from upstream.sandbox import MovedClock, SandboxServer
from upstream.sandbox.faults import DROPPED, HTML_BEFORE, LOST, Fault, saying, too_many

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def sent(order: Order) -> Order:
    """Alice's order, which the sandbox has."""
    forward(order.provider)
    return fresh(order)


def ask_for(order: Order) -> Order:
    return request_cancel(order.pk, actor=order.customer)


# --- Asked for --------------------------------------------------------------------------------------------


def test_a_queued_order_ends_at_once(order: Order, sandbox: SandboxServer, commits: Any) -> None:
    with commits as tasks:
        assert ask_for(order).status == "canceled"
    order = fresh(order)
    assert (order.status, order.refunded, held_by(order.customer)) == ("canceled", 130, 1000)
    assert (order.due_at, order.cancel_due_at) == (None, None)
    assert order.ended_at is not None
    assert kinds(order) == ["placed", "cancel_wanted", "canceled_here", "refunded"]
    assert order.events.get(kind="cancel_wanted").actor == order.customer
    assert forward(order.provider) == 0
    assert tasks == []
    assert not sandbox.calls


def test_one_that_the_provider_has_is_asked_for(sent: Order, sandbox: SandboxServer, commits: Any) -> None:
    with commits as tasks:
        order = ask_for(sent)
    assert (order.status, order.cancel_state) == ("pending", "wanted")
    assert order.refunded == 0  # money waits for the provider's status
    assert tasks == [("orders.tasks.cancel_provider", (sent.provider_id,))]
    assert sandbox.calls["cancel"] == 0


def test_one_that_is_being_sent_is_remembered(order: Order, commits: Any) -> None:
    send = claim_next(order.provider_id)
    assert send is not None
    with commits as tasks:
        ask_for(order)
        assert (fresh(order).status, fresh(order).cancel_due_at) == ("sending", None)
        assert tasks == []
        record_outcome(send.attempt_id, Placed("77", raw=""))
    assert fresh(order).cancel_due_at is not None
    assert tasks == [("orders.tasks.cancel_provider", (order.provider_id,))]


@pytest.mark.parametrize("status", ["uncertain", "held"])
def test_one_that_waits_for_a_person_is_remembered(order: Order, status: str) -> None:
    Order.objects.update(status=status, due_at=None)
    order = ask_for(order)
    assert (order.status, order.cancel_state, order.cancel_due_at) == (status, "wanted", None)
    assert (order.refunded, held_by(order.customer)) == (0, 870)


def test_once_is_enough(sent: Order) -> None:
    ask_for(sent)
    events = kinds(sent)
    with pytest.raises(NotCancelable):
        ask_for(sent)
    assert kinds(sent) == events


def test_a_canceled_one_cannot_be_canceled_again(order: Order) -> None:
    ask_for(order)
    with pytest.raises(NotCancelable):
        ask_for(order)
    assert (refunds(order), held_by(order.customer)) == ([130], 1000)


@pytest.mark.parametrize("end", ["Completed", "Partial", "Canceled"])
def test_an_ended_one_cannot_be_canceled(sent: Order, sandbox: SandboxServer, end: str) -> None:
    sandbox.end_order(sent.provider_order_id or "", end)
    order = poll_at_once(sent)
    held, events = held_by(order.customer), kinds(order)
    with pytest.raises(NotCancelable):
        ask_for(order)
    assert (held_by(order.customer), kinds(order), fresh(order).cancel_state) == (held, events, "")


def test_within_ten_minutes_of_the_acceptance(order: Order) -> None:
    with time_machine.travel(NOW, tick=False) as time:
        order = accept(order)
        assert cancel_until(order) == NOW + timedelta(minutes=10)
        time.shift(599)
        assert cancel_until(order) is not None
        time.shift(1)
        assert cancel_until(order) is None
        with pytest.raises(NotCancelable):
            ask_for(order)
    assert (fresh(order).cancel_state, kinds(order)) == ("", ["placed"])


def test_a_queued_one_can_be_canceled_however_old(order: Order) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=30), tick=False):
        assert cancel_until(order) == timezone.now() + timedelta(minutes=10)
        ask_for(order)
    assert held_by(order.customer) == 1000


def test_the_window_is_a_setting(order: Order, settings: Any) -> None:
    settings.CANCEL_WINDOW_SECONDS = 60
    with time_machine.travel(NOW, tick=False):
        assert cancel_until(accept(order)) == NOW + timedelta(minutes=1)


# --- Carried out, over a socket ---------------------------------------------------------------------------


def test_a_cancel_from_wish_to_refund(sent: Order, sandbox: SandboxServer) -> None:
    ask_for(sent)
    order = cancel_at_once(sent)
    assert (order.cancel_state, order.status, order.refunded) == ("taken", "pending", 0)
    assert sandbox.journal.ended[0].cause == "cancel"

    order = poll_at_once(order)
    assert (order.status, order.refunded, held_by(order.customer)) == ("canceled", 130, 1000)
    assert kinds(order)[-4:] == ["cancel_wanted", "cancel_taken", "status", "refunded"]


def test_it_is_asked_about_soon_after(sent: Order) -> None:
    ask_for(sent)
    order = cancel_at_once(sent)
    assert order.due_at is not None
    assert order.due_at <= timezone.now() + timedelta(seconds=5)


def test_one_that_was_canceled_there_before(sent: Order, sandbox: SandboxServer) -> None:
    sandbox.end_order(sent.provider_order_id or "", "Canceled")
    ask_for(sent)
    order = cancel_at_once(sent)
    assert (order.cancel_state, order.refunded) == ("taken", 0)
    assert poll_at_once(order).refunded == 130


def test_one_that_is_too_old_there_goes_on(sent: Order, sandbox: SandboxServer, clock: MovedClock) -> None:
    sandbox.plan_next(life_seconds=10_000)
    clock.move(601)
    ask_for(sent)
    order = cancel_at_once(sent)
    assert (order.cancel_state, order.refunded, order.cancel_due_at) == ("refused", 0, None)
    assert "only within 10 minutes" in order.events.get(kind="cancel_refused").detail
    with pytest.raises(NotCancelable):
        ask_for(order)


def test_a_taken_cancel_that_ends_otherwise_pays_by_the_status(sent: Order, sandbox: SandboxServer) -> None:
    sandbox.script("cancel", saying('[{"order": "Order canceled successfully"}]'))
    sandbox.end_order(sent.provider_order_id or "", "Partial", 400)
    ask_for(sent)
    cancel_at_once(sent)
    order = poll_at_once(sent)
    assert (order.status, order.refunded, held_by(order.customer)) == ("partial", 52, 922)


ERRORS = {
    "API key should not be empty": ("wanted", "key"),
    "Order ID should not be empty": ("refused", ""),
    "Invalid API key": ("wanted", "key"),
    "Invalid order ID": ("refused", ""),
    "Order already canceled": ("taken", ""),
    "An order can be canceled only within 10 minutes": ("refused", ""),
}
"""The six errors of `provider-api.txt`, "Отмена заказа"."""


@pytest.mark.parametrize(("text", "comes"), ERRORS.items(), ids=ERRORS)
def test_each_error_of_the_document(
    sent: Order, sandbox: SandboxServer, text: str, comes: tuple[str, str]
) -> None:
    sandbox.script("cancel", saying(json.dumps([{"error": text}])))
    ask_for(sent)
    order = cancel_at_once(sent)
    assert (order.cancel_state, order.provider.halt_rule) == comes
    assert (order.status, order.refunded, held_by(order.customer)) == ("pending", 0, 870)


@pytest.mark.parametrize(
    ("meets", "state"),
    [(LOST, "unanswered"), (DROPPED, "unanswered"), (HTML_BEFORE, "unanswered"), (too_many(30), "wanted")],
    ids=["lost", "dropped", "html", "429"],
)
def test_faults_of_the_way(sent: Order, sandbox: SandboxServer, meets: Fault, state: str) -> None:
    sandbox.script("cancel", meets)
    ask_for(sent)
    order = cancel_at_once(sent)
    assert (order.cancel_state, order.status, order.refunded) == (state, "pending", 0)
    assert sandbox.calls["cancel"] == 1


def test_a_lost_answer_is_told_by_the_status(sent: Order, sandbox: SandboxServer) -> None:
    sandbox.script("cancel", LOST)
    ask_for(sent)
    cancel_at_once(sent)
    order = poll_at_once(sent)
    assert (order.status, held_by(order.customer)) == ("canceled", 1000)


def test_an_unanswered_one_may_be_asked_for_again(sent: Order, sandbox: SandboxServer) -> None:
    sandbox.script("cancel", DROPPED)
    ask_for(sent)
    cancel_at_once(sent)
    assert cancel_until(fresh(sent)) is not None
    ask_for(sent)
    assert cancel_at_once(sent).cancel_state == "taken"


# --- What is taken of an answer ---------------------------------------------------------------------------


@pytest.fixture
def wanted(order: Order) -> Order:
    """Alice's order, which the provider has, and which it is to be asked to cancel."""
    return ask_for(accept(order))


@pytest.mark.parametrize(("said", "waited"), [(77, 77), (None, 15)])
def test_later_is_asked_later(wanted: Order, said: int | None, waited: int) -> None:
    with time_machine.travel(NOW, tick=False):
        record_answer(wanted.pk, fault(Later, rule="nothing_sent", wait_seconds=said))
    assert (fresh(wanted).cancel_due_at, fresh(wanted).cancel_state) == (
        NOW + timedelta(seconds=waited),
        "wanted",
    )


def test_a_halt_keeps_it_wanted(wanted: Order) -> None:
    record_answer(wanted.pk, fault(Halt, rule="key"))
    assert fresh(wanted).cancel_state == "wanted"
    assert Provider.objects.get().halt_rule == "key"
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert take_next(wanted.provider_id) is None


def test_a_rate_limit_is_for_the_whole_provider(wanted: Order) -> None:
    with time_machine.travel(NOW, tick=False):
        record_answer(wanted.pk, fault(Later, rule="rate_limit", paces_provider=True, wait_seconds=60))
    assert Provider.objects.get().paced_until == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    "second",
    [CancelTaken(already=True, raw=""), fault(CancelRefused), fault(Uncertain), fault(Later)],
    ids=repr,
)
def test_the_first_answer_counts(wanted: Order, second: Any) -> None:
    record_answer(wanted.pk, CancelTaken(already=False, raw=""))
    events = kinds(wanted)
    record_answer(wanted.pk, second)
    assert (fresh(wanted).cancel_state, kinds(wanted)) == ("taken", events)
    assert fresh(wanted).refunded == 0


def test_an_answer_after_the_end_moves_nothing(wanted: Order, sandbox: SandboxServer) -> None:
    Order.objects.update(status="completed", ended_at=timezone.now(), due_at=None)
    record_answer(wanted.pk, CancelTaken(already=False, raw=""))
    order = fresh(wanted)
    assert (order.status, order.refunded, order.due_at) == ("completed", 0, None)


# --- What is taken ----------------------------------------------------------------------------------------


def test_one_that_is_taken_is_due_again_if_the_worker_dies(wanted: Order) -> None:
    with time_machine.travel(timezone.now(), tick=False) as time:
        cancel = take_next(wanted.provider_id)
        assert cancel is not None
        assert (cancel.order_id, cancel.provider_order_id) == (wanted.pk, wanted.provider_order_id)
        time.shift(59)
        assert take_next(wanted.provider_id) is None
        time.shift(1)
        assert take_next(wanted.provider_id) == cancel


def test_the_one_that_waits_longest_is_asked_for_first(wanted: Order) -> None:
    second = ask_for(accept(place(wanted.customer, wanted.service)))
    Order.objects.filter(pk=second.pk).update(cancel_due_at=timezone.now() - timedelta(seconds=60))

    taken = [take_next(wanted.provider_id) for _ in range(2)]

    assert [cancel.order_id for cancel in taken if cancel] == [second.pk, wanted.pk]


def test_the_cancels_of_another_provider_are_left(wanted: Order) -> None:
    other = make_provider()
    assert cancel_due(other.pk) == 0
    assert take_next(other.pk) is None
    assert take_next(wanted.provider_id) is not None


@pytest.mark.parametrize(("already", "detail"), [(True, "already canceled"), (False, "")])
def test_what_was_taken_is_noted_and_that_order_alone_asked_about(
    wanted: Order, already: bool, detail: str
) -> None:
    other = accept(place(wanted.customer, wanted.service))
    with time_machine.travel(NOW, tick=False):
        record_answer(wanted.pk, CancelTaken(already=already, raw=""))
    assert wanted.events.get(kind="cancel_taken").detail == detail
    assert (fresh(wanted).due_at, fresh(other).due_at) == (NOW + timedelta(seconds=5), other.due_at)


def test_one_that_ended_is_not_asked_for(wanted: Order) -> None:
    Order.objects.update(status="completed", ended_at=timezone.now())
    assert take_next(wanted.provider_id) is None


@pytest.mark.parametrize(("rule", "asked"), [("funds", True), ("by_hand", True), ("key", False)])
def test_which_halted_provider_is_asked(wanted: Order, rule: str, asked: bool) -> None:
    halt(wanted.provider, rule=rule, text="…")
    assert (take_next(wanted.provider_id) is not None) == asked


def test_an_inactive_provider_is_asked_about_what_it_has(wanted: Order) -> None:
    Provider.objects.update(is_active=False)
    assert take_next(wanted.provider_id) is not None


def test_a_paced_provider_is_not_asked(wanted: Order) -> None:
    pace_down(wanted.provider, 60)
    assert take_next(wanted.provider_id) is None


def test_only_what_was_asked_for_is_canceled(
    customer: User, service: Service, sandbox: SandboxServer
) -> None:
    orders = [place(customer, service, link=f"https://example.com/{number}") for number in range(3)]
    forward(service.provider)
    ask_for(fresh(orders[1]))
    cancel_at_once(orders[1])
    assert [row.order for row in sandbox.journal.ended] == [fresh(orders[1]).provider_order_id]
