"""What a candidate's numbers say of a lost order, and which candidate is surely whose."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from catalog.models import Provider, Service
from orders.matching import Verdict, findings_of, lies_in, sure_matches, verdict_on
from orders.models import Attempt, Candidate, LostAnswer, Order
from tests.factories import make_provider, make_service, place
from tests.orders import losses
from tests.orders.acting import accept
from tests.orders.losses import NOON, lose

FITS, COULD_FIT, DIFFERS = Verdict.FITS, Verdict.COULD_FIT, Verdict.DIFFERS


def candidate(
    charge: str | None, status: str = "pending", remains: int | None = 333, **more: bool
) -> Candidate:
    return Candidate(
        number=7,
        status_text=status,
        charge=None if charge is None else Decimal(charge),
        remains=remains,
        **more,
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        # 333 at 27.819 per 1000 are 9.263727; each provider rounds in its own manner.
        (candidate("9.26373"), FITS),
        (candidate("9.26372"), FITS),
        (candidate("9.2637"), FITS),
        (candidate("9.2638"), FITS),
        (candidate("9.264"), FITS),
        (candidate("9.27"), FITS),
        (candidate("9.26"), FITS),
        (candidate("9.26374"), DIFFERS),
        (candidate("9.3"), DIFFERS),
        (candidate("9.25"), DIFFERS),
        (candidate("0.01"), DIFFERS),
        # Nothing is delivered yet: all of it remains.
        (candidate("9.26", remains=332), DIFFERS),
        (candidate("9.26", remains=None), FITS),
        (candidate("9.26", "in_progress", 12), FITS),
        (candidate("9.26", "in_progress", 333), FITS),
        (candidate("9.26", "in_progress", 334), DIFFERS),
        (candidate("9.26", "completed", 0), FITS),
        # An early end lowers the charge.
        (candidate("4.63", "partial", 100), COULD_FIT),
        (candidate("0", "canceled", 333), COULD_FIT),
        (candidate("9.27", "partial", 100), COULD_FIT),
        (candidate("9.28", "partial", 100), DIFFERS),
        # What is not said, or said in other money, tells nothing.
        (candidate(None), COULD_FIT),
        (candidate("9.26", is_foreign=True), COULD_FIT),
    ],
)
def test_a_candidate_is_told_by_charge_and_remains(found: Candidate, verdict: Verdict) -> None:
    assert verdict_on(found, Order(cost=Decimal("27.819"), quantity=333)) == verdict


@pytest.mark.parametrize(
    ("before", "after", "inside"),
    [
        (10, 20, [11, 19]),
        (10, None, [11, 10**9]),
        (None, 20, [1, 19]),
        (None, None, [1, 10**9]),
    ],
)
def test_a_window_leaves_its_bounds_out(before: int | None, after: int | None, inside: list[int]) -> None:
    lost = LostAnswer(id_before=before, id_after=after)
    assert all(lies_in(number, lost) for number in inside)
    assert not any(lies_in(number, lost) for number in (before, after) if number is not None)


# --- What lies in which window ----------------------------------------------------------------------------


def lost_of(order: Order) -> LostAnswer:
    return LostAnswer.objects.select_related("attempt__order").get(attempt__order=order)


def found(*orders: Order) -> list[list[int]]:
    """Return the ids found for each of some orders that are looked at together."""
    lost_answers = [lost_of(order) for order in orders]
    findings = findings_of(lost_answers)
    return [[finding.candidate.number for finding in findings[lost.pk]] for lost in lost_answers]


def change(order: Order, **fields: Any) -> None:
    LostAnswer.objects.filter(attempt__order=order).update(**fields)


def test_each_provider_has_its_own_candidates(customer: User, service: Service) -> None:
    elsewhere = make_service(make_provider())
    here, there = lose(customer, service), lose(customer, elsewhere)
    losses.candidate(service, 503)
    losses.candidate(elsewhere, 504)
    assert found(here, there) == [[503], [504]]


def test_an_order_elsewhere_with_the_same_id_does_not_explain_it(customer: User, service: Service) -> None:
    lost = lose(customer, service)
    losses.candidate(service, 503)
    accept(place(customer, make_service()), "503")
    assert found(lost) == [[503]]


def test_without_a_window_nothing_is_found(customer: User, service: Service) -> None:
    losses.candidate(service, 503)
    assert found(lose(customer, service, state="impossible")) == [[]]


def test_a_window_without_an_end_is_looked_at_beside_one_that_has_one(
    customer: User, service: Service
) -> None:
    one, open_ended = lose(customer, service), lose(customer, service)
    change(open_ended, id_after=None)
    losses.candidate(service, 503)
    losses.candidate(service, 900)
    assert found(one, open_ended) == [[503], [503, 900]]


def test_what_lies_outside_of_all_windows_takes_no_place(
    customer: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.matching.MOST", 2)
    lost = lose(customer, service)
    for number in (400, 401, 503):
        losses.candidate(service, number)
    assert found(lost) == [[503]]


def test_where_too_much_lies_between_two_windows_each_is_looked_at_alone(
    customer: User, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.matching.MOST", 2)
    one, far_away = lose(customer, service), lose(customer, service)
    change(far_away, id_before=900, id_after=910)
    for number in (503, 600, 601, 903):
        losses.candidate(service, number)
    assert found(one, far_away) == [[503], [903]]


# --- What is sure -----------------------------------------------------------------------------------------


@pytest.fixture
def account(provider: Provider) -> Provider:
    """The provider, at whose account everything was lost."""
    Provider.objects.filter(pk=provider.pk).update(account_since=NOON)
    return provider


def sure(provider: Provider) -> list[tuple[Order, int]]:
    return [(lost.attempt.order, candidate.number) for lost, candidate in sure_matches(provider.pk)]


@pytest.fixture
def lost(customer: User, service: Service, account: Provider) -> Order:
    """Alice's order, searched for in full; 503 was found, which fits it."""
    losses.candidate(service, 503)
    return lose(customer, service)


def test_what_fits_nothing_else_is_sure(
    lost: Order, account: Provider, service: Service, django_assert_num_queries: Any
) -> None:
    another = lose(lost.customer, service, quantity=2000)
    losses.candidate(service, 504, charge=Decimal(200), remains=2000)
    with django_assert_num_queries(3):
        assert sorted(sure(account), key=str) == [(lost, 503), (another, 504)]


def test_one_that_waits_for_nobody_any_more_is_left_alone(lost: Order, account: Provider) -> None:
    Order.objects.filter(pk=lost.pk).update(status="queued")
    assert sure(account) == []


def test_one_that_was_lost_at_another_account_is_left_alone(lost: Order, account: Provider) -> None:
    Provider.objects.filter(pk=account.pk).update(account_since=NOON + timedelta(seconds=1))
    assert sure(account) == []


def test_one_that_was_lost_at_another_provider_is_no_rival(lost: Order, account: Provider) -> None:
    lose(lost.customer, make_service(make_provider(account_since=NOON)))
    assert sure(account) == [(lost, 503)]


def test_one_whose_id_is_known_is_no_rival(lost: Order, account: Provider, service: Service) -> None:
    known = lose(lost.customer, service)
    assert sure(account) == []
    Attempt.objects.filter(order=known).update(provider_order_id="502")
    assert sure(account) == [(lost, 503)]


@pytest.mark.parametrize(("before", "after"), [(100, 110), (900, 910)])
def test_one_far_away_is_not_looked_at(
    lost: Order, account: Provider, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    monkeypatch.setattr("orders.matching.MOST", 2)
    change(lose(lost.customer, lost.service, state="stopped"), id_before=before, id_after=after)
    assert sure(account) == [(lost, 503)]


def test_of_too_many_those_searched_for_last_come_first(
    lost: Order, account: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.matching.AT_ONCE", 1)
    another = lose(lost.customer, lost.service, quantity=2000)
    losses.candidate(lost.service, 504, charge=Decimal(200), remains=2000)
    change(lost, searched_at=NOON + timedelta(hours=1))
    change(another, searched_at=NOON)
    assert sure(account) == [(lost, 503)]
