"""Settling what is held with a text that was taught a class: as a fresh answer of that class would be.

Each order in its own transaction, conditional on still being held: what a person or a late answer settled
meanwhile is left alone. So is, unless the text means "uncertain", an order that may have been found at the
provider (`orders/tracing.py`): there the evidence is against the text, and a person weighs it. One that is
still searched for waits for that, a while.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog.halting import halt
from catalog.models import Provider, TaughtText
from catalog.teaching import closest_of
from operations.alerting import close_alerts
from operations.models import Alert
from orders.life import Event, locked, note
from orders.matching import Verdict, findings_of
from orders.models import LostAnswer, Order
from orders.outcomes import take_on_anew
from upstream.classing import words_of
from upstream.errors import UnknownText
from upstream.taught import RULE, Meaning, class_by_meaning

State = LostAnswer.State

AT_ONCE = 500
"""Orders settled by one run; the next one goes on with the rest."""

SEARCHED_FOR = timedelta(minutes=10)
"""How long after a call its order waits for the search, for it may wait for a later id for days."""


@dataclass(frozen=True, slots=True)
class Held:
    """A held order, and what its text was taught."""

    order_id: int
    charge: Decimal
    cancel_wanted: bool
    taught: TaughtText
    maybe_found: bool = False
    is_searched_for: bool = False

    @property
    def is_for_a_person(self) -> bool:
        """Whether it is left alone, since it may have been placed whatever the text means."""
        return self.maybe_found and self.taught.meaning != Meaning.UNCERTAIN

    @property
    def waits_for_search(self) -> bool:
        """Whether it is settled later, since the search may still find it."""
        return self.is_searched_for and not self.maybe_found and self.taught.meaning != Meaning.UNCERTAIN


def words_of_held(order: Order) -> str:
    """Return what the provider said to a held order, as taught texts are compared with it."""
    return words_of(order.reason, link=order.link)


def held_with(provider_id: int, rows: Iterable[TaughtText]) -> list[Held]:
    """Return a provider's held orders whose text one of these rows is found in, oldest first."""
    return _looked_for(list(_said_by(provider_id, list(rows))))


def _looked_for(found: Sequence[Held]) -> list[Held]:
    """Return held orders with what the search says of each."""
    order_ids = [held.order_id for held in found]
    # In this order: what a search finds is written before its end is.
    searched = _searched_for(order_ids)
    maybe = _maybe_found(order_ids)
    return [
        replace(held, maybe_found=held.order_id in maybe, is_searched_for=held.order_id in searched)
        for held in found
    ]


def _said_by(provider_id: int, rows: Sequence[TaughtText]) -> Iterator[Held]:
    if not rows:
        return
    orders = Order.objects.filter(provider=provider_id, status=Order.Status.HELD).order_by("id")
    for order in orders.only("charge", "cancel_state", "reason", "link").iterator(chunk_size=500):
        taught = closest_of(words_of_held(order), rows)
        if taught is not None:
            wanted = order.cancel_state == Order.CancelState.WANTED
            yield Held(order_id=order.pk, charge=order.charge, cancel_wanted=wanted, taught=taught)


def _searched_for(order_ids: Sequence[int]) -> set[int]:
    """Return the orders of which a search goes on for a call that ended not long ago."""
    under_way = LostAnswer.objects.filter(
        Q(state=State.SEARCHING) | Q(state=State.WAITING, due_at__isnull=False),
        attempt__provider_order_id="",
        attempt__ended_at__gt=timezone.now() - SEARCHED_FOR,
    )
    found: set[int] = set()
    for start in range(0, len(order_ids), AT_ONCE):
        chunk = under_way.filter(attempt__order__in=order_ids[start : start + AT_ONCE])
        found.update(chunk.values_list("attempt__order", flat=True))
    return found


def _maybe_found(order_ids: Sequence[int]) -> set[int]:
    """Return the orders in whose window something was found whose numbers do not speak against them."""
    found = set()
    for start in range(0, len(order_ids), AT_ONCE):
        chunk = order_ids[start : start + AT_ONCE]
        searched = LostAnswer.objects.filter(attempt__order__in=chunk).select_related("attempt__order")
        findings = findings_of(list(searched))
        for lost in searched:
            if any(finding.verdict != Verdict.DIFFERS for finding in findings[lost.pk]):
                found.add(lost.attempt.order_id)
    return found


def would_settle(proposed: TaughtText) -> list[Held]:
    """Return the held orders that a row not saved yet would be read for, those left to a person too."""
    known = TaughtText.objects.filter(provider=proposed.provider_id).exclude(text=proposed.text)
    found = held_with(proposed.provider_id, [*known, proposed])
    return [held for held in found if held.taught is proposed]


def settle_held(provider_id: int, *, first: int = 0, at_most: int = AT_ONCE) -> list[Order]:
    """Settle a provider's held orders whose text was taught, and return them as they are then.

    The order with the id `first` is the first one, else the oldest is.
    """
    rows = TaughtText.objects.filter(provider=provider_id).select_related("taught_by")
    found = held_with(provider_id, rows)
    found = [held for held in found if not held.is_for_a_person and not held.waits_for_search]
    chosen = sorted(found, key=lambda held: (held.order_id != first, held.order_id))[:at_most]
    _halt_first(provider_id, chosen)
    settled = (_settle(held) for held in chosen)
    return [order for order in settled if order is not None]


def _halt_first(provider_id: int, chosen: list[Held]) -> None:
    # Before the first order is queued again: a worker would send it the same moment, to be told the same.
    for held in chosen:
        if held.taught.meaning == TaughtText.Meaning.HALT:
            provider = Provider.objects.defer("key").get(pk=provider_id)
            reason = Order.objects.values_list("reason", flat=True).get(pk=held.order_id)
            halt(provider, rule=RULE, text=reason)
            return


@transaction.atomic
def _settle(held: Held) -> Order | None:
    order = locked(held.order_id)
    if order.status != Order.Status.HELD:
        return None  # settled by a person, or found at the provider, since the list was made
    [held] = _looked_for([held])
    if held.is_for_a_person or held.waits_for_search:
        return None  # something was found since, or is searched for anew
    taught, attempt = held.taught, order.attempts.order_by("-id").first()
    if attempt is None or not TaughtText.objects.filter(pk=taught.pk).exists():
        return None  # forgotten since: what is still held stays so
    said = UnknownText(order.reason, rule=attempt.rule, raw=attempt.answer, http_status=attempt.http_status)
    said.words = words_of_held(order)
    why = f"taught: {taught.text!r} means {taught.meaning}"
    note(order, Event.SETTLED, actor=taught.taught_by, detail=why)
    take_on_anew(order, attempt, class_by_meaning(Meaning(taught.meaning), said))
    close_alerts(Alert.Kind.ORDER_HELD, cause=f"order:{order.pk}")
    return order
