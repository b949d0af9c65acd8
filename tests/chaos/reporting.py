"""The counts of a run, as a table."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.breaking import Breaker
from tests.chaos.comparing import Evidence, Lost

_CALL = re.compile(r"^(?:POST|GET) ([a-z]+) (\d+|no answer)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the parts of a run took, in seconds: ordering, sending the rest, and all that follows."""

    ordering: float
    sending: float
    settling: float


def table(
    evidence: Evidence, *, lost: Lost, sent_again: int, broken: Breaker, timing: Timing, log: str
) -> str:
    """Return the counts of a run, one a line."""
    lines = [
        *_orders(evidence, sent_again),
        *_uncertain(evidence, lost),
        ("workers' processes killed", broken.kills),
        ("  of these whole workers", broken.whole_workers),
        ("workers that gave up and were started again", broken.gave_up),
        ("Redis emptied", broken.flushes),
        ("PostgreSQL crashed", broken.crashes),
        *((f"calls of {action}", count) for action, count in sorted(calls_in(log).items())),
        *_times(evidence, timing),
    ]
    return "\n".join(f"{what:44} {count:>12}" for what, count in lines)


def calls_in(log: str) -> Counter[str]:
    """Return how many calls of each action the sandbox told of (`-v 2`)."""
    return Counter(action for action, _ in _CALL.findall(log))


def _orders(evidence: Evidence, sent_again: int) -> Iterator[tuple[str, object]]:
    placed = sum(told.order_id is not None for told in evidence.told)
    yield "orders placed", placed
    yield "orders refused for want of funds", len(evidence.told) - placed
    yield "forms sent again for want of an answer", sent_again
    yield "orders asked to be canceled", len(evidence.cancels)
    yield "orders accepted by the provider", len(evidence.accepted)
    for status, count in sorted(Counter(order.status for order in evidence.books.orders).items()):
        yield f"  {status} at the end", count


def _uncertain(evidence: Evidence, lost: Lost) -> Iterator[tuple[str, object]]:
    calls = [call for order in evidence.books.orders for call in order.attempts]
    rules = Counter(call.rule for call in calls if call.outcome == "uncertain")
    yield "attempts", len(calls)
    for rule, count in sorted(rules.items()):
        yield f"  uncertain: {rule}", count
    yield "candidates at the provider", evidence.books.candidates
    for state, count in sorted(Counter(evidence.books.searches).items()):
        yield f"  searches: {state}", count
    yield "orders accepted whose answer was lost", lost.orders
    yield "  of these found by themselves", lost.found


def _times(evidence: Evidence, timing: Timing) -> Iterator[tuple[str, object]]:
    seconds = timing.ordering + timing.sending
    yield "seconds of ordering", f"{timing.ordering:.0f}"
    yield "seconds until all was sent", f"{seconds:.0f}"
    yield "seconds until all was settled", f"{seconds + timing.settling:.0f}"
    yield "orders per second, ordered and sent", f"{len(evidence.books.orders) / seconds:.1f}"
