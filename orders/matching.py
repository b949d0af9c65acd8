"""Which of the orders found at a provider is the one whose answer was lost.

A candidate is told by its charge, and by its remains while nothing of it was delivered (`design.md`, "Calls
to a provider"). Nothing here changes anything.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from functools import lru_cache

from django.db import models
from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from orders.models import Attempt, Candidate, LostAnswer, Order
from upstream.answers import Status

MOST = 1000
"""How many candidates, and how many lost answers beside them, are looked at together."""

AT_ONCE = 200
"""How many lost answers are matched at once."""

PRINTED_DECIMALS = (5, 4, 3, 2)
"""To how many decimals providers round a charge, each in its own manner."""

ENDED_EARLY = frozenset({Status.PARTIAL, Status.CANCELED})
"""Ends that lower the charge: it no longer tells whose the order is."""


class Verdict(models.TextChoices):
    """What a candidate's numbers say of a lost order."""

    FITS = "fits", _("fits")
    COULD_FIT = "could_fit", _("could fit: its numbers do not tell any more")
    DIFFERS = "differs", _("differs")


@dataclass(frozen=True, slots=True)
class Finding:
    """A candidate within a lost order's window, and what its numbers say."""

    candidate: Candidate
    verdict: Verdict


def findings_of(lost_answers: Sequence[LostAnswer]) -> dict[int, list[Finding]]:
    """Return what lies in each lost answer's window, by the lost answer's id, smallest provider's id first.

    The lost answers come with their attempts and orders. Each provider among them costs one query.
    """
    found: dict[int, list[Finding]] = {lost.pk: [] for lost in lost_answers}
    for provider_id in {lost.provider_id for lost in lost_answers}:
        windows = [lost for lost in lost_answers if lost.provider_id == provider_id and lost.id_before]
        for lost, candidate in _inside(provider_id, windows):
            found[lost.pk].append(Finding(candidate, verdict_on(candidate, lost.attempt.order)))
    return found


def _inside(provider_id: int, windows: Sequence[LostAnswer]) -> Iterator[tuple[LostAnswer, Candidate]]:
    """Yield what lies in each window; asked for window by window where there is too much for all at once."""
    candidates = _unexplained(provider_id, windows) if windows else []
    if len(candidates) >= MOST and len(windows) > 1:
        for lost in windows:
            yield from ((lost, candidate) for candidate in _unexplained(provider_id, [lost]))
        return
    for candidate in candidates:
        yield from ((lost, candidate) for lost in windows if lies_in(candidate.number, lost))


def sure_matches(provider_id: int) -> list[tuple[LostAnswer, Candidate]]:
    """Return the pairs of a lost answer and a candidate that fit each other and nothing else.

    A candidate that ended early could be anybody's, and keeps no other from being sure.
    Only of windows that were searched whole, and in which every candidate fits some lost answer of ours: one
    that fits none is another system's, and then the account is not ours alone. None at all where there is
    more to compare than `MOST`.
    """
    whole = _whole_and_waiting(provider_id)
    if not whole:
        return []
    lost_answers, candidates = _rivals(provider_id, whole), _unexplained(provider_id, whole)
    if max(len(lost_answers), len(candidates)) >= MOST:
        return []  # what was not looked at could fit as well
    fitting = {candidate.pk: _fitting(candidate, lost_answers) for candidate in candidates}
    pairs = []
    for lost in whole:
        inside = [candidate for candidate in candidates if lies_in(candidate.number, lost)]
        fits = [candidate for candidate in inside if _fits(candidate, lost)]
        alone = len(fits) == 1 and fitting[fits[0].pk] == [lost]
        if alone and all(fitting[candidate.pk] for candidate in inside):
            pairs.append((lost, fits[0]))
    return pairs


def other_with(provider_order_id: str, *, order: Order) -> int | None:
    """Return the number of another order that has this id at the provider, or of whose call it is told.

    The id of a call whose order was settled otherwise, or sent again, stands on its attempt alone.
    """
    by_id = {"provider": order.provider_id, "provider_order_id": provider_order_id}
    orders = Order.objects.filter(**by_id).exclude(pk=order.pk).values_list("pk", flat=True)
    calls = Attempt.objects.filter(**by_id).exclude(order=order).values_list("order", flat=True)
    return next((found for rows in (orders, calls) for found in rows[:1]), None)


def ids_known(provider_id: int, ids: Sequence[str]) -> set[str]:
    """Return which of these ids at a provider an order or a call of ours has."""
    found = {"provider": provider_id, "provider_order_id__in": ids}
    orders = Order.objects.filter(**found).values_list("provider_order_id", flat=True)
    attempts = Attempt.objects.filter(**found).values_list("provider_order_id", flat=True)
    return {each for each in (*orders, *attempts) if each is not None}


def lies_in(number: int, lost: LostAnswer) -> bool:
    """Tell whether an id may be that of a lost order, as far as its window is known."""
    above = lost.id_before is None or number > lost.id_before
    return above and (lost.id_after is None or number < lost.id_after)


def verdict_on(candidate: Candidate, order: Order) -> Verdict:
    """Return what a candidate's charge and remains say of an order."""
    charge, expected = candidate.charge, order.cost * order.quantity / 1000
    if candidate.is_foreign or charge is None:
        return Verdict.COULD_FIT
    if candidate.status_text in ENDED_EARLY:
        return Verdict.COULD_FIT if charge <= _rounded(expected, 2, ROUND_UP) else Verdict.DIFFERS
    same_charge = charge in _printed(expected)
    return Verdict.FITS if same_charge and _remains_fit(candidate, order) else Verdict.DIFFERS


@lru_cache(maxsize=MOST)
def _printed(expected: Decimal) -> frozenset[Decimal]:
    """Return the ways in which providers print a charge; kept, since each meets many candidates."""
    return frozenset(
        _rounded(expected, decimals, rounding)
        for decimals in PRINTED_DECIMALS
        for rounding in (ROUND_HALF_UP, ROUND_UP, ROUND_DOWN)
    )


def _rounded(amount: Decimal, decimals: int, rounding: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding)


def _remains_fit(candidate: Candidate, order: Order) -> bool:
    if candidate.remains is None:
        return True
    if candidate.status_text == Status.PENDING:
        return candidate.remains == order.quantity
    return candidate.remains <= order.quantity


def _fits(candidate: Candidate, lost: LostAnswer) -> bool:
    return verdict_on(candidate, lost.attempt.order) == Verdict.FITS


def _fitting(candidate: Candidate, lost_answers: Iterable[LostAnswer]) -> list[LostAnswer]:
    return [
        lost
        for lost in lost_answers
        if lies_in(candidate.number, lost) and verdict_on(candidate, lost.attempt.order) != Verdict.DIFFERS
    ]


def _unexplained_losses(provider_id: int) -> QuerySet[LostAnswer]:
    """Return the lost answers whose id nobody knows."""
    lost = LostAnswer.objects.filter(provider=provider_id, attempt__provider_order_id="")
    return lost.select_related("attempt__order")


def _whole_and_waiting(provider_id: int) -> list[LostAnswer]:
    """Return those of this account that were searched whole and wait for a person, the latest ones first."""
    whole = _unexplained_losses(provider_id).filter(
        state=LostAnswer.State.WHOLE,
        attempt__order__status__in=Order.FOR_A_PERSON,
        attempt__started_at__gte=F("provider__account_since"),
    )
    return list(whole.order_by("-searched_at", "-pk")[:AT_ONCE])


def _rivals(provider_id: int, whole: Sequence[LostAnswer]) -> list[LostAnswer]:
    """Return all whose windows overlap these, settled ones too: what was found may be theirs."""
    low = min(lost.id_before or 0 for lost in whole)
    high = max(lost.id_after or 0 for lost in whole)
    overlapping = _unexplained_losses(provider_id).filter(
        Q(id_after=None) | Q(id_after__gt=low), Q(id_before=None) | Q(id_before__lt=high)
    )
    return list(overlapping.order_by("-pk")[:MOST])


def _unexplained(provider_id: int, windows: Sequence[LostAnswer]) -> list[Candidate]:
    """Return the candidates within the outermost bounds of some windows that no order or call of ours has."""
    by_id = {"provider": OuterRef("provider"), "provider_order_id": Cast(OuterRef("number"), CharField())}
    # What was seen before the account was changed is another account's.
    within = Candidate.objects.filter(
        ~Exists(Order.objects.filter(**by_id)),
        ~Exists(Attempt.objects.filter(**by_id)),
        provider=provider_id,
        seen_at__gte=F("provider__account_since"),
    )
    within = within.filter(number__gt=min(lost.id_before or 0 for lost in windows))
    highs = [lost.id_after for lost in windows]
    if None not in highs:
        within = within.filter(number__lt=max(high for high in highs if high is not None))
    return list(within.order_by("number")[:MOST])
