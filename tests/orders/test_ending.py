"""Orders that their provider never ends in a way that can be read, ended by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from accounts.models import User
from operations.alerting import raise_alert
from operations.models import Alert
from orders import ending
from orders.ending import seen_of, settle_end
from orders.errors import NotForEnding, RemainsOutOfBounds
from orders.models import Order, OrderEvent
from orders.polling import record_answer
from tests.interrupting import Died
from tests.orders.acting import accept, fault, fresh, held_by, kinds, refunds, said
from tests.orders.test_races import together, unguarded_move
from upstream.errors import OrderUnknown

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def stuck(order: Order) -> Order:
    """Alice's order, of which the provider says nothing readable, with an alert that says so."""
    accept(order, "77")
    Order.objects.update(status="in_progress")
    raise_alert(Alert.Kind.ORDER_UNREADABLE, cause=f"order:{order.pk}", text="…")
    return fresh(order)


def end(order: Order, actor: User, status: str, remains: int | None = None, **more: str) -> Order:
    about = {"seen": "in_progress None None", "why": "it is gone", **more}
    return settle_end(order.pk, status=status, remains=remains, actor=actor, **about)


@pytest.mark.parametrize(
    ("status", "remains", "back", "left"),
    [
        ("completed", None, [], 0),
        ("partial", 300, [39], 300),
        ("partial", 1, [Decimal("0.13")], 1),
        ("canceled", None, [130], None),
    ],
)
def test_it_ends_and_gives_back_what_that_end_owes(
    stuck: Order, olga: User, status: str, remains: int | None, back: list[Any], left: int | None
) -> None:
    end(stuck, olga, status, remains)

    order = fresh(stuck)
    assert (order.status, order.remains, order.is_ended) == (status, left, True)
    assert refunds(order) == back
    assert held_by(order.customer) == 870 + sum(refunds(order))
    event = OrderEvent.objects.get(order=order, kind="settled")
    assert (event.actor, event.detail) == (olga, "it is gone")
    assert (event.from_status, event.to_status) == ("in_progress", status)
    given_back = order.events.filter(kind="refunded")
    assert {(event.actor, event.detail) for event in given_back} <= {(olga, "it is gone")}
    assert not Alert.objects.filter(closed_at=None).exists()


@pytest.mark.parametrize("status", sorted(Order.OPEN_UPSTREAM))
def test_from_whatever_the_provider_had_it_as(stuck: Order, olga: User, status: str) -> None:
    Order.objects.update(status=status)
    end(stuck, olga, "canceled", seen=f"{status} None None")
    assert (fresh(stuck).status, refunds(stuck)) == ("canceled", [130])


@pytest.mark.parametrize("status", sorted(set(Order.Status.values) - Order.OPEN_UPSTREAM - Order.ENDED))
def test_what_the_provider_does_not_have_is_not_ended_so(order: Order, olga: User, status: str) -> None:
    Order.objects.update(status=status)
    with pytest.raises(NotForEnding):
        end(order, olga, "canceled", seen=f"{status} None None")
    assert (fresh(order).status, kinds(order), refunds(order)) == (status, ["placed"], [])


@pytest.mark.parametrize("remains", [None, 0, -1, 1000, 1001])
def test_a_partial_end_has_a_part_left(stuck: Order, olga: User, remains: int | None) -> None:
    with pytest.raises(RemainsOutOfBounds):
        end(stuck, olga, "partial", remains)
    assert (fresh(stuck).status, kinds(stuck), refunds(stuck)) == ("in_progress", ["placed"], [])
    assert Alert.objects.filter(closed_at=None).exists()


def test_what_is_no_end_is_refused(stuck: Order, olga: User) -> None:
    with pytest.raises(ValueError, match="no end"):
        end(stuck, olga, "queued")
    assert fresh(stuck).status == "in_progress"


# --- What the provider says later -------------------------------------------------------------------------


def test_completed_by_hand_and_partial_later_is_refunded_once(stuck: Order, olga: User) -> None:
    end(stuck, olga, "completed")
    for _ in range(3):
        record_answer(stuck.pk, said("partial", remains=300))
    assert (fresh(stuck).status, refunds(stuck), held_by(stuck.customer)) == ("partial", [39], 909)


def test_canceled_by_hand_and_completed_later_changes_nothing(stuck: Order, olga: User) -> None:
    end(stuck, olga, "canceled")
    record_answer(stuck.pk, said("completed", remains=0))
    assert (fresh(stuck).status, refunds(stuck), held_by(stuck.customer)) == ("canceled", [130], 1000)


@pytest.mark.parametrize(
    ("later", "remains", "back"),
    [
        ("completed", 0, [39]),
        ("partial", 200, [39]),
        ("partial", 500, [39, 26]),
        ("canceled", 1000, [39, 91]),
        ("in_progress", 900, [39]),
    ],
)
def test_partial_by_hand_gives_back_more_and_takes_nothing(
    stuck: Order, olga: User, later: str, remains: int, back: list[int]
) -> None:
    end(stuck, olga, "partial", 300)
    for _ in range(2):
        record_answer(stuck.pk, said(later, remains=remains))
    assert (refunds(stuck), fresh(stuck).refunded) == (back, sum(back))


def test_it_is_asked_about_a_few_times_more(stuck: Order, olga: User, settings: Any) -> None:
    settings.RECHECK_ENDED_SECONDS = [3600, 86_400]
    with time_machine.travel(NOW, tick=False):
        end(stuck, olga, "completed")
    assert fresh(stuck).due_at == NOW + timedelta(hours=1)
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        record_answer(stuck.pk, fault(OrderUnknown, "Invalid order ID", rule="order_unknown"))
    assert fresh(stuck).due_at == NOW + timedelta(days=1)


def test_with_everything_given_back_nothing_more_is_asked(stuck: Order, olga: User) -> None:
    end(stuck, olga, "canceled")
    assert fresh(stuck).due_at is None


def test_it_ends_with_its_refund_or_not_at_all(
    stuck: Order, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refund_up_to(*_: object, **__: object) -> Decimal:
        raise Died

    monkeypatch.setattr(ending, "refund_up_to", refund_up_to)
    with pytest.raises(Died):
        end(stuck, olga, "canceled")
    assert (fresh(stuck).status, kinds(stuck), refunds(stuck)) == ("in_progress", ["placed"], [])


# --- Who was first ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [said("completed", remains=0), said("processing"), said("partial", remains=900)]
)
def test_what_the_provider_said_meanwhile_comes_first(stuck: Order, olga: User, answer: Any) -> None:
    record_answer(stuck.pk, answer)
    before, given = fresh(stuck), refunds(stuck)

    with pytest.raises(NotForEnding):
        end(stuck, olga, "canceled")

    assert (fresh(stuck).status, refunds(stuck)) == (before.status, given)
    assert "settled" not in kinds(stuck)


@pytest.mark.parametrize("news", [{"remains": 10}, {"provider_charge": Decimal(1)}])
def test_what_it_said_meanwhile_of_what_is_left_comes_first(
    stuck: Order, olga: User, news: dict[str, Any]
) -> None:
    Order.objects.update(remains=900, provider_charge=Decimal(9))
    seen = seen_of(fresh(stuck))
    Order.objects.update(**news)

    with pytest.raises(NotForEnding):
        end(stuck, olga, "partial", 900, seen=seen)

    assert (fresh(stuck).status, refunds(stuck)) == ("in_progress", [])
    end(stuck, olga, "partial", 10, seen=seen_of(fresh(stuck)))
    assert fresh(stuck).status == "partial"


def test_control_without_the_look_under_the_lock_a_completed_order_is_refunded(
    stuck: Order, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = fresh(stuck)
    record_answer(stuck.pk, said("completed", remains=0))
    monkeypatch.setattr(ending, "locked", lambda _: stale)
    monkeypatch.setattr(ending, "move", unguarded_move)

    end(stuck, olga, "canceled")

    assert (fresh(stuck).status, refunds(stuck)) == ("canceled", [130])


@pytest.mark.django_db(transaction=True)
def test_of_two_people_and_a_poller_one_ends_it(
    stuck: Order, olga: User, boris: User, tasks: list[Any]
) -> None:
    came_of = together(
        lambda: end(stuck, olga, "canceled"),
        lambda: end(stuck, boris, "partial", 300),
        lambda: record_answer(stuck.pk, said("completed", remains=0)),
    )

    ended = [each for each in came_of if isinstance(each, Order)]
    refused = [each for each in came_of if isinstance(each, NotForEnding)]
    assert len(ended) <= 1
    assert len(ended) + len(refused) == 2
    assert kinds(stuck).count("settled") == len(ended)
    assert sum(refunds(stuck)) == fresh(stuck).refunded
