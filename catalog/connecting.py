"""The clients of providers, shared by a process, and the one way in which this room makes a call."""

from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import TypeVar

from catalog.models import Provider
from catalog.pacing import NoSlot, pace_of
from upstream.client import Client
from upstream.errors import Halt, Later

Answer = TypeVar("Answer")

MAX_CLIENTS = 64
WAIT_FOR_SLOT_SECONDS = 30.0

_lock = Lock()


def client_for(provider: Provider) -> Client:
    """Return the process's client of a provider, with its pool of connections; safe in many threads.

    A change of the address, key, method or number of calls at once makes another client. The old one is let
    go, not closed: a call of it may be under way.

    Raises `Halt` with the rule "misconfigured" for settings that no client can be made of.
    """
    account = (provider.url, provider.key, provider.method, provider.calls_at_once)
    try:
        with _lock:  # without it, two threads that come first would make a pool each
            return _client(*account)
    except ValueError as why:
        # For staff, who see why a provider is halted, and not a task that failed in a log.
        raise Halt(str(why), rule="misconfigured") from None


@lru_cache(maxsize=MAX_CLIENTS)
def _client(url: str, key: str, method: str, calls_at_once: int) -> Client:
    return Client(url, key, method=method, pool_size=calls_at_once)


def ask(provider: Provider, question: Callable[[Client], Answer]) -> Answer:
    """Make one call that only reads, at the provider's pace, and return its answer.

    Raises the client's `ProviderError`, and that of `client_for`; `Later` with the rule "no_slot" when other
    calls keep the provider busy for half a minute. Not for use inside a transaction, nor in a request that
    somebody waits for.
    """
    try:
        with pace_of(provider).slot(timeout_seconds=WAIT_FOR_SLOT_SECONDS):
            return question(client_for(provider))
    except NoSlot as busy:
        raise Later("other calls keep the provider busy", rule="no_slot") from busy
