"""What keeps a queued order from being sent."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.utils import timezone

from catalog.models import Provider, Service
from orders.delaying import Delay, delays_of, is_delayed
from orders.forwarding import due_to_send
from orders.models import Order
from tests.orders.acting import accept, fresh


def hold_back(*, active: bool, halted: bool, paced_seconds: int | None, held: bool) -> None:
    now = timezone.now()
    paced_until = None if paced_seconds is None else now + timedelta(seconds=paced_seconds)
    Provider.objects.update(is_active=active, halted_at=now if halted else None, paced_until=paced_until)
    Service.objects.update(held_text="odd" if held else "")


@pytest.mark.parametrize("how", list(product([True, False], [False, True], [None, -60, 60], [False, True])))
def test_it_is_kept_back_by_what_forwarding_waits_for(order: Order, how: Any) -> None:
    active, halted, paced_seconds, held = how
    hold_back(active=active, halted=halted, paced_seconds=paced_seconds, held=held)
    is_sent = Order.objects.filter(due_to_send(order.provider_id)).exists()
    assert bool(delays_of(fresh(order))) == is_delayed(fresh(order)) == (not is_sent)


def test_all_that_keeps_it_back_is_told(order: Order) -> None:
    hold_back(active=False, halted=True, paced_seconds=60, held=True)
    assert delays_of(fresh(order)) == list(Delay)


@pytest.mark.parametrize("status", sorted(set(Order.Status.values) - {"queued"}))
def test_only_what_is_queued_is_kept_back(order: Order, status: str) -> None:
    accept(order)
    hold_back(active=False, halted=True, paced_seconds=60, held=True)
    order = fresh(order)
    order.status = status
    assert delays_of(order) == []
    assert not is_delayed(order)


@pytest.mark.parametrize(("seconds", "delayed"), [(-5, False), (30, False), (900, True)])
def test_one_that_is_sent_again_later_is_delayed(order: Order, seconds: int, delayed: bool) -> None:
    Order.objects.update(due_at=timezone.now() + timedelta(seconds=seconds))
    assert is_delayed(fresh(order)) == delayed
    assert delays_of(fresh(order)) == []
