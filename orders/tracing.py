"""Tracing orders whose answer to `add` was lost: ask the provider for the ids among which they must be.

The search is bounded by the ids known from before and after (`orders/windows.py`), goes at the provider's
pace, with many ids per call where the provider can, makes at most `LOST_SEARCH_CALLS` calls for one order
unless a person asks for more, and goes on where it stopped. It changes nothing at the provider.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from catalog.balances import refresh_balance
from catalog.connecting import ask
from catalog.halting import heed
from catalog.models import Provider
from money.amounts import MAX_AMOUNT, round_cost
from operations.draining import is_draining
from operations.turns import WORK_SECONDS
from operations.waking import wake
from orders.adopting import adopt_found
from orders.matching import ENDED_EARLY, ids_known
from orders.models import Attempt, Candidate, LostAnswer, Order
from orders.polling import answering
from orders.windows import NoWindow, window_of
from upstream.answers import OrderStatus
from upstream.client import MAX_ORDERS_PER_CALL
from upstream.errors import Halt, OrderUnknown, ProviderError

logger = logging.getLogger(__name__)

State = LostAnswer.State

AT_ONCE = 20
"""How many are taken together: as many as a killed worker keeps from the others for the lease."""

LEASE = timedelta(seconds=60)
ASK_AGAIN_SECONDS = 60
LOOK_AGAIN_SECONDS = (5, 600)
NOT_ANSWERED = frozenset({"no_answer", "nothing_sent", "no_slot", "http_5xx", "rate_limit"})
"""Faults that say nothing of whether a provider can answer about many orders."""


def due_to_search(provider_id: int | None = None) -> Q:
    """Return the condition of lost answers to search for now."""
    due = Q(due_at__lte=timezone.now()) & answering()
    return due if provider_id is None else due & Q(provider=provider_id)


def search_due(provider_id: int, *, seconds: float = WORK_SECONDS) -> int:
    """Search for a provider's lost orders until `seconds` are up; return how many were looked at.

    What fits one lost answer alone is then taken up, if the provider is set so: where nothing is due, what
    a person decided may have made it the only one.
    """
    provider = Provider.objects.get(pk=provider_id)
    search, looked_at = _Search(provider, ends_at=time.monotonic() + seconds), 0
    while search.goes_on() and (lost_answers := _take_due(provider_id)):
        _note_balances(provider, lost_answers)
        search.follow_all([lost for lost in lost_answers if _frame(lost)])
        looked_at += len(lost_answers)
    adopt_found(provider)
    return looked_at


@transaction.atomic
def search_now(attempt_id: int) -> bool:
    """Have a lost order searched for now, with as many calls more as are allowed by itself.

    Where no later id is known yet, the ids right after the last known one are asked about; that search is not
    whole. False for an attempt that is not searched for.
    """
    lost = LostAnswer.objects.filter(attempt=attempt_id)
    lost.filter(state=State.WHOLE).update(asked_to=None)  # what was found is asked about anew
    allowed = F("calls") + settings.LOST_SEARCH_CALLS
    if not lost.update(due_at=timezone.now(), calls_allowed=allowed):
        return False
    wake("orders.tasks.search_provider", lost.values_list("provider", flat=True)[0])
    return True


@transaction.atomic
def _take_due(provider_id: int) -> list[LostAnswer]:
    """Take what is due; it is due again after the lease if this worker dies."""
    due = LostAnswer.objects.filter(due_to_search(provider_id)).select_related(
        "attempt__order", "attempt__provider", "provider"
    )
    taken = list(due.select_for_update(skip_locked=True, of=("self",)).order_by("due_at", "pk")[:AT_ONCE])
    LostAnswer.objects.filter(pk__in=[lost.pk for lost in taken]).update(due_at=timezone.now() + LEASE)
    return taken


def _note_balances(provider: Provider, lost_answers: Sequence[LostAnswer]) -> None:
    """Keep the provider's balance of after each attempt, as evidence; asked for once for all of them."""
    bare = [lost.attempt for lost in lost_answers if lost.attempt.balance_after_at is None]
    ended_at = max((attempt.ended_at for attempt in bare if attempt.ended_at), default=None)
    if ended_at is None:
        return
    if provider.balance_at is None or provider.balance_at <= ended_at:
        refresh_balance(provider)  # without an answer that can be read, the next search asks again
        provider.refresh_from_db(fields=["balance", "balance_text", "balance_at"])
    if provider.balance_at is None:
        return
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in bare], ended_at__lt=provider.balance_at).update(
        balance_after=provider.balance,
        balance_after_text=provider.balance_text,
        balance_after_at=provider.balance_at,
    )


def _frame(lost: LostAnswer) -> bool:
    """Find the ids around a lost order, and note them; True when there is something to ask about."""
    if lost.id_after is not None and lost.attempt.started_at >= lost.provider.account_since:
        _keep(lost, state=State.SEARCHING, why="")
        return True
    try:
        window = window_of(lost)
    except NoWindow as none:
        _keep(lost, state=State.IMPOSSIBLE, why=none.why, due_at=None)
        return False
    if window.after is None and lost.calls_allowed <= lost.calls:
        _keep(lost, state=State.WAITING, id_before=window.before, due_at=_later(lost))
        return False
    fields: dict[str, object] = {"state": State.SEARCHING, "why": "", "id_before": window.before}
    if window.after is not None:
        # Asked about before its end was known, an id may have been given away since: from the beginning.
        fields |= {"id_after": window.after, "asked_to": None, "calls": 0}
        fields["calls_allowed"] = max(lost.calls_allowed - lost.calls, settings.LOST_SEARCH_CALLS)
    _keep(lost, **fields)
    return True


def _keep(lost: LostAnswer, **fields: object) -> None:
    LostAnswer.objects.filter(pk=lost.pk).update(**fields)
    for name, value in fields.items():
        setattr(lost, name, value)


def _later(lost: LostAnswer) -> datetime:
    """Return when to look again for a later order: soon at first, then ever more seldom."""
    now = timezone.now()
    age = (now - (lost.attempt.ended_at or now)).total_seconds()
    least, greatest = LOOK_AGAIN_SECONDS
    return now + timedelta(seconds=min(max(age / 4, least), greatest))


class _Search:
    """One walk through the windows of a provider's lost orders; an id is asked about once in it."""

    def __init__(self, provider: Provider, *, ends_at: float) -> None:
        self._provider = provider
        self._ends_at = ends_at
        self._asked: set[int] = set()

    @cached_property
    def _per_call(self) -> int:
        """How many ids are asked about at once; found out when there is something to ask."""
        return MAX_ORDERS_PER_CALL if _answers_for_many(self._provider) else 1

    def goes_on(self) -> bool:
        """Tell whether there is time left; none is in a worker that is asked to stop."""
        return time.monotonic() < self._ends_at and not is_draining()

    def follow_all(self, lost_answers: Sequence[LostAnswer]) -> None:
        """Ask about all windows, lowest first; what is left when the time is up is due again at once.

        A fault that speaks of one id puts its own window off, one that speaks of the provider all of them.
        """
        left = sorted(lost_answers, key=lambda lost: lost.id_before or 0)
        wait = timedelta()
        while left and self.goes_on():
            lost = left.pop(0)
            try:
                if not self._follow(lost):
                    left.append(lost)
            except ProviderError as fault:
                heed(self._provider, fault)
                if isinstance(fault, Halt) or fault.rule in NOT_ANSWERED:
                    left.append(lost)
                    wait = timedelta(seconds=ASK_AGAIN_SECONDS)
                    break
                self._put_off(lost)
        LostAnswer.objects.filter(pk__in=[lost.pk for lost in left]).update(due_at=timezone.now() + wait)

    def _follow(self, lost: LostAnswer) -> bool:
        """Ask about one window; False when the time is up. Raises the provider's fault."""
        for numbers in self._calls(lost):
            if not self._ask(lost, [number for number in numbers if number not in self._asked]):
                return self._stopped(lost)
            _keep(lost, asked_to=numbers[-1])
        self._close(lost, whole=True)
        return True

    def _stopped(self, lost: LostAnswer) -> bool:
        """Close a window whose calls are used up; False when it is the time that is."""
        if lost.calls < lost.calls_allowed:
            return False
        self._close(lost)
        return True

    def _put_off(self, lost: LostAnswer) -> None:
        # Its calls are counted, so that an id which is never answered does not keep it due for ever.
        _keep(lost, due_at=timezone.now() + timedelta(seconds=ASK_AGAIN_SECONDS))
        self._stopped(lost)

    def _calls(self, lost: LostAnswer) -> Iterator[list[int]]:
        """Yield the ids to ask about, call by call, without those that orders of ours have."""
        first = (lost.asked_to or lost.id_before or 0) + 1
        end = lost.id_after
        if end is None:
            end = first + (lost.calls_allowed - lost.calls) * self._per_call
        for start in range(first, end, MAX_ORDERS_PER_CALL):
            unknown = _not_ours(self._provider, range(start, min(start + MAX_ORDERS_PER_CALL, end)))
            for at in range(0, len(unknown), self._per_call):
                yield unknown[at : at + self._per_call]

    def _ask(self, lost: LostAnswer, numbers: list[int]) -> bool:
        """Ask about some ids; False when the calls or the time are used up before the last is answered."""
        answers: dict[int, OrderStatus | ProviderError] = {}
        if len(numbers) > 1:
            if not self._may_call(lost):
                return False
            answers = _answers(self._provider, numbers)
        for number in numbers:
            answer = answers.get(number)
            # Of an answer about many: one that is missing in it is not known, which is not "gone".
            if answer is None or _is_unclear(answer):
                if not self._may_call(lost):
                    return False
                answer = _answer(self._provider, number)
            _note(self._provider, number, answer)
            self._asked.add(number)
        return True

    def _may_call(self, lost: LostAnswer) -> bool:
        """Count a call about to be made; False when there is none left, or no time."""
        if lost.calls >= lost.calls_allowed or not self.goes_on():
            return False
        _keep(lost, calls=lost.calls + 1)
        return True

    def _close(self, lost: LostAnswer, *, whole: bool = False) -> None:
        now = timezone.now()
        if lost.id_after is None:
            why = LostAnswer.Why.NO_ID_AFTER
            _keep(lost, state=State.WAITING, why=why, searched_at=now, due_at=_later(lost), calls_allowed=0)
        elif whole:
            _keep(lost, state=State.WHOLE, searched_at=now, due_at=None)
        else:
            why = LostAnswer.Why.CALLS_MADE
            _keep(lost, state=State.STOPPED, why=why, searched_at=now, due_at=None)
        logger.info(
            "lost_answer.searched order=%s state=%s calls=%s", lost.attempt.order_id, lost.state, lost.calls
        )


def _not_ours(provider: Provider, numbers: range) -> list[int]:
    known = ids_known(provider.pk, [str(number) for number in numbers])
    return [number for number in numbers if str(number) not in known]


def _answers(provider: Provider, numbers: Sequence[int]) -> dict[int, OrderStatus | ProviderError]:
    texts = [str(number) for number in numbers]
    said = ask(provider, lambda client: client.statuses(texts))
    return {number: said[str(number)] for number in numbers}


def _is_unclear(answer: OrderStatus | ProviderError) -> bool:
    return isinstance(answer, ProviderError) and answer.rule == "no_clear_answer"


def _answer(provider: Provider, number: int) -> OrderStatus | ProviderError:
    try:
        return ask(provider, lambda client: client.status(str(number)))
    except ProviderError as fault:
        return fault


def _note(provider: Provider, number: int, answer: OrderStatus | ProviderError) -> None:
    """Keep what was found under an id, or forget it where the account has none; raises any other fault."""
    if isinstance(answer, OrderStatus):
        _keep_candidate(provider, number, answer)
    elif isinstance(answer, OrderUnknown):
        Candidate.objects.filter(provider=provider, number=number).delete()
    else:
        raise answer


def _keep_candidate(provider: Provider, number: int, answer: OrderStatus) -> None:
    earlier = Candidate.objects.filter(provider=provider, number=number).exclude(status_text__in=ENDED_EARLY)
    if answer.status in ENDED_EARLY and earlier.update(seen_at=timezone.now()):
        return  # an early end lowers the charge, by which it is told whose it is: what was seen first stays
    charge = answer.charge if answer.charge is not None and answer.charge < MAX_AMOUNT - 1 else None
    Candidate.objects.update_or_create(
        provider=provider,
        number=number,
        defaults={
            "status_text": answer.status.value if answer.status else answer.status_text,
            "charge": None if charge is None else round_cost(charge),
            "remains": answer.remains,
            "start_count": answer.start_count,
            "is_foreign": bool(answer.currency) and answer.currency != provider.currency,
            "seen_at": timezone.now(),
        },
    )


def _answers_for_many(provider: Provider) -> bool:
    """Tell whether a provider answers about many orders in one call; found out once, with two known ids."""
    if provider.answers_for_many is None:
        provider.answers_for_many = _try_many(provider)
        Provider.objects.filter(pk=provider.pk).update(answers_for_many=provider.answers_for_many)
    return bool(provider.answers_for_many)


def _try_many(provider: Provider) -> bool | None:
    known = Order.objects.filter(provider=provider, provider_order_id__isnull=False).order_by("-pk")
    texts = [text for text in known.values_list("provider_order_id", flat=True)[:2] if text]
    if len(texts) < 2:
        return None
    try:
        said = ask(provider, lambda client: client.statuses(texts))
    except ProviderError:
        return None
    faults = [answer for answer in said.values() if isinstance(answer, ProviderError)]
    if any(fault.rule in NOT_ANSWERED for fault in faults):
        return None
    return not faults
