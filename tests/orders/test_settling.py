"""Deciding by hand what no machine can know, and who was first."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from catalog.models import Provider, Service
from operations.models import Alert
from orders import settling
from orders.adopting import adopt
from orders.canceling import request_cancel
from orders.errors import EvidenceChanged, InvalidProviderId, NotForSettling, ProviderIdTaken
from orders.evidence import mark_of
from orders.forwarding import claim_next, expire_attempts
from orders.models import Attempt, Candidate, LostAnswer, Order, OrderEvent
from orders.outcomes import record_outcome
from orders.settling import is_provider_id, settle_placed, settle_refund, settle_send_again
from tests.factories import place
from tests.orders.acting import (
    accept,
    answered,
    cancel_at_once,
    fault,
    forward,
    fresh,
    held_by,
    kinds,
    poll_at_once,
    refunds,
)
from tests.orders.test_races import together, unguarded_move
from upstream.answers import Placed
from upstream.errors import UnknownText
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import DROPPED, LOST, saying

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
UNKNOWN = saying('{"error": "The moon is too bright"}')


@pytest.fixture(params=["uncertain", "held"])
def waiting(request: pytest.FixtureRequest, order: Order, sandbox: SandboxServer) -> Order:
    """Alice's order, which waits for a person."""
    sandbox.script("add", {"uncertain": LOST, "held": UNKNOWN}[request.param])
    forward(order.provider)
    order = fresh(order)
    assert order.status == request.param
    assert Alert.objects.filter(closed_at=None).count() == 1
    return order


def settled_by(order: Order) -> tuple[Any, str, str]:
    event = OrderEvent.objects.get(order=order, kind="settled")
    return event.actor, event.detail, event.to_status


def test_it_was_placed(waiting: Order, olga: User) -> None:
    with time_machine.travel(NOW, tick=False):
        settle_placed(waiting.pk, provider_order_id="77", actor=olga, why="seen there")
    order = fresh(waiting)
    assert (order.status, order.provider_order_id, order.reason) == ("pending", "77", "")
    # Its customer's time to cancel began with the call.
    assert (order.sent_at, order.due_at) == (order.attempts.get().started_at, NOW + timedelta(seconds=30))
    assert order.cancel_due_at is None
    assert settled_by(order) == (olga, "seen there", "pending")
    assert not Alert.objects.filter(closed_at=None).exists()
    assert (order.refunded, held_by(order.customer)) == (0, 870)


def test_a_lost_order_that_was_found_goes_on_to_its_end(
    order: Order, olga: User, sandbox: SandboxServer
) -> None:
    sandbox.script("add", LOST)
    forward(order.provider)
    accepted = sandbox.journal.accepted[0].order
    settle_placed(order.pk, provider_order_id=accepted, actor=olga, why="seen there")
    sandbox.end_order(accepted, "Partial", 300)
    assert poll_at_once(order).refunded == 39
    assert len(sandbox.journal.accepted) == 1


def test_an_id_that_another_order_has(waiting: Order, customer: User, service: Service, olga: User) -> None:
    accept(place(customer, service), "77")
    with pytest.raises(ProviderIdTaken):
        settle_placed(waiting.pk, provider_order_id="77", actor=olga, why="seen there")
    order = fresh(waiting)
    assert (order.status, order.provider_order_id) == (waiting.status, None)
    assert "settled" not in kinds(order)
    assert Alert.objects.filter(closed_at=None).count() == 1


@pytest.mark.parametrize("text", ["", "077", "0", " 77", "7 7", "77\n", "none", "7" * 101])
def test_what_is_no_id_of_a_provider_is_refused(
    waiting: Order, customer: User, service: Service, olga: User, text: str
) -> None:
    accept(place(customer, service), "77")
    with pytest.raises(InvalidProviderId):
        settle_placed(waiting.pk, provider_order_id=text, actor=olga, why="seen there")
    assert (fresh(waiting).status, fresh(waiting).provider_order_id) == (waiting.status, None)


@pytest.mark.parametrize("text", ["77", "0a7", "order-7", "7:0"])
def test_ids_of_providers(text: str) -> None:
    assert is_provider_id(text)


def test_it_was_not_placed(waiting: Order, olga: User, sandbox: SandboxServer, commits: Any) -> None:
    with commits as sent:
        settle_send_again(waiting.pk, actor=olga, why="not there")
    order = fresh(waiting)
    assert (order.status, order.waits, order.reason) == ("queued", 0, "")
    assert settled_by(order) == (olga, "not there", "queued")
    assert sent == [("orders.tasks.forward_provider", (order.provider_id,))]
    assert not Alert.objects.filter(closed_at=None).exists()

    assert forward(order.provider) == 1
    assert (fresh(order).status, held_by(order.customer)) == ("pending", 870)
    assert sandbox.calls["add"] == 2


def test_it_is_refunded(waiting: Order, olga: User) -> None:
    settle_refund(waiting.pk, actor=olga, why="too long")
    order = fresh(waiting)
    assert (order.status, refunds(order), held_by(order.customer)) == ("canceled", [130], 1000)
    assert settled_by(order) == (olga, "too long", "canceled")
    refund = order.events.get(kind="refunded")
    assert (refund.actor, refund.amount, refund.detail) == (olga, 130, "too long")
    assert not Alert.objects.filter(closed_at=None).exists()
    assert forward(order.provider) == 0


DECISIONS: dict[str, Any] = {
    "placed": lambda order, actor, **more: settle_placed(
        order.pk, provider_order_id="77", actor=actor, why="x", **more
    ),
    "send again": lambda order, actor, **more: settle_send_again(order.pk, actor=actor, why="x", **more),
    "refund": lambda order, actor, **more: settle_refund(order.pk, actor=actor, why="x", **more),
}


@pytest.mark.parametrize("second", DECISIONS)
@pytest.mark.parametrize("first", DECISIONS)
def test_of_two_people_the_first_counts(
    order: Order, sandbox: SandboxServer, olga: User, boris: User, first: str, second: str
) -> None:
    sandbox.script("add", DROPPED)
    forward(order.provider)
    DECISIONS[first](order, olga)
    before, events, held = fresh(order), kinds(order), held_by(order.customer)

    with pytest.raises(NotForSettling):
        DECISIONS[second](order, boris)

    assert (fresh(order).status, kinds(order), held_by(order.customer)) == (before.status, events, held)


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("status", sorted(set(Order.Status.values) - Order.FOR_A_PERSON - Order.ENDED))
def test_only_what_waits_for_a_person(order: Order, olga: User, status: str, decision: str) -> None:
    provider_order_id = "1" if status in Order.OPEN_UPSTREAM else None
    Order.objects.update(status=status, provider_order_id=provider_order_id)
    if provider_order_id:
        answered(order, provider_order_id)
    with pytest.raises(NotForSettling):
        DECISIONS[decision](order, olga)
    assert (fresh(order).status, fresh(order).provider_order_id) == (status, provider_order_id)
    assert kinds(order) == ["placed"]
    assert held_by(order.customer) == 870


# --- When the customer wanted it canceled meanwhile -------------------------------------------------------


@pytest.fixture
def unwanted(waiting: Order) -> Order:
    """The same, and Alice wants it canceled."""
    return request_cancel(waiting.pk, actor=waiting.customer)


def test_placed_and_unwanted_the_provider_is_asked(
    unwanted: Order, olga: User, sandbox: SandboxServer
) -> None:
    settle_placed(unwanted.pk, provider_order_id="1242", actor=olga, why="seen there")
    assert (fresh(unwanted).status, fresh(unwanted).refunded) == ("pending", 0)
    order = cancel_at_once(unwanted)
    assert sandbox.calls["cancel"] == 1
    assert order.cancel_state in ("taken", "refused")


def test_not_placed_and_unwanted_it_ends(unwanted: Order, olga: User, sandbox: SandboxServer) -> None:
    settle_send_again(unwanted.pk, actor=olga, why="not there")
    order = fresh(unwanted)
    assert (order.status, refunds(order), held_by(order.customer)) == ("canceled", [130], 1000)
    assert kinds(order)[-3:] == ["settled", "canceled_here", "refunded"]
    assert forward(order.provider) == 0
    assert sandbox.calls["add"] == 1


def test_refunded_and_unwanted_it_is_refunded_once(unwanted: Order, olga: User) -> None:
    settle_refund(unwanted.pk, actor=olga, why="too long")
    assert (refunds(unwanted), held_by(unwanted.customer)) == ([130], 1000)


# --- The lost call is explained ---------------------------------------------------------------------------


def test_the_lost_call_gets_the_id(waiting: Order, olga: User) -> None:
    settle_placed(waiting.pk, provider_order_id="77", actor=olga, why="seen there")
    assert Attempt.objects.get().provider_order_id == "77"
    assert LostAnswer.objects.filter(attempt__provider_order_id="").count() == 0


def lose_twice(order: Order, actor: User, sandbox: SandboxServer) -> None:
    """Let two calls of an order lose their answers: the first has an id of the 70s, the second of the 80s."""
    sandbox.script("add", LOST, times=2)
    forward(order.provider)
    settle_send_again(order.pk, actor=actor, why="not there")
    forward(order.provider)
    first, second = LostAnswer.objects.order_by("pk")
    LostAnswer.objects.filter(pk=first.pk).update(id_before=69, id_after=80)
    LostAnswer.objects.filter(pk=second.pk).update(id_before=79, id_after=90)


@pytest.mark.parametrize(
    ("number", "explained"), [("77", ["77", ""]), ("88", ["", "88"]), ("99", ["", ""]), ("a77", ["", ""])]
)
def test_of_two_lost_calls_the_one_whose_window_holds_the_id_gets_it(
    order: Order, olga: User, sandbox: SandboxServer, number: str, explained: list[str]
) -> None:
    lose_twice(order, olga, sandbox)
    settle_placed(order.pk, provider_order_id=number, actor=olga, why="seen there")
    assert list(Attempt.objects.order_by("pk").values_list("provider_order_id", flat=True)) == explained


def test_an_id_that_may_be_of_two_lost_calls_explains_none(
    order: Order, olga: User, sandbox: SandboxServer
) -> None:
    lose_twice(order, olga, sandbox)
    LostAnswer.objects.update(id_before=None, id_after=None)
    settle_placed(order.pk, provider_order_id="77", actor=olga, why="seen there")
    assert set(Attempt.objects.values_list("provider_order_id", flat=True)) == {""}


def test_only_its_own_lost_call_gets_the_id(
    order: Order, customer: User, service: Service, olga: User, sandbox: SandboxServer
) -> None:
    later = place(customer, service)
    sandbox.script("add", LOST, times=2)
    forward(order.provider)
    settle_placed(order.pk, provider_order_id="77", actor=olga, why="seen there")
    assert (order.attempts.get().provider_order_id, later.attempts.get().provider_order_id) == ("77", "")


def test_a_call_that_placed_nothing_is_not_explained_by_the_id(
    order: Order, olga: User, sandbox: SandboxServer
) -> None:
    sandbox.script("add", LOST)
    sandbox.script("add", saying('{"error": "Spam protection, wait 7 seconds"}'))
    forward(order.provider)
    settle_send_again(order.pk, actor=olga, why="not there")
    forward(order.provider)
    assert [attempt.outcome for attempt in order.attempts.order_by("pk")] == ["uncertain", "later"]
    settle_placed(order.pk, provider_order_id="77", actor=olga, why="seen there")
    assert [attempt.provider_order_id for attempt in order.attempts.order_by("pk")] == ["77", ""]


def test_an_id_of_another_order_that_an_answer_gave_gives_way_to_the_one_decided(
    order: Order, customer: User, service: Service, olga: User, sandbox: SandboxServer
) -> None:
    accept(place(customer, service), "1242")
    send = claim_next(order.provider_id)
    assert send is not None
    record_outcome(send.attempt_id, Placed("1242", raw=""))  # another order's: which is meant is not known
    settle_placed(order.pk, provider_order_id="77", actor=olga, why="seen there")
    assert order.attempts.get().provider_order_id == "77"


def test_an_id_that_is_taken_explains_nothing(
    waiting: Order, customer: User, service: Service, olga: User
) -> None:
    accept(place(customer, service), "77")
    with pytest.raises(ProviderIdTaken):
        settle_placed(waiting.pk, provider_order_id="77", actor=olga, why="seen there")
    assert Attempt.objects.get(order=waiting).provider_order_id == ""


# --- What became known between the look and the decision --------------------------------------------------


def late_answer(order: Order) -> None:
    """Let the answer of a worker that was taken for dead arrive: refused, in words that nobody knows."""
    answer = fault(UnknownText, "The moon is full", rule="unknown_text")
    record_outcome(order.attempts.latest("pk").pk, answer)


def find_it(order: Order) -> None:
    """Let a search find what fits the order."""
    lost = LostAnswer.objects.get(attempt__order=order)
    LostAnswer.objects.filter(pk=lost.pk).update(state="whole", id_before=500, id_after=510)
    Candidate.objects.create(
        provider=order.provider, number=501, status_text="Pending", charge=100, seen_at=timezone.now()
    )


@pytest.fixture
def died(order: Order) -> Order:
    """Alice's order, whose worker died before it had an answer."""
    send = claim_next(order.provider_id)
    assert send is not None
    Attempt.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert expire_attempts() == 1
    return fresh(order)


def before_the_lock(monkeypatch: pytest.MonkeyPatch, news: Callable[[Order], Any]) -> None:
    """Let something become known right before a decision locks its order."""
    real, first = settling.locked, []

    def locked(order_id: int) -> Order:
        if not first:
            first.append(True)
            news(Order.objects.get(pk=order_id))
        return real(order_id)

    monkeypatch.setattr(settling, "locked", locked)


@pytest.mark.parametrize("news", [late_answer, find_it])
@pytest.mark.parametrize("decision", DECISIONS)
def test_what_became_known_before_the_lock_is_not_passed_over(
    died: Order, olga: User, monkeypatch: pytest.MonkeyPatch, decision: str, news: Callable[[Order], Any]
) -> None:
    seen = mark_of(died)
    before_the_lock(monkeypatch, news)

    with pytest.raises(EvidenceChanged):
        DECISIONS[decision](died, olga, evidence=seen)

    assert fresh(died).status in Order.FOR_A_PERSON
    assert (fresh(died).provider_order_id, refunds(died)) == (None, [])
    assert "settled" not in kinds(died)
    assert Attempt.objects.get().provider_order_id == ""


@pytest.mark.parametrize("news", [late_answer, find_it])
def test_control_evidence_looked_at_before_the_lock_decides_past_what_is_known(
    died: Order, olga: User, monkeypatch: pytest.MonkeyPatch, news: Callable[[Order], Any]
) -> None:
    seen = mark_of(died)
    before_the_lock(monkeypatch, news)

    assert mark_of(fresh(died)) == seen  # where the form looked before
    settle_refund(died.pk, actor=olga, why="x")

    assert (fresh(died).status, refunds(died)) == ("canceled", [130])
    assert mark_of(fresh(died)) != seen


def test_placed_late_is_no_decision_any_more(died: Order, olga: User) -> None:
    seen = mark_of(died)
    record_outcome(Attempt.objects.get().pk, Placed(order_id="501", raw="{}"))

    with pytest.raises(NotForSettling):
        settle_refund(died.pk, actor=olga, why="x", evidence=seen)

    assert (fresh(died).status, fresh(died).provider_order_id, refunds(died)) == ("pending", "501", [])


def adopt_it(order: Order) -> bool:
    Provider.objects.update(lost_answers=Provider.LostAnswers.ADOPT)
    return adopt(LostAnswer.objects.select_related("attempt").get(attempt__order=order), number=501)


@pytest.mark.parametrize("decision", DECISIONS)
def test_taken_up_is_no_decision_any_more(died: Order, olga: User, decision: str) -> None:
    seen = mark_of(died)
    assert adopt_it(died)

    with pytest.raises(NotForSettling):
        DECISIONS[decision](died, olga, evidence=seen)

    assert (fresh(died).status, fresh(died).provider_order_id, refunds(died)) == ("pending", "501", [])
    assert "settled" not in kinds(died)


@pytest.mark.parametrize("decision", DECISIONS)
def test_what_was_decided_is_not_taken_up(died: Order, olga: User, decision: str) -> None:
    DECISIONS[decision](died, olga)
    status, held = fresh(died).status, held_by(died.customer)

    assert not adopt_it(died)

    assert (fresh(died).status, held_by(died.customer)) == (status, held)
    assert "found" not in kinds(died)


def test_control_without_the_look_under_the_lock_a_taken_up_order_is_refunded(
    died: Order, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = fresh(died)
    assert adopt_it(died)
    monkeypatch.setattr(settling, "locked", lambda _: stale)
    monkeypatch.setattr(settling, "move", unguarded_move)

    settle_refund(died.pk, actor=olga, why="x")

    assert (fresh(died).status, fresh(died).provider_order_id, refunds(died)) == ("canceled", "501", [130])


@pytest.mark.django_db(transaction=True)
def test_of_two_people_at_once_one_decides(died: Order, olga: User, boris: User, tasks: list[Any]) -> None:
    about = {"why": "x", "evidence": mark_of(died)}
    came_of = together(
        lambda: settle_refund(died.pk, actor=olga, **about),
        lambda: settle_refund(died.pk, actor=boris, **about),
        lambda: settle_send_again(died.pk, actor=olga, **about),
        lambda: settle_send_again(died.pk, actor=boris, **about),
        lambda: adopt_it(died),
    )

    decided = [each for each in came_of if isinstance(each, Order)]
    refused = [each for each in came_of if isinstance(each, NotForSettling)]
    assert len(decided) + (came_of[-1] is True) == 1
    assert len(decided) + len(refused) == 4
    assert kinds(died).count("settled") == len(decided)
    assert sum(refunds(died)) == fresh(died).refunded
