"""What is broken while customers order: workers are killed, Redis is emptied, PostgreSQL crashes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

from tests.chaos.servers import Servers
from tests.site.processes import RunningSite

LOOK_SECONDS = 0.1

POOL = "prefork"
WHOLE_WORKER_EVERY = 4
"""How many kills apart a whole worker is killed; the others hit one of the processes that it forked.

Those do the work, and are forked again within moments. A whole worker takes seconds of a core to start: if
each kill ended one, a slow machine would do nothing but start workers.
"""


@dataclass(slots=True)
class Breaker:
    """Breaks a running site: kills every so many seconds, and its servers at shares of the progress.

    What is killed is a worker, or a process of its pool; a worker that is still starting is let be. It also
    starts again what ended by itself, as whatever looks after processes does on a real machine: Celery gives
    up when a process of its pool dies too early.
    """

    site: RunningSite
    servers: Servers | None
    progress: Callable[[], float]
    kill_every_seconds: float
    most_kills: int | None = None
    empty_redis_at: list[float] = field(default_factory=list)
    crash_postgres_at: list[float] = field(default_factory=list)
    kills: int = 0
    whole_workers: int = 0
    gave_up: int = 0
    flushes: int = 0
    crashes: int = 0
    faults: list[str] = field(default_factory=list)
    _seen: dict[subprocess.Popen[bytes], list[int]] = field(default_factory=dict)
    _stopped: Event = field(default_factory=Event)

    @property
    def is_at_work(self) -> bool:
        """Tell whether things are still being broken, and what ended started again, by its own thread."""
        return not self._stopped.is_set()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Break things until the block ends."""
        thread = Thread(target=self._run, name="breaker")
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def _run(self) -> None:
        kill_at = time.monotonic() + self.kill_every_seconds
        try:
            while not self._stopped.wait(LOOK_SECONDS):
                self.replace_ended()
                self._break_servers()
                if time.monotonic() >= kill_at:
                    kill_at = time.monotonic() + self.kill_every_seconds
                    self._kill_next()
        except Exception as error:
            # Told at the end of the run, which it makes fail: a thread that dies is noticed by nobody.
            self.faults.append(f"breaking failed: {error!r}")

    def replace_ended(self) -> None:
        """Start a worker for each that ended by itself."""
        for worker in [worker for worker in self.site.workers if worker.poll() is not None]:
            self.site.workers.remove(worker)
            self.site.start_worker(pool=POOL)
            self.gave_up += 1

    def _kill_next(self) -> None:
        seen, self._seen = self._seen, {worker: _forked_by(worker) for worker in self.site.workers}
        forked = {worker: found for worker, found in self._seen.items() if found and seen.get(worker)}
        if not forked or (self.most_kills is not None and self.kills >= self.most_kills):
            return
        if self.kills % WHOLE_WORKER_EVERY == 0:
            self.site.kill_worker(next(iter(forked)))  # the one that runs longest
            self.site.start_worker(pool=POOL)
            self.whole_workers += 1
        else:
            pool = list(forked.values())[self.kills % len(forked)]
            with suppress(ProcessLookupError):  # it ended by itself just now
                os.kill(pool[self.kills % len(pool)], signal.SIGKILL)
        self.kills += 1

    def _break_servers(self) -> None:
        if self.servers is None:
            return
        if self.empty_redis_at and self.progress() >= self.empty_redis_at[0]:
            self.empty_redis_at.pop(0)
            self.servers.empty_redis()
            self.flushes += 1
        if self.crash_postgres_at and self.progress() >= self.crash_postgres_at[0]:
            self.crash_postgres_at.pop(0)
            self.servers.crash_postgres()
            self.crashes += 1


def _forked_by(worker: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that do a worker's work; none while it is still starting."""
    found = subprocess.run(["pgrep", "-P", str(worker.pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]
