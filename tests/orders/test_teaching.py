import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from catalog.halting import halt
from catalog.models import Provider, Service, TaughtText
from catalog.probing import probe_due
from catalog.teaching import forget, teach
from operations.models import Alert
from orders import outcomes as rules
from orders import teaching
from orders.canceling import request_cancel
from orders.forwarding import claim_next
from orders.models import Attempt, Candidate, LostAnswer, Order
from orders.outcomes import record_outcome
from orders.settling import settle_placed, settle_send_again
from orders.tasks import apply_taught_of
from orders.teaching import settle_held, would_settle
from tests.factories import make_service, place
from tests.operations.reading import in_english
from tests.orders.acting import (
    fault,
    forward,
    forward_at_once,
    fresh,
    held_by,
    kinds,
    outcomes,
    refunds,
)
from tests.orders.test_races import threads, together
from upstream.answers import Placed
from upstream.errors import Uncertain
from upstream.sandbox import SandboxServer
from upstream.sandbox.faults import saying

SAID = "The moon 17 is too bright"
TAUGHT = "the moon # is"
MEANINGS = ("refused", "later", "halt", "uncertain")


@pytest.fixture
def held(order: Order, sandbox: SandboxServer) -> Order:
    """Alice's order, refused with words that nobody knows."""
    return hold(order, sandbox)


def hold(order: Order, sandbox: SandboxServer, text: str = SAID) -> Order:
    sandbox.script("add", saying(json.dumps({"error": text})))
    order = forward_at_once(order)
    assert order.status == "held"
    LostAnswer.objects.filter(attempt__order=order).update(state="impossible", due_at=None)
    return order


def learn(order: Order, meaning: str, actor: User, text: str = TAUGHT) -> TaughtText:
    return teach(order.provider, text=text, meaning=meaning, actor=actor)


COMES: dict[str, tuple[str, list[str], int]] = {
    "refused": ("canceled", ["refused", "refunded"], 1000),
    "later": ("queued", ["waits"], 870),
    "halt": ("queued", ["waits"], 870),
    "uncertain": ("uncertain", ["uncertain"], 870),
}


@pytest.mark.parametrize("meaning", MEANINGS)
def test_what_is_held_is_taken_on_as_a_fresh_answer(held: Order, olga: User, meaning: str) -> None:
    status, follows, wallet = COMES[meaning]
    learn(held, meaning, olga)

    settled = settle_held(held.provider_id)

    assert settled == [held]
    order = fresh(held)
    assert (order.status, held_by(order.customer), order.status) == (status, wallet, settled[0].status)
    assert kinds(order) == ["placed", "sending", "held", "settled", *follows]
    event = order.events.get(kind="settled")
    assert (event.actor, event.detail) == (olga, f"taught: 'the moon # is' means {meaning}")
    assert outcomes(order) == [(meaning, "taught")]
    assert not Alert.objects.filter(kind=Alert.Kind.ORDER_HELD, closed_at=None).exists()
    assert Alert.objects.filter(kind=Alert.Kind.ORDER_UNCERTAIN, closed_at=None).exists() == (
        status == "uncertain"
    )
    assert (order.due_at is not None) == (status == "queued")
    assert order.provider.halt_rule == ("taught" if meaning == "halt" else "")
    assert settle_held(held.provider_id) == []  # once


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_fresh_answer_is_read_as_taught_at_once(
    order: Order, olga: User, sandbox: SandboxServer, meaning: str
) -> None:
    status, follows, wallet = COMES[meaning]
    learn(order, meaning, olga)
    sandbox.script("add", saying('{"error": "The moon 99 is too bright"}'))

    order = forward_at_once(order)

    assert (order.status, held_by(order.customer)) == (status, wallet)
    assert kinds(order) == ["placed", "sending", *follows]
    assert outcomes(order) == [(meaning, "taught")]
    assert order.provider.halt_rule == ("taught" if meaning == "halt" else "")


def test_a_worker_at_work_uses_what_is_taught_meanwhile(
    order: Order,
    customer: User,
    service: Service,
    olga: User,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One run of a worker, one client: the second answer is read by what was taught after the first."""
    Provider.objects.update(calls_at_once=1)
    second = place(customer, service)
    sandbox.script("add", saying(json.dumps({"error": SAID})), times=2)
    plain = rules._held

    def and_then_it_is_taught(*args: Any) -> None:
        plain(*args)
        learn(order, "refused", olga)

    monkeypatch.setattr(rules, "_held", and_then_it_is_taught)

    assert forward(order.provider) == 2

    assert (fresh(order).status, fresh(second).status) == ("held", "canceled")


def test_an_error_after_a_500_is_what_it_was_taught(order: Order, olga: User, sandbox: SandboxServer) -> None:
    """ "A JSON `error` that matches a row below wins over the code"; what nobody taught stays uncertain."""
    learn(order, "refused", olga)
    sandbox.script("add", saying(json.dumps({"error": SAID}), status=500))
    assert forward_at_once(order).status == "canceled"


def test_an_unknown_error_after_a_500_is_uncertain(order: Order, sandbox: SandboxServer) -> None:
    sandbox.script("add", saying(json.dumps({"error": SAID}), status=500))
    assert forward_at_once(order).status == "uncertain"


def test_a_taught_halt_waits_for_a_person(held: Order, olga: User, sandbox: SandboxServer) -> None:
    learn(held, "halt", olga)
    settle_held(held.provider_id)

    assert Provider.objects.get().probe_at is None
    assert probe_due(now=timezone.now() + timedelta(days=30)) == 0
    assert forward(held.provider) == 0
    assert sandbox.calls["add"] == 1
    assert SAID in in_english(Alert.objects.get(kind=Alert.Kind.PROVIDER_HALTED))


def test_a_halt_comes_before_the_first_order_is_queued_again(
    held: Order, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        teaching,
        "take_on_anew",
        lambda order, *rest: seen.append(Provider.objects.values_list("halt_rule", flat=True).get()),
    )
    learn(held, "halt", olga)
    settle_held(held.provider_id)
    assert seen == ["taught"]
    assert fresh(held).status == "held"


def test_teaching_without_held_orders_halts_nobody(order: Order, olga: User) -> None:
    learn(order, "halt", olga)
    assert settle_held(order.provider_id) == []
    assert Provider.objects.get().halted_at is None


@pytest.mark.parametrize("meaning", ["later", "halt"])
def test_what_its_customer_wanted_canceled_is_canceled(held: Order, olga: User, meaning: str) -> None:
    request_cancel(held.pk, actor=held.customer)
    learn(held, meaning, olga)

    settle_held(held.provider_id)

    assert (fresh(held).status, refunds(held), held_by(held.customer)) == ("canceled", [130], 1000)


def test_a_later_after_an_uncertain_attempt_stays_uncertain(
    order: Order, olga: User, sandbox: SandboxServer
) -> None:
    record_outcome(attempt_at(order).pk, fault(Uncertain, rule="no_answer"))
    settle_send_again(order.pk, actor=olga, why="it is not there")
    held = hold(order, sandbox)
    learn(held, "later", olga)

    settle_held(held.provider_id)

    assert fresh(held).status == "uncertain"


def test_links_of_customers_teach_nothing(
    customer: User, service: Service, sandbox: SandboxServer, olga: User
) -> None:
    link = "https://example.com/the-moon-1-is"
    held = hold(place(customer, service, link=link), sandbox, f"No stars on {link}, the moon 1 was")
    learn(held, "refused", olga)
    learn(held, "refused", olga, text="the-moon-# is")

    assert settle_held(held.provider_id) == []
    assert fresh(held).status == "held"


def test_other_texts_and_other_providers_are_left_alone(
    held: Order, customer: User, service: Service, olga: User, sandbox: SandboxServer
) -> None:
    other = hold(place(customer, service), sandbox, "The sun is too bright")
    elsewhere = place(customer, make_service())
    Order.objects.filter(pk=elsewhere.pk).update(status="held", reason=SAID, due_at=None)
    learn(held, "refused", olga)

    assert settle_held(held.provider_id) == [held]
    assert {fresh(other).status, fresh(elsewhere).status} == {"held"}


def test_what_may_have_been_found_is_left_to_a_person(held: Order, olga: User) -> None:
    lost = LostAnswer.objects.get(attempt__order=held)
    LostAnswer.objects.filter(pk=lost.pk).update(id_before=1000, id_after=1010, state="whole")
    Candidate.objects.create(
        provider=held.provider,
        number=1005,
        charge=100,
        remains=1000,
        status_text="pending",
        seen_at=timezone.now(),
    )
    taught = learn(held, "refused", olga)

    assert settle_held(held.provider_id) == []
    assert (fresh(held).status, refunds(held)) == ("held", [])
    forget(taught)
    proposed = TaughtText(provider=held.provider, text="the moon", meaning="refused")
    assert [seen.is_for_a_person for seen in would_settle(proposed)] == [True]

    learn(held, "uncertain", olga)
    assert settle_held(held.provider_id) == [held]
    assert fresh(held).status == "uncertain"


def test_a_candidate_that_cannot_be_it_stops_nothing(held: Order, olga: User) -> None:
    LostAnswer.objects.update(id_before=1000, id_after=1010, state="whole")
    Candidate.objects.create(
        provider=held.provider,
        number=1005,
        charge=7,
        remains=70,
        status_text="pending",
        seen_at=timezone.now(),
    )
    learn(held, "refused", olga)
    assert settle_held(held.provider_id) == [held]


UNDER_WAY: list[dict[str, Any]] = [
    {"state": "searching", "due_at": None},
    {"state": "waiting", "due_at": timezone.now()},
]


@pytest.mark.parametrize("search", UNDER_WAY)
def test_what_is_searched_for_is_settled_when_that_is_done(
    held: Order, olga: User, search: dict[str, Any]
) -> None:
    LostAnswer.objects.update(**search)
    learn(held, "refused", olga)

    assert settle_held(held.provider_id) == []
    assert (fresh(held).status, refunds(held)) == ("held", [])

    LostAnswer.objects.update(state="whole", due_at=None)
    assert settle_held(held.provider_id) == [held]


@pytest.mark.parametrize("search", UNDER_WAY)
def test_a_search_keeps_it_ten_minutes_at_most(held: Order, olga: User, search: dict[str, Any]) -> None:
    LostAnswer.objects.update(**search)
    Attempt.objects.update(ended_at=timezone.now() - teaching.SEARCHED_FOR)
    learn(held, "refused", olga)
    assert settle_held(held.provider_id) == [held]


@pytest.mark.parametrize("search", [{"state": "stopped"}, {"state": "waiting"}, {"state": "impossible"}])
def test_a_search_that_does_not_go_on_keeps_nothing(held: Order, olga: User, search: dict[str, str]) -> None:
    LostAnswer.objects.update(**search)
    learn(held, "refused", olga)
    assert settle_held(held.provider_id) == [held]


def test_what_becomes_uncertain_does_not_wait_for_the_search(held: Order, olga: User) -> None:
    LostAnswer.objects.update(state="searching")
    learn(held, "uncertain", olga)
    assert settle_held(held.provider_id) == [held]


def _found(held: Order) -> None:
    LostAnswer.objects.update(id_before=1000, id_after=1010, state="whole")
    Candidate.objects.create(
        provider=held.provider, number=1005, charge=100, status_text="pending", seen_at=timezone.now()
    )


def _searched_anew(held: Order) -> None:
    LostAnswer.objects.update(state="searching")


@pytest.mark.parametrize("news", [_found, _searched_anew])
def test_what_the_search_said_before_the_lock_is_not_passed_over(
    held: Order, olga: User, monkeypatch: pytest.MonkeyPatch, news: Any
) -> None:
    plain = teaching._halt_first
    monkeypatch.setattr(teaching, "_halt_first", lambda *args: (plain(*args), news(held)))
    learn(held, "refused", olga)

    assert settle_held(held.provider_id) == []
    assert (fresh(held).status, refunds(held)) == ("held", [])


def test_so_many_at_once_and_the_rest_by_the_task(
    customer: User, service: Service, sandbox: SandboxServer, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [hold(place(customer, service), sandbox) for _ in range(5)]
    learn(orders[0], "refused", olga)

    assert settle_held(service.provider_id, first=orders[3].pk, at_most=2) == [orders[3], orders[0]]
    assert [fresh(each).status for each in orders].count("held") == 3
    monkeypatch.setattr(teaching.settle_held, "__kwdefaults__", {"first": 0, "at_most": 2})
    apply_taught_of(service.provider_id)
    assert {fresh(each).status for each in orders} == {"canceled"}


def test_what_was_forgotten_meanwhile_is_not_carried_out(
    held: Order, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = learn(held, "refused", olga)
    plain = teaching._halt_first
    monkeypatch.setattr(teaching, "_halt_first", lambda *args: (plain(*args), forget(taught)))
    assert settle_held(held.provider_id) == []
    assert fresh(held).status == "held"


@pytest.fixture
def settled_meanwhile(held: Order, olga: User, monkeypatch: pytest.MonkeyPatch) -> Order:
    """A held order that a person settles between the list and its turn."""
    plain = teaching._halt_first

    def while_a_person_settles(*args: Any) -> None:
        plain(*args)
        settle_placed(held.pk, provider_order_id="77", actor=olga, why="seen there")

    monkeypatch.setattr(teaching, "_halt_first", while_a_person_settles)
    learn(held, "refused", olga)
    return held


def test_what_is_settled_meanwhile_is_left_alone(settled_meanwhile: Order) -> None:
    assert settle_held(settled_meanwhile.provider_id) == []

    order = fresh(settled_meanwhile)
    assert (order.status, order.provider_order_id, refunds(order)) == ("pending", "77", [])
    assert kinds(order)[-1] == "settled"


@pytest.mark.tampers
def test_control_without_the_look_at_its_status_it_is_refunded(
    settled_meanwhile: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = teaching.locked

    def as_it_was_seen(order_id: int) -> Order:
        order = plain(order_id)
        Order.objects.filter(pk=order_id).update(status="held")
        order.status = "held"
        return order

    monkeypatch.setattr(teaching, "locked", as_it_was_seen)

    settle_held(settled_meanwhile.provider_id)

    assert refunds(settled_meanwhile) == [130]  # while the provider has it


@threads
def test_two_settlers_at_once_refund_once(held: Order, olga: User) -> None:
    learn(held, "refused", olga)

    came = together(*[lambda: settle_held(held.provider_id)] * 4)

    assert sorted(len(each) for each in came) == [0, 0, 0, 1]
    assert (refunds(held), held_by(held.customer)) == ([130], 1000)


def test_a_late_answer_after_it_was_settled_changes_nothing(held: Order, olga: User) -> None:
    learn(held, "refused", olga)
    settle_held(held.provider_id)
    attempt = Attempt.objects.get()

    record_outcome(attempt.pk, Placed("77", raw=""))

    assert (fresh(held).status, refunds(held)) == ("canceled", [130])


def test_a_provider_that_is_halted_before_stays_so(held: Order, olga: User) -> None:
    halt(held.provider, rule="funds", text="…")
    learn(held, "halt", olga)
    settle_held(held.provider_id)
    assert Provider.objects.get().halt_rule == "funds"


def attempt_at(order: Order) -> Attempt:
    Order.objects.filter(pk=order.pk).update(due_at=timezone.now())
    send = claim_next(order.provider_id)
    assert send is not None
    return Attempt.objects.get(pk=send.attempt_id)
