"""A PostgreSQL and a Redis of the run's own, so that killing and emptying them hits nobody else."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from tests.site.processes import unused_port, wait_for

# Processes die here, machines do not: what was written reaches the files through the system's cache, whoever
# wrote it is killed. Waiting for the disk would only slow the run down. Commits wait for the write as ever.
WITHOUT_DISK = ("fsync=off", "full_page_writes=off")
MAX_CONNECTIONS = 200


@dataclass(frozen=True, slots=True)
class Servers:
    """The two servers of a run, and what is done to them."""

    database_url: str
    redis_url: str
    _postgres: "_Postgres"

    def crash_postgres(self) -> None:
        """End PostgreSQL without a shutdown, and start it again; it recovers from its log."""
        self.stop_postgres()
        self.start_postgres()

    def stop_postgres(self) -> None:
        """End PostgreSQL without a shutdown: whatever was under way in it is gone."""
        self._postgres.control("-m", "immediate", "stop")

    def start_postgres(self) -> None:
        """Start PostgreSQL again, and return when it answers."""
        self._postgres.start()

    def empty_redis(self) -> None:
        """Forget everything in Redis: messages, limits, cache."""
        with redis.Redis.from_url(self.redis_url) as connection:
            connection.flushall()


def can_be_started() -> bool:
    """Tell whether this machine has the programs of both servers."""
    return bool(_postgres_programs() and shutil.which("redis-server"))


@contextmanager
def own_servers() -> Iterator[Servers]:
    """Start a new PostgreSQL and a new Redis on free ports, and remove them."""
    with ExitStack() as stack:
        # Not in the caller's folder: PostgreSQL refuses to run as root, and "postgres" may not enter there.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="panel-servers-")))
        folder.chmod(0o755)
        postgres = _Postgres(folder / "postgres", unused_port())
        stack.callback(postgres.control, "-m", "immediate", "stop", check=False)
        postgres.create()
        postgres.start()
        redis_url = stack.enter_context(_own_redis(folder))
        yield Servers(f"postgres://panel@127.0.0.1:{postgres.port}/postgres", redis_url, postgres)


@dataclass(frozen=True, slots=True)
class _Postgres:
    folder: Path
    port: int

    def create(self) -> None:
        self.folder.mkdir()
        if _is_root():
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-U", "panel", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync")

    def start(self) -> None:
        options = ["-p", str(self.port), "-k", str(self.folder), "-h", "127.0.0.1"]
        for setting in (*WITHOUT_DISK, f"max_connections={MAX_CONNECTIONS}"):
            options += ["-c", setting]
        self.control("-l", str(self.folder / "log"), "-o", " ".join(options), "start")
        url = f"postgresql://panel@127.0.0.1:{self.port}/postgres"
        wait_for(lambda: _accepts(url), f"PostgreSQL, see {self.folder / 'log'}")

    def control(self, *words: str, check: bool = True) -> None:
        self._run("pg_ctl", "-w", *words, check=check)

    def _run(self, program: str, *words: str, check: bool = True) -> None:
        programs = _postgres_programs()
        assert programs is not None, "this machine has no PostgreSQL"
        command = [str(programs / program), "-D", str(self.folder / "data"), *words]
        if _is_root():
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd=self.folder.parent, timeout=120)


@contextmanager
def _own_redis(folder: Path) -> Iterator[str]:
    port = unused_port()
    url = f"redis://127.0.0.1:{port}/0"
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _pongs(url), "Redis")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def _postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, the newest where there are several."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: float(folder.parent.name))
    program = shutil.which("initdb")
    return Path(program).parent if program else None


def _is_root() -> bool:
    return os.geteuid() == 0


def _accepts(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _pongs(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as connection:
            return bool(connection.ping())
    except redis.RedisError:
        return False
