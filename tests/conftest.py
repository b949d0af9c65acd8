"""The fixed cast and the real parts that tests talk to."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from auditlog.context import auditlog_value
from django.conf import settings
from django.db import connection
from django.test import Client as Browser
from xdist.scheduler import LoadScopeScheduling

from accounts.models import User
from orders.auditing import audit_orders
from tests.factories import make_user
from upstream.sandbox import MovedClock, SandboxServer, Settings
from wallet.auditing import audit_ledger

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""


def pytest_configure() -> None:
    """Let SQLite's tests use a file, as the site does: threads then meet real locks."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = str(settings.VAR_DIR / "test.sqlite3")
    # Tests that hash passwords by the hundred need no slow hash.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


# --- What a machine may lack: tests that need it are skipped by name, and in CI a skip fails the run -------


def _redis_answers() -> bool:
    try:
        return bool(settings.REDIS_URL and redis.Redis.from_url(settings.REDIS_URL).ping())
    except redis.RedisError:
        return False


LACKS: dict[str, Callable[[], bool]] = {
    "needs_postgres": lambda: not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"),
    "needs_redis": lambda: not _redis_answers(),
    "needs_chromium": lambda: not Path(CHROMIUM).is_file(),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a part that this machine lacks, and put the rest into an order that ends soon."""
    _skip_what_lacks_a_part(items)
    _begin_with_the_longest(items)


def _skip_what_lacks_a_part(items: list[pytest.Item]) -> None:
    for name, lacking in LACKS.items():
        marked = [item for item in items if item.get_closest_marker(name)]
        if marked and lacking():
            part = name.removeprefix("needs_").capitalize()
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=f"needs {part}"))


LONG = ("/chaos/", "/recovery/", "/site/", "_machine.py")
"""What takes many seconds a test, by its path: begun last, one process would run it while the others idle."""


SHARED = {
    "tests/recovery/test_beat_started_twice.py": "bare_site",
    "tests/recovery/test_deploying.py": "bare_site",
    "tests/recovery/test_killing_workers.py": "bare_site",
    "tests/recovery/test_restarting_servers.py": "served_site",
    "tests/site/test_connections.py": "site",
    "tests/site/test_main_job.py": "site",
    "tests/site/test_walk.py": "site",
}
"""Files by the site that they use: it is started once, in the one process that gets all their tests."""


class OneByOne(LoadScopeScheduling):
    """Gives each process a test at a time, in order, and the tests of a shared site together."""

    def _split_scope(self, nodeid: str) -> str:
        return SHARED.get(nodeid.partition("::")[0], nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneByOne:
    """Take the scheduler above; xdist's own groups are lost on this pytest."""
    return OneByOne(config, log)


def _begin_with_the_longest(items: list[pytest.Item]) -> None:
    """Sort long tests to the front; those that empty the database, with what migrations wrote, stay last."""

    def place(item: pytest.Item) -> tuple[bool, bool]:
        marker = item.get_closest_marker("django_db")
        empties = marker is not None and bool(marker.kwargs.get("transaction"))
        empties = empties or "transactional_db" in getattr(item, "fixturenames", ())
        return empties, not any(part in item.path.as_posix() for part in LONG)

    items.sort(key=place)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped something where everything is said to be there (ALL_PARTS=1)."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("ALL_PARTS") == "1" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


# --- Database ---------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="session")
def _flush_past_triggers() -> Iterator[None]:
    """Let the flush after a transactional test past the triggers that keep entries from being deleted.

    PostgreSQL's flush truncates, which fires no such trigger.
    """
    if connection.vendor != "sqlite":
        yield
        return
    operations = type(connection.ops)
    plain = operations.sql_flush

    def sql_flush(self: Any, *args: Any, **kwargs: Any) -> list[str]:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
        drops = [f"DROP TRIGGER {name}" for name, _ in triggers]
        return [*drops, *plain(self, *args, **kwargs), *(sql for _, sql in triggers)]

    operations.sql_flush = sql_flush
    yield
    operations.sql_flush = plain


@pytest.fixture(autouse=True)
def _books_agree(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prove the money after each test that has a database, but for those that tamper with it."""
    uses_database = {"db", "transactional_db"} & set(request.fixturenames)
    if not uses_database and request.node.get_closest_marker("django_db") is None:
        yield
        return
    request.getfixturevalue("db")  # set up before this fixture, and so taken down after it
    yield
    if request.node.get_closest_marker("tampers") is None:
        assert [*audit_ledger(), *audit_orders()] == []


@pytest.fixture
def commits(django_capture_on_commit_callbacks: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A context manager that runs what waits for the commit; gathers the tasks sent: name, args."""
    sent: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr("operations.waking._send", lambda task, *args: sent.append((task, args)))

    class Commits:
        def __enter__(self) -> list[tuple[str, tuple[int, ...]]]:
            self.capture = django_capture_on_commit_callbacks(execute=True)
            self.capture.__enter__()
            return sent

        def __exit__(self, *error: object) -> None:
            self.capture.__exit__(*error)

    return Commits()


# --- Pages ------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _unhashed_static_files(settings: Any) -> None:
    """Let pages be rendered without collectstatic."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(autouse=True)
def _nobodys_request() -> None:
    """Forget whose request was the last: auditlog remembers it until the thread's next one."""
    auditlog_value.set({"actor": None})


# --- The cast ---------------------------------------------------------------------------------------------


@pytest.fixture
def alice(db: None) -> User:
    """A customer."""
    return make_user("alice@example.com", name="Alice")


@pytest.fixture
def boris(db: None) -> User:
    """Another customer, who must see nothing of Alice's."""
    return make_user("boris@example.com", name="Boris")


@pytest.fixture
def olga(db: None) -> User:
    """The operator, who may do everything in admin."""
    return make_user("olga@example.com", name="Olga", is_staff=True, is_superuser=True)


@pytest.fixture
def sasha(db: None) -> User:
    """Support: a member of staff without rights of their own."""
    return make_user("sasha@example.com", name="Sasha", is_staff=True)


@pytest.fixture
def operator(client: Browser, olga: User) -> Browser:
    """A browser in which Olga is logged in."""
    client.force_login(olga)
    return client


# --- The provider -----------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> MovedClock:
    """The sandbox's clock, which stands until a test moves it."""
    return MovedClock()


@pytest.fixture
def sandbox(clock: MovedClock) -> Iterator[SandboxServer]:
    """A sandbox provider on a socket: five services, 10,000 RUB, orders that live a minute."""
    with SandboxServer(Settings(services=5, life_seconds=60, spam_seconds=0), clock=clock) as server:
        yield server
