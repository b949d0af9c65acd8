import pytest

from accounts.models import User
from orders.life import Event, locked, move, note
from orders.models import Order, OrderEvent
from tests.factories import place
from tests.orders.acting import fresh, kinds


def test_a_move_sets_what_goes_with_it_and_notes_it(order: Order, olga: User) -> None:
    assert move(order, to="held", event=Event.HELD, actor=olga, detail="why", reason="words", due_at=None)

    kept = fresh(order)
    assert (kept.status, kept.reason, kept.due_at) == ("held", "words", None)
    assert (order.status, order.reason, order.due_at) == ("held", "words", None)
    event = OrderEvent.objects.get(kind="held")
    assert (event.order, event.from_status, event.to_status) == (order, "queued", "held")
    assert (event.actor, event.detail) == (olga, "why")


def test_a_move_is_of_one_order_alone(order: Order) -> None:
    other = place(order.customer, order.service)

    assert move(order, to="sending", event=Event.SENDING)

    assert (fresh(order).status, fresh(other).status) == ("sending", "queued")
    assert OrderEvent.objects.get(kind="sending").detail == ""


def test_a_note_says_only_what_it_was_told(order: Order) -> None:
    note(order, Event.CANCEL_WANTED)

    event = OrderEvent.objects.get(kind=Event.CANCEL_WANTED)
    assert (event.from_status, event.to_status, event.detail) == ("", "", "")
    assert (event.actor, event.amount) == (None, None)


def test_a_move_from_what_is_no_more_changes_nothing(order: Order) -> None:
    stale = fresh(order)
    move(order, to="sending", event=Event.SENDING, due_at=None)

    assert not move(stale, to="held", event=Event.HELD, reason="late")

    kept = fresh(order)
    assert (kept.status, kept.reason) == ("sending", "")
    assert stale.status == "queued"  # what was seen stays what was seen
    assert kinds(order) == ["placed", "sending"]


def test_long_words_are_cut(order: Order) -> None:
    note(order, Event.WAITS, detail="w" * 1000)
    assert len(OrderEvent.objects.get(kind="waits").detail) == 500


def test_an_order_that_is_not_there(order: Order) -> None:
    with pytest.raises(Order.DoesNotExist):
        locked(order.pk + 1)
