"""Making a provider's calls side by side, at its pace.

The thread that runs a task does all the work in the database; the threads beside it only wait for answers.
A job is taken from the database right before its own call, so that a killed worker leaves at most
`calls_at_once` jobs without an outcome, whatever the number of due ones.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.db import DatabaseError, connection

from catalog.connecting import client_for
from catalog.halting import heed
from catalog.models import Provider
from catalog.pacing import NoSlot, Pace, pace_of
from operations.draining import is_draining
from upstream.client import Client
from upstream.errors import ProviderError

logger = logging.getLogger(__name__)

Job = TypeVar("Job")
Answer = TypeVar("Answer")

WAIT_FOR_SLOT_SECONDS = 5.0


@dataclass(frozen=True)  # no slots: a subscripted generic notes its arguments on what it makes
class Work(Generic[Job, Answer]):
    """What is done for a provider: `take` a due job or None, `call` the provider, `record` what came of it.

    `take` and `record` run in the task's thread and commit for themselves; `call` runs beside it and uses no
    database. `record` gets the answer, or the `ProviderError` that `call` raised, and may get it twice.
    """

    take: Callable[[], Job | None]
    call: Callable[[Client, Job], Answer]
    record: Callable[[Job, Answer | ProviderError], None]


def work_through(provider: Provider, work: Work[Job, Answer], *, seconds: float) -> int:
    """Do due jobs until nothing is due or `seconds` are up, and return how many were done.

    A worker that is asked to stop takes no further job; the calls under way are answered and recorded.
    """
    # The client first: settings that make none cost no job, and halt the provider for staff to see why.
    try:
        client = client_for(provider)
    except ProviderError as fault:
        heed(provider, fault)
        return 0
    run = _Run(provider=provider, client=client, work=work, ends_at=time.monotonic() + seconds)
    with ThreadPoolExecutor(max_workers=provider.calls_at_once, thread_name_prefix="provider-call") as pool:
        while (began := run.start_next(pool)) or run.under_way:
            run.collect(wait_for_one=not began)
    return run.done


@dataclass(slots=True)
class _Run(Generic[Job, Answer]):
    provider: Provider
    client: Client
    work: Work[Job, Answer]
    ends_at: float
    under_way: dict[Future[Answer | ProviderError], Job] = field(default_factory=dict)
    done: int = 0

    def start_next(self, pool: ThreadPoolExecutor) -> bool:
        """Begin one call if a slot and a due job are there; tell whether one was begun."""
        if not self._goes_on() or len(self.under_way) >= self.provider.calls_at_once:
            return False
        with ExitStack() as held:
            try:
                held.enter_context(
                    self._pace().slot(timeout_seconds=0.05 if self.under_way else WAIT_FOR_SLOT_SECONDS)
                )
            except NoSlot:
                return False  # other workers keep the provider busy; the jobs stay due
            # Asked again: the wait for the slot was long enough to be told to stop.
            job = self._take() if self._goes_on() else None
            if job is None:
                return False
            self.under_way[pool.submit(self._call, job, held.pop_all())] = job
        return True

    def _goes_on(self) -> bool:
        return time.monotonic() < self.ends_at and not is_draining()

    def _take(self) -> Job | None:
        try:
            return self.work.take()
        except DatabaseError:
            # The answers under way are to be kept all the same; what is due stays due.
            logger.exception("call.not_taken provider=%s", self.provider.pk)
            self.ends_at = time.monotonic()
            return None

    def collect(self, *, wait_for_one: bool) -> None:
        """Record what has been answered; wait for an answer when no further call could begin."""
        answered, _ = wait(self.under_way, timeout=None if wait_for_one else 0, return_when=FIRST_COMPLETED)
        for future in answered:
            self._record(self.under_way.pop(future), future)

    def _pace(self) -> Pace:
        return pace_of(self.provider)

    def _call(self, job: Job, slot: ExitStack) -> Answer | ProviderError:
        with slot:
            try:
                return self.work.call(self.client, job)
            except ProviderError as error:
                return error

    def _record(self, job: Job, future: Future[Answer | ProviderError]) -> None:
        try:
            answer = future.result()
            try:
                self.work.record(job, answer)
            except DatabaseError:
                # A deadlock, or a server that was restarted: an answer is worth a second try.
                connection.close_if_unusable_or_obsolete()
                self.work.record(job, answer)
        except Exception:
            # The other calls under way still have answers to keep. This job's row stays as it was taken:
            # an attempt without an outcome becomes uncertain, a poll is due again when its lease ends.
            logger.exception("call.not_recorded provider=%s job=%s", self.provider.pk, job)
        self.done += 1
