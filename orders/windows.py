"""Between which ids of a provider a lost order lies (`design.md`, "Calls to a provider").

A provider's ids grow: what was placed by an attempt has an id above those that were answered before the
attempt began, and below those of attempts that began after it had ended. Which came first is told by the
attempts' own numbers, not by the clocks of the machines that made them.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet

from orders.models import Attempt, LostAnswer

LOOK_AT = 50
"""How many known ids on either side are looked at: for the nearest, and for whether they grow."""

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


Why = LostAnswer.Why


class NoWindow(Exception):
    """Raised when nothing tells where a lost order's id lies, now or later."""

    def __init__(self, why: LostAnswer.Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Window:
    """The known ids around a lost order, both left out; `after` None: no later one is known yet."""

    before: int
    after: int | None


@dataclass(frozen=True, slots=True)
class _Known:
    """A placed attempt: its number, the newest attempt's at its end, and the provider's id."""

    attempt_id: int
    last_seen: int
    number: int


def window_of(lost: LostAnswer) -> Window:
    """Return the ids between which an order lies whose answer was lost.

    `after` is None until an attempt was placed that began `LOST_ANSWER_MARGIN_SECONDS` after this one had
    ended, and every attempt that overlaps the window has an outcome: others' ids may turn up until then.

    Raises `NoWindow` when no id from before is known, the provider's account was changed since, its ids are
    no numbers, or they do not grow.
    """
    attempt = lost.attempt
    if attempt.started_at < lost.provider.account_since:
        raise NoWindow(Why.ANOTHER_ACCOUNT)
    before, after = _known(_ended_before(attempt)), _known(_begun_after(attempt))
    if not before:
        raise NoWindow(Why.NO_ID_BEFORE)
    _require_growth([*before, *after])
    nearest = min(after, key=lambda known: known.number, default=None)
    if nearest is not None and _is_under_way(attempt.provider_id, up_to=nearest.last_seen):
        nearest = None
    return Window(
        before=max(known.number for known in before), after=None if nearest is None else nearest.number
    )


def _placed(attempt: Attempt) -> QuerySet[Attempt]:
    return Attempt.objects.filter(
        provider_id=attempt.provider_id,
        outcome=Attempt.Outcome.PLACED,
        last_seen__isnull=False,
        started_at__gte=attempt.provider.account_since,
    )


def _ended_before(attempt: Attempt) -> QuerySet[Attempt]:
    return _placed(attempt).filter(pk__lt=attempt.pk, last_seen__lt=attempt.pk).order_by("-pk")


def _begun_after(attempt: Attempt) -> QuerySet[Attempt]:
    if attempt.last_seen is None or attempt.ended_at is None:
        return Attempt.objects.none()
    # A provider may take an order in after our call was cut off. Until the margin has passed, an id that is
    # greater than that of a later order may still belong to this one.
    begun = attempt.ended_at + timedelta(seconds=settings.LOST_ANSWER_MARGIN_SECONDS)
    return _placed(attempt).filter(pk__gt=attempt.last_seen, started_at__gt=begun).order_by("pk")


def _known(attempts: QuerySet[Attempt]) -> list[_Known]:
    rows = attempts.values_list("pk", "last_seen", "provider_order_id")[:LOOK_AT]
    return [_Known(pk, last_seen or pk, _number(text)) for pk, last_seen, text in rows]


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise NoWindow(Why.NO_NUMBERS)
    return int(text)


def _require_growth(known: list[_Known]) -> None:
    """Refuse ids of which a later attempt's is smaller than that of one which had ended before it began."""
    for one in known:
        if any(other.attempt_id > one.last_seen and other.number < one.number for other in known):
            raise NoWindow(Why.NO_GROWTH)


def _is_under_way(provider_id: int, *, up_to: int) -> bool:
    begun = Attempt.objects.filter(provider_id=provider_id, pk__lte=up_to)
    return begun.filter(outcome=Attempt.Outcome.OPEN).exists()
