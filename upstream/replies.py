"""One HTTP answer of a provider, read to its end."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from upstream.cleaning import Secret, clean
from upstream.errors import RAW_LIMIT
from upstream.parsing import body_text

MIN_WAIT_SECONDS = 1
MAX_WAIT_SECONDS = 3600

_DIGITS = re.compile(r"[0-9]{1,12}")
# A reset that is no moment since 1970 is a number of seconds.
_LEAST_EPOCH_SECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers (lower-cased names) and decompressed body; `secret` is the key that was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    secret: Secret

    @property
    def is_success(self) -> bool:
        """Tell whether the status is one of 2xx."""
        return 200 <= self.status < 300

    @property
    def raw(self) -> str:
        """Return an excerpt of the body, at most 2000 characters, without the key."""
        return clean(self.hide(body_text(self.body)), limit=RAW_LIMIT)

    def hide(self, text: str) -> str:
        """Return a text of this answer without the key."""
        return self.secret.hide(text)

    def asked_wait_seconds(self) -> int | None:
        """Return the wait that Retry-After or X-RateLimit-Reset names, 1 to 3600 seconds, or None.

        RFC 9110 §10.2.3: Retry-After is seconds or a date. X-RateLimit-Reset, which no standard defines, is
        seconds or a moment.
        """
        now = time.time()
        wait = _seconds_of(self.headers.get("retry-after", ""), now=now)
        if wait is None:
            wait = _seconds_of(self.headers.get("x-ratelimit-reset", ""), now=now)
        return None if wait is None else bounded_wait(wait)


def bounded_wait(seconds: float) -> int:
    """Return a wait in whole seconds, within 1 to 3600."""
    return int(min(max(seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS))


def _seconds_of(value: str, *, now: float) -> float | None:
    if _DIGITS.fullmatch(value.strip()):
        number = int(value)
        return number - now if number >= _LEAST_EPOCH_SECONDS else number
    try:
        moment = parsedate_to_datetime(value)
        # A date with the zone "-0000" is read without one; it means UTC (RFC 5322 §3.3).
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
