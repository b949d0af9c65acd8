"""The pace of a provider, kept by all workers together: calls at once, and calls per second.

In Redis where there is one; else, and while it does not answer, in the process: an order must still go out.
"""

import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from threading import Lock, Thread
from typing import Protocol

import redis
from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from catalog.models import Provider

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""After this a slot in Redis frees itself, unless its holder renews it: a killed worker holds none."""

RENEW_SECONDS = 5.0
"""How often a process renews the slots that its calls hold."""

ASK_REDIS_AGAIN_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.05


class NoSlot(Exception):
    """Raised when a provider's pace left no room for a call within the time given."""


def pace_of(provider: Provider) -> "Pace":
    """Return the pace that a provider's settings ask for."""
    return Pace(
        provider_id=provider.pk,
        calls_at_once=provider.calls_at_once,
        calls_per_second=provider.calls_per_second,
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """How a provider may be called; `calls_per_second` None: as fast as the answers come."""

    provider_id: int
    calls_at_once: int
    calls_per_second: Decimal | None = None

    @contextmanager
    def slot(self, timeout_seconds: float) -> Iterator[None]:
        """Hold the right to make one call, waited for at most `timeout_seconds`.

        May be entered in one thread and left in another. Raises `NoSlot`.
        """
        wait = _Wait(timeout_seconds)
        lease = uuid.uuid4().hex
        # The slot first: a call that was counted and then found no slot would be lost to the rate.
        holder = wait.until(lambda store: store.take_slot(self.provider_id, self.calls_at_once, lease))
        try:
            if self.calls_per_second is not None:
                rate = _rate(self.calls_per_second)
                wait.until(lambda store: store.count_call(self.provider_id, rate))
            yield
        finally:
            with suppress(redis.RedisError):  # then the lease's end frees it
                holder.give_back(self.provider_id, lease)


def _rate(calls_per_second: Decimal) -> RateLimitItemPerSecond:
    """Return a rate as whole calls in whole seconds, rounded down: 2.5 is 2 in 1 s, 0.4 is 1 in 3 s."""
    if calls_per_second >= 1:
        return RateLimitItemPerSecond(int(calls_per_second), 1)
    return RateLimitItemPerSecond(1, int((1 / calls_per_second).to_integral_value(rounding=ROUND_CEILING)))


class _Wait:
    """Tries again, with short pauses, until something works or the time is up."""

    def __init__(self, timeout_seconds: float) -> None:
        self._ends_at = time.monotonic() + timeout_seconds
        self._pause_seconds = FIRST_PAUSE_SECONDS

    def until(self, attempt: "Callable[[_Store], bool]") -> "_Store":
        """Return the store in which an attempt worked; raises `NoSlot`."""
        while True:
            store = _stores.current()
            try:
                if attempt(store):
                    return store
            except redis.RedisError as error:
                _stores.redis_failed(error)
                continue
            self._pause()

    def _pause(self) -> None:
        left_seconds = self._ends_at - time.monotonic()
        if left_seconds <= 0:
            raise NoSlot
        time.sleep(min(self._pause_seconds, left_seconds))
        self._pause_seconds = min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS)


class _Store(Protocol):
    """Where slots and calls are counted."""

    def take_slot(self, provider_id: int, limit: int, lease: str) -> bool:
        """Take a slot if one is free."""

    def give_back(self, provider_id: int, lease: str) -> None:
        """Free a slot that was taken here."""

    def count_call(self, provider_id: int, rate: RateLimitItemPerSecond) -> bool:
        """Count a call if the rate has room for it."""


class _InProcess:
    """Counts for this process alone."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._leases: defaultdict[int, set[str]] = defaultdict(set)
        self._rates = MovingWindowRateLimiter(MemoryStorage())

    def take_slot(self, provider_id: int, limit: int, lease: str) -> bool:
        with self._lock:
            leases = self._leases[provider_id]
            if len(leases) >= limit:
                return False
            leases.add(lease)
            return True

    def give_back(self, provider_id: int, lease: str) -> None:
        with self._lock:
            self._leases[provider_id].discard(lease)

    def count_call(self, provider_id: int, rate: RateLimitItemPerSecond) -> bool:
        return self._rates.hit(rate, str(provider_id))


class _InRedis:
    """Counts for all workers: slots in a sorted set by the end of their lease, on the server's clock."""

    TAKE = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
        if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
        redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        return 1
    """
    # XX: what was given back meanwhile stays so.
    RENEW = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        for index = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now + ARGV[1], ARGV[index]) end
        redis.call('PEXPIRE', KEYS[1], ARGV[1])
        return 1
    """

    def __init__(self, url: str, *, prefix: str) -> None:
        # No retries: whoever waits here has the in-process limits to go on with.
        pool = redis.ConnectionPool.from_url(
            url, socket_connect_timeout=1, socket_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        self._prefix = f"{prefix}pace:"
        self._redis = redis.Redis(connection_pool=pool)
        self._take = self._redis.register_script(self.TAKE)
        self._renew = self._redis.register_script(self.RENEW)
        self._held: dict[str, str] = {}  # each lease's key
        self._held_lock = Lock()
        self._renewing: Thread | None = None
        self._rates = MovingWindowRateLimiter(
            RedisStorage(url, connection_pool=pool, key_prefix=f"{self._prefix}rate")
        )

    def take_slot(self, provider_id: int, limit: int, lease: str) -> bool:
        key = self._slots(provider_id)
        taken = bool(self._take(keys=[key], args=[limit, int(LEASE_SECONDS * 1000), lease]))
        if taken:
            self._hold(key, lease)
        return taken

    def give_back(self, provider_id: int, lease: str) -> None:
        with self._held_lock:
            self._held.pop(lease, None)
        self._redis.zrem(self._slots(provider_id), lease)

    def _hold(self, key: str, lease: str) -> None:
        with self._held_lock:
            self._held[lease] = key
            # Not alive in a process that was forked from one that renewed.
            if self._renewing is None or not self._renewing.is_alive():
                self._renewing = Thread(target=self._renew_while_held, name="pace-renewing", daemon=True)
                self._renewing.start()

    def _renew_while_held(self) -> None:
        while True:
            time.sleep(RENEW_SECONDS)
            leases: defaultdict[str, list[str]] = defaultdict(list)
            with self._held_lock:
                for lease, key in self._held.items():
                    leases[key].append(lease)
                if not leases:
                    self._renewing = None  # the next slot begins another one
                    return
            for key, held in leases.items():
                with suppress(redis.RedisError):  # the next round tries again, within the lease
                    self._renew(keys=[key], args=[int(LEASE_SECONDS * 1000), *held])

    def count_call(self, provider_id: int, rate: RateLimitItemPerSecond) -> bool:
        return self._rates.hit(rate, str(provider_id))

    def _slots(self, provider_id: int) -> str:
        return f"{self._prefix}slots:{provider_id}"


class _Stores:
    """Chooses the store: Redis while it answers."""

    def __init__(self) -> None:
        self._in_process = _InProcess()
        self._failed_at: float | None = None

    def current(self) -> _Store:
        """Return Redis's store where there is one and it did not fail within the last seconds."""
        if not settings.REDIS_URL:
            return self._in_process
        if self._just_failed():
            return self._in_process
        return _in_redis(settings.REDIS_URL, _prefix())

    def redis_failed(self, error: redis.RedisError) -> None:
        """Turn to the process's own limits for some seconds, with one line in the log."""
        if not self._just_failed():  # another thread said so
            logger.warning("pace.redis_failed error=%s limits=in_process", type(error).__name__)
        self._failed_at = time.monotonic()

    def _just_failed(self) -> bool:
        return self._failed_at is not None and time.monotonic() - self._failed_at < ASK_REDIS_AGAIN_SECONDS


_stores = _Stores()


@lru_cache(maxsize=4)
def _in_redis(url: str, prefix: str) -> _InRedis:
    return _InRedis(url, prefix=prefix)


def _prefix() -> str:
    options: dict[str, str] = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    return options.get("global_keyprefix", "")
