"""What is known of orders that wait for a person: the calls made, the money, the search, what was said since.

Gathered for a page of orders at once, in a number of queries that does not grow with it. Nothing here changes
anything; the words are in `templates/admin/orders/order/evidence.html`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.functions import RowNumber

from orders.links import START_LENGTH, LinkStart
from orders.matching import Finding, Verdict, findings_of
from orders.models import Attempt, Candidate, LostAnswer, Order
from upstream.classing import ADD_ROWS

Outcome = Attempt.Outcome

HINTS = frozenset(row.rule for row in ADD_ROWS if row.hints_at_earlier)
"""Rules of answers that a provider gives when it has an order for the link already."""

SHOWN_CALLS = 5
SHOWN_HINTS = 5
MOST_HINTS = 500

REACH = 500
"""How many attempts on either side of one are looked through for what else was bought meanwhile."""


@dataclass(frozen=True, slots=True)
class Spending:
    """How a provider's balance changed around an attempt, in its currency, and what explains it.

    `accepted` is what the orders cost that were placed in between, `lost_beside` how many others were lost;
    None when more attempts were made in between than are looked through.
    """

    expected: Decimal
    difference: Decimal | None
    accepted: Decimal | None = None
    lost_beside: int | None = None

    @property
    def unexplained(self) -> Decimal | None:
        """What is left of the difference: near `expected` if this order was placed, near zero if not."""
        if self.difference is None or self.accepted is None:
            return None
        return self.difference - self.accepted

    @property
    def speaks_for_it(self) -> bool:
        """Whether more than half of what this order would cost is left, which nothing else explains."""
        return self.unexplained is not None and self.unexplained > self.expected / 2


@dataclass(frozen=True, slots=True)
class Call:
    """One `add` call; with the money around it where its answer does not tell."""

    attempt: Attempt
    spending: Spending | None


@dataclass(frozen=True, slots=True)
class Search:
    """How far the search for one lost answer has come, and what it found."""

    lost: LostAnswer
    findings: tuple[Finding, ...]

    @property
    def found_nothing(self) -> bool:
        """Whether all ids were asked about, and none is an order that nothing explains."""
        return self.lost.state == LostAnswer.State.WHOLE and not self.findings

    @property
    def is_of_another_account(self) -> bool:
        """Whether it was sent before the provider's account was changed: what was found then is not shown."""
        return self.lost.attempt.started_at < self.lost.provider.account_since


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a person is shown of an order; calls and hints newest first."""

    order: Order
    calls: tuple[Call, ...]
    searches: tuple[Search, ...]
    hints: tuple[Attempt, ...]

    @property
    def fitting(self) -> list[Candidate]:
        """The candidates that fit this order, smallest id first."""
        fits = {
            finding.candidate.number: finding.candidate
            for search in self.searches
            for finding in search.findings
            if finding.verdict == Verdict.FITS
        }
        return [fits[number] for number in sorted(fits)]

    @property
    def found(self) -> list[Candidate]:
        """All that was found where this order may be, whatever its numbers say."""
        return [finding.candidate for finding in self._findings()]

    @property
    def speaks_for_placed(self) -> bool:
        """Whether a later answer, or the money, speaks for the provider's having the order."""
        spent = any(call.spending is not None and call.spending.speaks_for_it for call in self.calls)
        return bool(self.hints) or spent

    @property
    def calls_of_search(self) -> int:
        """How many calls at most a search makes that a person asks for (`tracing.search_now`)."""
        return len(self.searches) * int(settings.LOST_SEARCH_CALLS)

    @property
    def is_open_ended(self) -> bool:
        """Whether a search goes on until its calls are used up, since no later id is known."""
        return any(search.lost.id_after is None for search in self.searches)

    @property
    def mark(self) -> str:
        """A short text that is another one when something became known that may change a decision.

        How far a search has come is left out, and so is how often a later order was refused: those change
        while a person reads, and say nothing else than before.
        """
        attempts = [call.attempt for call in self.calls]
        known = [
            self.order.status,
            self.order.cancel_state,
            [(attempt.pk, attempt.outcome, attempt.rule) for attempt in attempts],
            [attempt.pk for attempt in attempts if attempt.balance_after_at is not None],
            [_shown(call.spending) for call in self.calls],
            sorted((found.candidate.number, str(found.verdict)) for found in self._findings()),
            sorted((hint.order_id, hint.rule) for hint in self.hints),
        ]
        return hashlib.sha256(repr(known).encode()).hexdigest()[:16]

    def _findings(self) -> list[Finding]:
        return [finding for search in self.searches for finding in search.findings]


def evidence_for(orders: Sequence[Order]) -> list[Evidence]:
    """Return the evidence of each of some orders, in their order."""
    calls, lost_answers, findings = _calls(orders), *_searches(orders)
    hints = _hints(orders, lost_answers)
    return [
        Evidence(
            order=order,
            calls=tuple(calls[order.pk]),
            searches=tuple(
                Search(lost, tuple(findings[lost.pk]))
                for lost in lost_answers
                if lost.attempt.order_id == order.pk
            ),
            hints=tuple(hints[order.pk]),
        )
        for order in orders
    ]


def _shown(spending: Spending | None) -> list[str]:
    """Return the figures of the money around a call that may become others."""
    if spending is None:
        return []
    return [str(spending.difference), str(spending.accepted), str(spending.lost_beside)]


def mark_of(order: Order) -> str:
    """Return the mark of what is known of an order now."""
    return evidence_for([order])[0].mark


def _calls(orders: Sequence[Order]) -> dict[int, list[Call]]:
    place = Window(RowNumber(), partition_by="order", order_by="-pk")
    latest = Attempt.objects.filter(order__in=[order.pk for order in orders]).alias(place=place)
    attempts = list(latest.filter(place__lte=SHOWN_CALLS).order_by("-pk"))
    of = {order.pk: order for order in orders}
    spent = _spendings([attempt for attempt in attempts if attempt.outcome in Attempt.IN_DOUBT], of)
    calls: dict[int, list[Call]] = defaultdict(list)
    for attempt in attempts:
        calls[attempt.order_id].append(Call(attempt, spent.get(attempt.pk)))
    return calls


# --- Money ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Other:
    """An attempt of ours that may have cost something between two readings of a balance."""

    provider_id: int
    order_id: int
    outcome: str
    ended_at: datetime
    cost: Decimal
    quantity: int

    def ended_within(self, attempt: Attempt) -> bool:
        before, after = attempt.balance_before_at, attempt.balance_after_at
        if before is None or after is None or self.provider_id != attempt.provider_id:
            return False
        return before < self.ended_at <= after and self.order_id != attempt.order_id


def _spendings(lost: Sequence[Attempt], orders: dict[int, Order]) -> dict[int, Spending]:
    near = _within_reach(lost)
    others = _others([attempt for attempt in lost if attempt.pk in near])
    spendings = {}
    for attempt in lost:
        order = orders[attempt.order_id]
        expected = _cost(order.cost, order.quantity)
        if attempt.pk in near:
            spendings[attempt.pk] = _spending(attempt, expected, others)
        else:
            spendings[attempt.pk] = Spending(expected=expected, difference=_difference(attempt))
    return spendings


def _spending(attempt: Attempt, expected: Decimal, others: Iterable[_Other]) -> Spending:
    between = [other for other in others if other.ended_within(attempt)]
    placed = [_cost(other.cost, other.quantity) for other in between if other.outcome == Outcome.PLACED]
    return Spending(
        expected=expected,
        difference=_difference(attempt),
        accepted=sum(placed, Decimal(0)),
        lost_beside=len({other.order_id for other in between if other.outcome in Attempt.IN_DOUBT}),
    )


def _cost(cost: Decimal, quantity: int) -> Decimal:
    return cost * quantity / 1000


def _difference(attempt: Attempt) -> Decimal | None:
    if attempt.balance_before is None or attempt.balance_after is None:
        return None
    return attempt.balance_before - attempt.balance_after


def _within_reach(lost: Sequence[Attempt]) -> set[int]:
    """Return which of some attempts have both readings less than `REACH` attempts away."""
    provider = Attempt.objects.filter(provider=OuterRef("provider"))
    before = provider.filter(pk__lte=OuterRef("pk") - REACH).order_by("-pk").values("ended_at")
    after = provider.filter(pk__gte=OuterRef("pk") + REACH).order_by("pk").values("started_at")
    measured = Attempt.objects.filter(pk__in=[attempt.pk for attempt in lost]).alias(
        ended_far_before=Subquery(before[:1]), began_far_after=Subquery(after[:1])
    )
    near = measured.filter(
        Q(ended_far_before=None) | Q(ended_far_before__lte=F("balance_before_at")),
        Q(began_far_after=None) | Q(began_far_after__gt=F("balance_after_at")),
    )
    return set(near.filter(balance_before_at__lt=F("balance_after_at")).values_list("pk", flat=True))


def _others(lost: Sequence[Attempt]) -> list[_Other]:
    """Return what ended between the readings of any of some attempts; each meets the provider's index."""
    windows = Q(pk__in=[])
    for attempt in lost:
        windows |= Q(
            provider=attempt.provider_id,
            pk__gt=attempt.pk - REACH,
            pk__lt=attempt.pk + REACH,
            ended_at__gt=attempt.balance_before_at,
            ended_at__lte=attempt.balance_after_at,
        )
    rows = Attempt.objects.filter(windows, outcome__in=[Outcome.PLACED, *Attempt.IN_DOUBT]).values_list(
        *("provider_id", "order_id", "outcome", "ended_at", "order__cost", "order__quantity"), named=False
    )
    return [_Other(*row) for row in rows]


# --- What was found, and what was said since --------------------------------------------------------------


def lost_answers_of(orders: Sequence[Order]) -> QuerySet[LostAnswer]:
    """Return the answers of some orders that were lost, and that no id explains yet; newest first."""
    lost = LostAnswer.objects.filter(attempt__order__in=[order.pk for order in orders])
    return lost.filter(attempt__provider_order_id="").order_by("-pk")


def _searches(orders: Sequence[Order]) -> tuple[list[LostAnswer], dict[int, list[Finding]]]:
    searched = lost_answers_of(orders).select_related("attempt__order", "provider")
    lost_answers = list(searched.defer("provider__key"))
    return lost_answers, findings_of(lost_answers)


def _hints(orders: Sequence[Order], lost_answers: Sequence[LostAnswer]) -> dict[int, list[Attempt]]:
    """Return the later answers, one of each order, that the provider has an order for the link already."""
    since: dict[int, int] = {}
    for lost in lost_answers:
        since[lost.attempt.order_id] = min(lost.attempt_id, since.get(lost.attempt.order_id, lost.attempt_id))
    asked = [order for order in orders if order.pk in since]
    said = _said_since(asked, since) if asked else []
    hints: dict[int, list[Attempt]] = defaultdict(list)
    for order in asked:
        about = [attempt for attempt in said if _is_about(attempt, order) and attempt.pk > since[order.pk]]
        hints[order.pk] = about[:SHOWN_HINTS]
    return hints


def _said_since(orders: Sequence[Order], since: dict[int, int]) -> list[Attempt]:
    place = Window(RowNumber(), partition_by="order", order_by="-pk")
    said = Attempt.objects.alias(link_start=LinkStart("order__link"), place=place).filter(
        rule__in=HINTS,
        pk__gt=min(since.values()),
        provider__in={order.provider_id for order in orders},
        link_start__in={order.link[:START_LENGTH] for order in orders},
        place=1,
    )
    return list(said.select_related("order").order_by("-pk")[:MOST_HINTS])


def _is_about(attempt: Attempt, order: Order) -> bool:
    return attempt.provider_id == order.provider_id and attempt.order.link == order.link
