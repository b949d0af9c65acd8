"""What is gathered for the person who decides about an order."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from catalog.models import Service
from orders import evidence
from orders.evidence import Evidence, Spending, evidence_for, mark_of
from orders.models import Attempt, Candidate, LostAnswer, Order
from tests.factories import credit, make_provider, make_service, place
from tests.orders.acting import accept, fresh
from tests.orders.losses import NOON, attempt_for, candidate, lose, measured


def of(order: Order) -> Evidence:
    [gathered] = evidence_for([fresh(order)])
    return gathered


def spending_of(order: Order) -> Spending:
    spending = of(order).calls[0].spending
    assert spending is not None
    return spending


@pytest.fixture
def lost(customer: User, service: Service) -> Order:
    """Alice's order of 1000, which would cost 100; between two balances that are 100 apart."""
    order = lose(customer, service)
    measured(order.attempts.get(), 1000, 900)
    return order


def beside(lost: Order, outcome: str = "placed", *, quantity: int = 2000, **fields: Any) -> Order:
    """Let another order of the same provider be sent at the same time."""
    order = place(lost.customer, lost.service, quantity=quantity, link="https://example.com/beside")
    attempt_for(order, outcome, **fields)
    return order


# --- Calls ------------------------------------------------------------------------------------------------


def test_the_latest_calls_come_newest_first(lost: Order) -> None:
    for minute in range(1, 8):
        attempt_for(lost, "later", minute=minute)

    attempts = [call.attempt for call in of(lost).calls]

    assert attempts == list(lost.attempts.order_by("-pk")[:5])


def test_each_order_has_its_own(customer: User, service: Service, lost: Order) -> None:
    other = lose(customer, service)
    gathered = evidence_for([fresh(other), fresh(lost)])
    assert [(each.order, each.calls[0].attempt.order_id) for each in gathered] == [
        (other, other.pk),
        (lost, lost.pk),
    ]
    assert [len(each.calls) for each in gathered] == [1, 1]


def test_without_a_call_there_is_nothing(order: Order) -> None:
    gathered = of(order)
    assert (gathered.calls, gathered.searches, gathered.hints, gathered.fitting) == ((), (), (), [])
    assert evidence_for([]) == []


def test_only_calls_that_do_not_tell_have_money_beside_them(lost: Order) -> None:
    attempt_for(lost, "later", minute=1)
    assert [call.spending is None for call in of(lost).calls] == [True, False]


# --- Money ------------------------------------------------------------------------------------------------


def test_a_difference_that_nothing_else_explains(lost: Order) -> None:
    spending = spending_of(lost)
    assert (spending.difference, spending.accepted, spending.unexplained) == (100, 0, 100)
    assert (spending.expected, spending.lost_beside) == (100, 0)


def test_what_others_took_in_between_is_taken_off(lost: Order) -> None:
    Attempt.objects.update(balance_after=Decimal(675))
    for quantity in (2000, 250):
        beside(lost, quantity=quantity)
    spending = spending_of(lost)
    assert (spending.difference, spending.accepted, spending.unexplained) == (325, 225, 100)


@pytest.mark.parametrize("outcome", ["refused", "later", "halt"])
def test_what_was_not_placed_took_nothing(lost: Order, outcome: str) -> None:
    beside(lost, outcome)
    assert (spending_of(lost).accepted, spending_of(lost).lost_beside) == (0, 0)


@pytest.mark.parametrize("minute", [-2, 2])
def test_what_came_before_or_after_is_not_counted(lost: Order, minute: int) -> None:
    beside(lost, minute=minute)
    assert spending_of(lost).accepted == 0


def test_what_another_provider_took_is_not_counted(lost: Order, customer: User) -> None:
    other = place(customer, make_service(make_provider()))
    attempt_for(other, "placed")
    assert spending_of(lost).accepted == 0


def test_providers_on_one_page_are_told_apart(lost: Order, customer: User) -> None:
    elsewhere = lose(customer, make_service(make_provider()))
    measured(elsewhere.attempts.get(), 1000, 900)
    beside(lost)

    accepted = [each.calls[0].spending for each in evidence_for([fresh(lost), fresh(elsewhere)])]

    assert [spending and spending.accepted for spending in accepted] == [200, 0]


def test_others_that_were_lost_as_well_are_told(lost: Order) -> None:
    beside(lost, "uncertain")
    beside(lost, "unknown_text")
    assert (spending_of(lost).accepted, spending_of(lost).lost_beside) == (0, 2)


@pytest.mark.parametrize("missing", ["balance_before", "balance_after"])
def test_without_one_of_the_two_the_balance_says_nothing(lost: Order, missing: str) -> None:
    Attempt.objects.update(**{missing: None, f"{missing}_at": None, f"{missing}_text": ""})
    spending = spending_of(lost)
    assert (spending.difference, spending.unexplained) == (None, None)
    assert spending.expected == 100


@pytest.mark.parametrize("lost_first", [True, False])
def test_too_many_in_between_are_not_counted(
    lost: Order, monkeypatch: pytest.MonkeyPatch, lost_first: bool
) -> None:
    """Whether the others were sent after the lost call or before it."""
    monkeypatch.setattr(evidence, "REACH", 2)
    others = [beside(lost) for _ in range(3)]
    if not lost_first:
        Attempt.objects.filter(order=others[-1]).update(outcome="uncertain")
        Order.objects.filter(pk=others[-1].pk).update(status="uncertain", provider_order_id=None)
        measured(others[-1].attempts.get(), 1000, 900)
    spending = spending_of(lost if lost_first else others[-1])
    assert (spending.difference, spending.accepted, spending.unexplained) == (100, None, None)


def test_far_away_and_long_ago_does_not_matter(lost: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "REACH", 2)
    for minute in range(3, 6):
        beside(lost, minute=minute)
    assert spending_of(lost).accepted == 0


# --- The search -------------------------------------------------------------------------------------------


def test_candidates_come_with_their_verdicts(lost: Order, service: Service) -> None:
    candidate(service, 505, charge=Decimal(70))
    candidate(service, 503)
    candidate(service, 504, charge=None)
    candidate(service, 511)

    gathered = of(lost)
    [search] = gathered.searches

    assert [(found.candidate.number, str(found.verdict)) for found in search.findings] == [
        (503, "fits"),
        (504, "could_fit"),
        (505, "differs"),
    ]
    assert [each.number for each in gathered.fitting] == [503]


def test_what_fits_two_searches_of_an_order_is_told_once(lost: Order, service: Service) -> None:
    again = attempt_for(lost, minute=5)
    LostAnswer.objects.create(
        attempt=again, provider=lost.provider, state="whole", id_before=400, id_after=520
    )
    candidate(service, 503)
    gathered = of(lost)
    assert [search.lost.attempt_id for search in gathered.searches] == [
        again.pk,
        lost.attempts.earliest("pk").pk,
    ]
    assert [each.number for each in gathered.fitting] == [503]


def test_a_call_that_is_explained_is_not_searched_for(lost: Order) -> None:
    Attempt.objects.update(provider_order_id="77")
    assert of(lost).searches == ()


# --- What was said since ----------------------------------------------------------------------------------


def hint(lost: Order, *, rule: str = "spam_wait", link: str = "", **fields: Any) -> Attempt:
    other = place(lost.customer, fields.pop("service", lost.service), link=link or lost.link)
    return attempt_for(other, "later", minute=1, rule=rule, answer="Spam protection", **fields)


@pytest.mark.parametrize("rule", ["spam_wait", "active_order"])
def test_a_later_order_for_the_link_that_was_turned_away(lost: Order, rule: str) -> None:
    said = hint(lost, rule=rule)
    assert of(lost).hints == (said,)


def test_other_answers_are_no_hints(lost: Order, customer: User) -> None:
    hint(lost, rule="rate_limit")
    hint(lost, link=f"{lost.link}/another")
    hint(lost, link=f"{lost.link}/{'x' * 250}")
    hint(lost, service=make_service(make_provider()))
    assert of(lost).hints == ()


def test_links_that_differ_only_at_their_end_are_told_apart(customer: User, service: Service) -> None:
    start = f"https://example.com/{'x' * 250}"
    order = lose(customer, service, link=f"{start}/1")
    hint(order, link=f"{start}/2")
    assert of(order).hints == ()
    said = hint(order)
    assert of(order).hints == (said,)


def test_what_was_said_before_it_was_lost_is_no_hint(customer: User, service: Service) -> None:
    credit(customer, 1000)
    before = place(customer, service, link="https://example.com/lost/before")
    attempt_for(before, "later", rule="spam_wait")
    order = lose(customer, service, link=before.link)
    assert of(order).hints == ()


def test_what_was_said_before_one_of_a_page_was_lost_is_no_hint_for_it(lost: Order) -> None:
    said = hint(lost)
    again = lose(lost.customer, lost.service, link=lost.link)
    assert [each.hints for each in evidence_for([fresh(lost), fresh(again)])] == [(said,), ()]


def test_of_each_later_order_the_latest_answer_is_shown(lost: Order) -> None:
    first = hint(lost)
    latest = attempt_for(first.order, "later", minute=20, rule="active_order")
    other = hint(lost)
    assert of(lost).hints == (other, latest)


# --- The mark ---------------------------------------------------------------------------------------------


def _again(lost: Order) -> None:
    attempt_for(lost, minute=5)


def _otherwise(lost: Order) -> None:
    Attempt.objects.update(outcome="unknown_text", rule="unknown_text")


def _held(lost: Order) -> None:
    Order.objects.update(status="held")


def _found(lost: Order) -> None:
    candidate(lost.service, 503)


def _known_balance(lost: Order) -> None:
    Attempt.objects.update(balance_after_at=NOON)


def _hinted(lost: Order) -> None:
    hint(lost)


def _unwanted(lost: Order) -> None:
    Order.objects.filter(pk=lost.pk).update(cancel_state="wanted")


def _spent_by_another(lost: Order) -> None:
    attempt_for(place(lost.customer, lost.service, link="https://example.com/another"), "placed")


def _lost_beside(lost: Order) -> None:
    attempt_for(place(lost.customer, lost.service, link="https://example.com/another"))


def _began(lost: Order) -> None:
    LostAnswer.objects.update(id_before=505)


NEWS = [_again, _otherwise, _held, _found, _known_balance, _hinted, _began, _unwanted]


@pytest.mark.parametrize("news", NEWS)
def test_news_change_the_mark(customer: User, service: Service, news: Callable[[Order], None]) -> None:
    lost = lose(customer, service)
    candidate(service, 501)
    before = mark_of(lost)
    news(lost)
    assert mark_of(fresh(lost)) != before


@pytest.mark.parametrize("news", [_spent_by_another, _lost_beside])
def test_money_that_others_spent_changes_the_mark(
    customer: User, service: Service, news: Callable[[Order], None]
) -> None:
    lost = lose(customer, service)
    measured(lost.attempts.get(), 1000, 900)
    before = mark_of(fresh(lost))
    news(lost)
    assert mark_of(fresh(lost)) != before


def _searched_on(lost: Order) -> None:
    LostAnswer.objects.update(state="searching", asked_to=505, calls=3, due_at=NOON)


def _found_elsewhere(lost: Order) -> None:
    candidate(lost.service, 511)


def _of_another(lost: Order) -> None:
    lose(lost.customer, lost.service)


def _seen_again(lost: Order) -> None:
    later = timezone.now() + timedelta(hours=1)
    Candidate.objects.update(seen_at=later, remains=999, status_text="in_progress")


@pytest.mark.parametrize("nothing_new", [_searched_on, _found_elsewhere, _of_another, _seen_again])
def test_what_changes_nothing_keeps_the_mark(
    customer: User, service: Service, nothing_new: Callable[[Order], None]
) -> None:
    lost = lose(customer, service)
    candidate(service, 501)
    before = mark_of(lost)
    nothing_new(lost)
    assert mark_of(fresh(lost)) == before


def test_a_candidate_that_another_order_took_is_news(lost: Order, service: Service) -> None:
    candidate(service, 501)
    before = mark_of(lost)
    accept(place(lost.customer, service), "501")
    assert of(lost).fitting == []
    assert mark_of(fresh(lost)) != before


# --- Cost -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 20])
def test_a_page_of_orders_costs_no_more_than_one(
    customer: User, service: Service, django_assert_num_queries: Any, count: int
) -> None:
    for number in range(count):
        order = lose(customer, service)
        measured(order.attempts.get(), 1000, 900)
        hint(order)
        if number < 9:
            candidate(service, 501 + number)
    orders = list(Order.objects.filter(status="uncertain").select_related("provider", "service", "customer"))
    assert len(orders) == count

    with django_assert_num_queries(6):
        gathered = evidence_for(orders)
        for each in gathered:
            assert each.mark
            assert (len(each.hints), len(each.searches)) == (1, 1)
            assert each.fitting
            assert each.calls[0].spending is not None
            assert each.hints[0].order.link == each.order.link
