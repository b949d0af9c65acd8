"""The site as an operator starts it: gunicorn, a worker, beat and a sandbox provider, each a process."""

import os
import secrets
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
import requests

from tests.upstream.scripted import unused_url
from upstream.sandbox.journal import Row, read_journal

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90.0
PROVIDER = "Sandbox"
SANDBOX_KEY = "a-sandbox-key"
ALL = frozenset({"web", "worker", "beat"})

Seen = TypeVar("Seen")


def wait_for(look: Callable[[], Seen], what: str) -> Seen:
    """Look until something true is seen, and return it; fail with `what` when patience ends."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:
        if seen := look():
            return seen
        time.sleep(0.2)
    raise AssertionError(f"waited in vain for {what}")


def unused_port() -> int:
    """Return a port that nobody listens on."""
    port = urlsplit(unused_url()).port
    assert port is not None
    return port


@dataclass
class RunningSite:
    """Processes that serve one site, its environment, and where its sandbox provider writes."""

    url: str
    env: dict[str, str]
    journal_file: Path
    log_file: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def manage(self, *words: str, code: int = 0) -> str:
        """Run a command of `manage.py` and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a process of the site; what it prints goes to the log file."""
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def start_worker(self, *, pool: str = "threads", concurrency: int = 4) -> subprocess.Popen[bytes]:
        """Start one more Celery worker, with a pool of this kind ("threads" or "prefork")."""
        words = ("-q", "-A", "panel", "worker", "--pool", pool, "--concurrency", str(concurrency))
        # A name of its own: several workers are meant to run on one machine.
        worker = self.start("-m", "celery", *words, "--hostname", f"{uuid.uuid4().hex[:8]}@localhost")
        self.workers.append(worker)
        return worker

    def kill_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker with SIGKILL, whatever it is doing."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        self.workers.remove(worker)
        self.processes.remove(worker)

    def start_web(self, *options: str) -> subprocess.Popen[bytes]:
        """Start gunicorn."""
        bind = urlsplit(self.url).netloc
        return self.start("-m", "gunicorn", "panel.wsgi", "--bind", bind, *options)

    def start_beat(self) -> subprocess.Popen[bytes]:
        """Start beat; one is enough, and a second is an operator's mistake."""
        return self.start("-m", "celery", "-q", "-A", "panel", "beat")

    def stop(self) -> None:
        """End all processes, as a machine does that shuts down."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def journal(self) -> list[Row]:
        """Return what the sandbox provider accepted and ended so far."""
        return read_journal(self.journal_file)

    def log(self) -> str:
        """Return what the processes printed so far."""
        return self.log_file.read_text(errors="replace")


@contextmanager
def running_site(
    folder: Path,
    *,
    sandbox_options: tuple[str, ...] = (),
    provider_options: tuple[str, ...] = (),
    web_options: tuple[str, ...] = ("--threads", "4"),
    workers: int = 1,
    web: bool = True,
    beat: bool = True,
    variables: Mapping[str, str] | None = None,
) -> Iterator[RunningSite]:
    """Start a whole site in a folder, with a catalogue, and end it.

    On PostgreSQL and Redis if the tests run there, else on SQLite and files; `variables` of its environment
    come before both (an empty DATABASE_URL is SQLite).
    """
    port, sandbox_port = unused_port(), unused_port()
    env = _environment(folder, url=f"http://127.0.0.1:{port}") | dict(variables or {})
    site = RunningSite(env["SITE_URL"], env, folder / "sandbox.jsonl", folder / "site.log")
    with ExitStack() as stack:
        stack.enter_context(_own_database(env))
        stack.callback(site.stop)
        site.start("manage.py", "sandbox_provider", *_sandbox(site, sandbox_port), *sandbox_options)
        site.manage("migrate", "--verbosity", "0")
        sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        wait_for(lambda: _answers(sandbox_url), f"the sandbox provider\n{site.log()}")
        account = (PROVIDER, f"{sandbox_url}/api/v2", SANDBOX_KEY, "--currency", "RUB")
        site.manage("add_provider", *account, *provider_options)
        site.manage("sync_catalog", "--provider", PROVIDER)
        for _ in range(workers):
            site.start_worker()
        if beat:
            site.start_beat()
        if web:
            site.manage("collectstatic", "--no-input", "--verbosity", "0")
            site.start_web(*web_options)
            wait_for(lambda: _answers(f"{site.url}/healthz"), f"the web server\n{site.log()}")
        yield site


def _environment(folder: Path, *, url: str) -> dict[str, str]:
    # Not the machine's own environment: a site has what its operator gives it.
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    for name in ("DATABASE_URL", "REDIS_URL"):
        if os.environ.get(name):
            env[name] = os.environ[name]
    return env | {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "VAR_DIR": str(folder / "var"),
        "STATIC_ROOT": str(folder / "static"),
        "SITE_URL": url,
        "SITE_CURRENCY": "RUB",
        "REDIS_PREFIX": f"{uuid.uuid4().hex}:",
        "POLL_FIRST_SECONDS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _sandbox(site: RunningSite, port: int) -> list[str]:
    return [
        "--port",
        str(port),
        "--key",
        SANDBOX_KEY,
        "--services",
        "40",
        "--journal",
        str(site.journal_file),
    ]


@contextmanager
def _own_database(env: dict[str, str]) -> Iterator[None]:
    """Give the site a database of its own on the PostgreSQL that tests use; SQLite's lies in its folder."""
    if not env.get("DATABASE_URL"):
        yield
        return
    parts = urlsplit(env["DATABASE_URL"])
    name = f"panel_site_{uuid.uuid4().hex[:12]}"
    env["DATABASE_URL"] = urlunsplit(parts._replace(path=f"/{name}"))
    server = urlunsplit(parts._replace(scheme="postgresql", path="/postgres"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield
    finally:  # by another connection: the server may have been restarted meanwhile
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False
