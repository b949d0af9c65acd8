"""The provider without its socket: calls in, answers out, and what tests may do to it meanwhile."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from upstream.sandbox.actions import REQUIRED, Actions, Fields, action_of
from upstream.sandbox.book import Book
from upstream.sandbox.catalogue import Catalogue, made_up
from upstream.sandbox.dialects import dialect_of
from upstream.sandbox.faults import Answer, Fault, Faults, Script
from upstream.sandbox.journal import Journal
from upstream.sandbox.life import Wish
from upstream.sandbox.refusals import Refused
from upstream.sandbox.settings import Settings

OTHER = "other"
HELD_POLL_SECONDS = 0.02


class Sandbox:
    """One provider with one account.

    `services` may be changed and `faults` replaced at any time; `calls` counts the calls of each action
    (unknown ones as "other"), whatever they were answered. `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings()
        self.faults = faults or Faults()
        self.services: Catalogue = made_up(self.settings.services, seed=self.settings.seed)
        self.calls: Counter[str] = Counter()
        self._calls_lock = threading.Lock()
        self._book = Book(self.settings, clock)
        self._script = Script(self.settings.seed)
        self._actions = Actions(
            key=self.settings.key, catalogue=self.services, book=self._book, dialect=dialect_of(self.settings)
        )
        self._listing: tuple[int, bytes] | None = None
        self._stopping = threading.Event()

    @property
    def key(self) -> str:
        """Return the account's API key."""
        return self.settings.key

    @property
    def journal(self) -> Journal:
        """Return the journal: `rows`, `accepted`, `ended`."""
        return self._book.journal

    @property
    def balance(self) -> Decimal:
        """Return what the account holds now, in the settings' currency."""
        return self._book.balance

    def set_balance(self, amount: Decimal | int | str) -> None:
        """Make the account hold this amount."""
        self._book.set_balance(Decimal(amount))

    def plan_next(
        self,
        *,
        end: str | None = None,
        end_remains: int | None = None,
        start_count: int | None = None,
        life_seconds: float | None = None,
    ) -> None:
        """Let the next accepted order live so; what is not given stays drawn.

        Called again before an order comes, the second wish is for the order after it.
        """
        self._book.wish(
            Wish(end=end, end_remains=end_remains, start_count=start_count, life_seconds=life_seconds)
        )

    def end_order(self, order_id: str, status: str, remains: int | None = None) -> None:
        """End an order now, or change the end of an ended one, and move the money that this means.

        `status` is Completed, Partial or Canceled; `remains` None is all for Canceled and nothing for others.
        Raises ValueError for another status and for remains beyond the quantity, `Refused` for an order that
        is unknown.
        """
        self._book.end(order_id, status, remains)

    def script(self, action: str, fault: Fault, times: int = 1) -> None:
        """Queue what the next `times` calls of an action meet (`faults.py`); they come before any share.

        Raises ValueError for an action that the document does not have.
        """
        if action not in REQUIRED:
            raise ValueError(f"{action} is no action")
        self._script.wish(action, fault, times=times)

    def unscript(self) -> None:
        """Forget what is queued."""
        self._script.forget()

    def handle(self, fields: Fields) -> Answer | None:
        """Answer one call; None means that the connection is to be closed without an answer."""
        action = action_of(fields)
        with self._calls_lock:
            self.calls[action if action in REQUIRED else OTHER] += 1
        fault = self._script.next(action, self.faults)
        self._stopping.wait(self.faults.latency_seconds)
        answer = self._carry_out(fields) if fault.accepts else None
        self._wait_out(fault)
        if fault.drops or self._stopping.is_set():
            return None
        if fault.says is not None:
            return fault.says
        answer = answer or self._carry_out(fields)
        return Answer(answer.body[: len(answer.body) // 2]) if fault.cuts else answer

    def stop_waiting(self) -> None:
        """End all waits; calls under way, and those that come now, get no answer."""
        self._stopping.set()

    def close(self) -> None:
        """Close the journal's file."""
        self._book.close()

    def _wait_out(self, fault: Fault) -> None:
        self._stopping.wait(fault.wait_seconds)
        while fault.held_by is not None and not self._stopping.is_set():
            if fault.held_by.wait(HELD_POLL_SECONDS):
                return

    def _carry_out(self, fields: Fields) -> Answer:
        try:
            if action_of(fields) == "services":
                return Answer(self._services(fields))
            return Answer(_encoded(self._actions.perform(fields)))
        except Refused as refusal:
            return Answer(_encoded({"error": str(refusal)}))

    def _services(self, fields: Fields) -> bytes:
        """Return the list, encoded once for each version: 20,000 rows take a tenth of a second."""
        version = self.services.version
        self._actions.check(fields)
        if self._listing is None or self._listing[0] != version:
            self._listing = (version, _encoded(self._actions.services()))
        return self._listing[1]


def _encoded(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode()
