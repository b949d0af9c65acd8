"""Between which ids a lost order lies, told from the calls made before and after it."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from catalog.models import Provider
from orders.models import Attempt, LostAnswer, Order
from orders.windows import NoWindow, Window, window_of
from tests.factories import make_provider
from tests.orders.losses import NOON

pytestmark = pytest.mark.tampers  # the calls are written without orders that have their ids

UNCERTAIN, UNDER_WAY = "uncertain", ""


@pytest.fixture(autouse=True)
def _no_margin(settings: Any) -> None:
    settings.LOST_ANSWER_MARGIN_SECONDS = 0


@pytest.fixture
def call(order: Order) -> Callable[..., Attempt]:
    """Write a call that took ten seconds, a minute after the one before it; it was placed if it has an id.

    None begins before it has ended, unless `last_seen` says so. The provider's account is the first call's.
    """
    Provider.objects.filter(pk=order.provider_id).update(account_since=NOON)
    minutes = itertools.count()

    def call(number: int | None = None, outcome: str = "placed", **fields: Any) -> Attempt:
        at = NOON + timedelta(minutes=next(minutes))
        plain = {"started_at": at, "ended_at": at + timedelta(seconds=10), "lease_until": at}
        plain |= {"provider_id": order.provider_id, "provider_order_id": str(number or "")}
        attempt = Attempt.objects.create(order=order, outcome=outcome, **plain | fields)
        return attempt if "last_seen" in fields else _begun_before_it_ended(attempt, attempt)

    return call


def _begun_before_it_ended(attempt: Attempt, latest: Attempt) -> Attempt:
    attempt.last_seen = latest.pk
    attempt.save()
    return attempt


def window(lost: Attempt) -> Window:
    row = LostAnswer.objects.create(attempt=lost, provider_id=lost.provider_id)
    return window_of(LostAnswer.objects.select_related("attempt__provider", "provider").get(pk=row.pk))


def test_it_lies_between_the_nearest_ids(call: Callable[..., Attempt]) -> None:
    call(500), call(501)
    lost = call(outcome=UNCERTAIN)
    call(505), call(509)
    assert window(lost) == Window(501, 505)


def test_the_ids_of_another_provider_tell_nothing(call: Callable[..., Attempt]) -> None:
    other = make_provider(account_since=NOON).pk
    call(500), call(503, provider_id=other)
    lost = call(outcome=UNCERTAIN)
    call(504, provider_id=other), call(510)
    assert window(lost) == Window(500, 510)


def test_the_ids_of_the_account_before_tell_nothing(call: Callable[..., Attempt]) -> None:
    call(500, started_at=NOON - timedelta(seconds=1))
    with pytest.raises(NoWindow) as none:
        window(call(outcome=UNCERTAIN))
    assert none.value.why == "no_id_before"


def test_what_began_with_the_account_is_its_own(call: Callable[..., Attempt]) -> None:
    call(500)
    assert window(call(outcome=UNCERTAIN, started_at=NOON)) == Window(500, None)


def test_what_ended_after_it_began_does_not_bound_it_from_below(call: Callable[..., Attempt]) -> None:
    call(500)
    beside = call(505)
    lost = call(outcome=UNCERTAIN)
    _begun_before_it_ended(beside, lost)
    assert window(lost) == Window(500, None)


def test_a_later_one_of_which_nobody_knows_what_it_overlaps_does_not_bound_it(
    call: Callable[..., Attempt],
) -> None:
    call(500)
    lost = call(outcome=UNCERTAIN)
    call(505, last_seen=None)
    assert window(lost) == Window(500, None)


@pytest.mark.parametrize("unknown", ["last_seen", "ended_at"])
def test_nothing_is_later_than_one_whose_end_is_not_known(call: Callable[..., Attempt], unknown: str) -> None:
    call(500)
    lost = call(outcome=UNCERTAIN, **{unknown: None})
    call(505)
    assert window(lost) == Window(500, None)


def test_ids_of_calls_side_by_side_need_not_grow(call: Callable[..., Attempt]) -> None:
    one = call(505)
    _begun_before_it_ended(one, call(504))
    assert window(call(outcome=UNCERTAIN)) == Window(505, None)


def test_an_id_that_was_given_twice_is_not_smaller(call: Callable[..., Attempt]) -> None:
    call(500), call(500)
    assert window(call(outcome=UNCERTAIN)) == Window(500, None)


def test_ids_that_did_not_grow_fifty_orders_ago_do_not_matter(call: Callable[..., Attempt]) -> None:
    call(900)
    for number in range(500, 550):
        call(number)
    assert window(call(outcome=UNCERTAIN)) == Window(549, None)


def test_it_waits_for_what_began_before_the_later_one_had_ended(call: Callable[..., Attempt]) -> None:
    call(500)
    lost, later = call(outcome=UNCERTAIN), call(505)
    _begun_before_it_ended(later, call(outcome=UNDER_WAY))
    assert window(lost) == Window(500, None)


def test_it_waits_for_nothing_that_began_after_that(call: Callable[..., Attempt]) -> None:
    call(500)
    lost = call(outcome=UNCERTAIN)
    call(505), call(outcome=UNDER_WAY)
    assert window(lost) == Window(500, 505)


def test_it_waits_for_nothing_at_another_provider(call: Callable[..., Attempt]) -> None:
    call(500)
    lost = call(outcome=UNCERTAIN)
    call(outcome=UNDER_WAY, provider_id=make_provider().pk), call(505)
    assert window(lost) == Window(500, 505)
