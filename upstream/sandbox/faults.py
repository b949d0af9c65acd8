"""What goes wrong by chance or by a test's script: errors, lost, late and foreign answers."""

import random
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from upstream.sandbox.settings import not_negative, shares_of_one

HTML = b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>\n"
SERVER_ERROR = b"<!doctype html><title>500</title><h1>Internal Server Error</h1>\n"

JSON_TYPE = "application/json"
HTML_TYPE = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, body and headers; Content-Length is the server's business."""

    body: bytes
    status: int = 200
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What one call meets.

    The call is carried out only if `accepts`; then there is a wait (`wait_seconds`, and until `held_by` is
    set), and the answer is `says`, or the real one if that is None: the first half of it if `cuts`, and no
    answer but a closed connection if `drops`.
    """

    accepts: bool = True
    says: Answer | None = None
    drops: bool = False
    cuts: bool = False
    wait_seconds: float = 0.0
    held_by: threading.Event | None = None


PLAIN = Fault()
ERROR_BEFORE = Fault(accepts=False, says=Answer(SERVER_ERROR, status=500, content_type=HTML_TYPE))
ERROR_AFTER = Fault(says=Answer(SERVER_ERROR, status=500, content_type=HTML_TYPE))
HTML_BEFORE = Fault(accepts=False, says=Answer(HTML, content_type=HTML_TYPE))
HTML_AFTER = Fault(says=Answer(HTML, content_type=HTML_TYPE))
DROPPED = Fault(accepts=False, drops=True)
LOST = Fault(drops=True)
CUT = Fault(cuts=True)


def slow(seconds: float) -> Fault:
    """Return the fault of an answer that comes late; the call is carried out at once."""
    return Fault(wait_seconds=seconds)


def held_by(event: threading.Event, *, accepts: bool = True) -> Fault:
    """Return a fault that answers when a test sets the event."""
    return Fault(accepts=accepts, held_by=event)


def saying(
    body: str | bytes,
    *,
    status: int = 200,
    content_type: str = JSON_TYPE,
    headers: Mapping[str, str] | None = None,
    accepts: bool = False,
) -> Fault:
    """Return the fault of an answer given word for word, by default without carrying the call out."""
    raw = body.encode() if isinstance(body, str) else body
    return Fault(accepts=accepts, says=Answer(raw, status, content_type, headers or {}))


def too_many(retry_after: int | str) -> Fault:
    """Return the fault of a 429 with Retry-After: seconds, or a date as text (RFC 9110 §10.2.3)."""
    body = '{"error": "Too many requests"}'
    return saying(body, status=429, headers={"Retry-After": str(retry_after)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares (0 to 1, at most 1 together) of the calls that meet a fault, and the latency of all calls.

    `on` says whether the shares hold for `add` only or for all actions. "before" is before, "after" is after
    the call was carried out. Slow answers take `slow_seconds`, up to the share `slow_spread` more or less.
    Raises ValueError for what makes no sense.
    """

    error_before: float = 0.0
    error_after: float = 0.0
    html_before: float = 0.0
    html_after: float = 0.0
    lost: float = 0.0
    slow: float = 0.0
    slow_seconds: float = 10.0
    slow_spread: float = 0.0
    latency_seconds: float = 0.0
    on: Literal["add", "all"] = "add"

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        not_negative("slow answers' wait", self.slow_seconds)
        not_negative("latency", self.latency_seconds)
        shares_of_one(slow_spread=self.slow_spread)
        if self.on not in ("add", "all"):
            raise ValueError("faults are on add or on all")
        shares_of_one(
            error_before=self.error_before,
            error_after=self.error_after,
            html_before=self.html_before,
            html_after=self.html_after,
            lost=self.lost,
            slow=self.slow,
        )

    def drawn(self, action: str, draw: float) -> Fault:
        """Return the fault of a call for a draw within 0 and 1, or `PLAIN`."""
        if self.on != "all" and action != self.on:
            return PLAIN
        shares = (
            (self.error_before, ERROR_BEFORE),
            (self.error_after, ERROR_AFTER),
            (self.html_before, HTML_BEFORE),
            (self.html_after, HTML_AFTER),
            (self.lost, LOST),
            (self.slow, slow(self.slow_seconds)),
        )
        for share, fault in shares:
            if draw < share:
                return self._spread(fault, draw / share)
            draw -= share
        return PLAIN

    def _spread(self, fault: Fault, place: float) -> Fault:
        """Return a fault whose wait lies at a place, 0 to 1, between the shortest and the longest."""
        return replace(fault, wait_seconds=fault.wait_seconds * (1 + self.slow_spread * (2 * place - 1)))


class Script:
    """What the next calls of each action meet: a test's wishes in their order, then what chance decides."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._wishes: dict[str, deque[Fault]] = {}
        self._chance = random.Random(f"{seed}:faults")  # noqa: S311 (reproducible, guards nothing)

    def wish(self, action: str, fault: Fault, *, times: int) -> None:
        """Queue a fault for the next `times` calls of the action."""
        with self._lock:
            self._wishes.setdefault(action, deque()).extend([fault] * times)

    def forget(self) -> None:
        """Drop every wish that has not been met."""
        with self._lock:
            self._wishes.clear()

    def next(self, action: str, faults: Faults) -> Fault:
        """Take what the next call of the action meets."""
        with self._lock:
            wishes = self._wishes.get(action)
            return wishes.popleft() if wishes else faults.drawn(action, self._chance.random())
