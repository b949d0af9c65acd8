"""Run the tests against mutants, each in a forked copy of one pytest session.

The session collects and runs all tests once, and notes which of them call which function. A mutant is then a
fork: it takes a copy of the database's file, runs the changed source over the module in place, and runs the
tests that call the changed function until one fails. Nothing is imported, collected or migrated again.
"""

import ast
import builtins
import importlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from django.db import connection, connections

from tests.mutants.making import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
ROOMS = ("money", "accounts", "operations", "wallet", "catalog", "orders", "panel", "tests")
UNCHANGED = "(unchanged)"
CALLED = "_called_by_a_test"


@dataclass(slots=True)
class Score:
    """How many mutants a file has, and those that no test saw."""

    file: str
    mutants: int
    survivors: list[Mutant]


class Runner:
    """A pytest plugin in whose session the mutants of one file are run, instead of the tests alone.

    `score` is None when they could not be: `refused` then says why.
    """

    def __init__(self, file: str, *, jobs: int, only: str) -> None:
        self.file, self.jobs, self.only = file, jobs, only
        self.score: Score | None = None
        self.refused = "no test was run"
        self._failed = False
        self._seconds: dict[pytest.Item, float] = {}
        self._calls: dict[pytest.Item, set[str]] = {}
        self._session: pytest.Session

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Keep quiet: that tests fail is what is wanted."""
        config.pluginmanager.unregister(name="terminalreporter")

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test did not pass."""
        self._failed = self._failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests once, then the mutants."""
        self._session = session
        source = (ROOT / self.file).read_text()
        if red := self._learn(source):
            self.refused = "these tests fail without any mutant: " + ", ".join(red)
        elif not list(self._survivors([Mutant(self.file, "", UNCHANGED, source)])):
            self.refused = "its tests fail when it is run again unchanged"
        else:
            mutants = [each for each in mutants_of(self.file, source) if self.only in each.name]
            self.score = Score(self.file, len(mutants), sorted(self._survivors(mutants), key=mutants.index))
        return True

    def _learn(self, source: str) -> list[str]:
        """Note how long each test takes and what it calls; return the names of those that fail."""
        red, called = [], set[str]()
        setattr(builtins, CALLED, called)
        _run_over(self.file, _watched(source))
        for item in self._session.items:
            called.clear()
            self._forget()
            began = time.monotonic()
            if not self._passes(item):
                red.append(item.nodeid)
            self._seconds[item], self._calls[item] = time.monotonic() - began, set(called)
        connections.close_all()
        return red

    def _forget(self) -> None:
        """Empty the module's caches: else only the first test to ask for a value calls what works it out."""
        for each in vars(_module_of(self.file)).values():
            if hasattr(each, "cache_clear"):
                each.cache_clear()

    def _passes(self, item: pytest.Item) -> bool:
        self._failed = False
        # With the session as what comes next, all is taken down but what the session set up: the database.
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=self._session)
        return not self._failed

    def _survivors(self, mutants: Sequence[Mutant]) -> Iterator[Mutant]:
        """Run mutants side by side, and yield those that no test saw."""
        waiting, running = list(reversed(mutants)), dict[int, Mutant]()
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop()
                pid = os.fork()
                if pid == 0:
                    self._be(mutant)
                running[pid] = mutant
            pid, status = os.wait()
            Path(_database_of(pid)).unlink(missing_ok=True)
            mutant = running.pop(pid)
            if status == 0:
                yield mutant

    def _be(self, mutant: Mutant) -> None:
        """Be a mutant until a test fails or all have passed; never returns."""
        items = self._tests_of(mutant)
        # Whoever hangs is ended by the alarm, and has been seen.
        signal.alarm(30 + int(10 * sum(self._seconds[item] for item in items)))
        try:
            own, shared = _database_of(os.getpid()), Path(connection.settings_dict["NAME"])
            if shared.is_file():  # else no test asked has a database
                shutil.copy(shared, own)
                connection.settings_dict["NAME"] = own
            _run_over(mutant.file, mutant.source)
            os._exit(0 if all(self._passes(item) for item in items) else 1)
        except BaseException:
            os._exit(2)

    def _tests_of(self, mutant: Mutant) -> list[pytest.Item]:
        """Return the tests that call what was changed: its own file's first, the quick before the slow.

        For what no call of is noted, as in a class's body, those that call anything in the file.
        """
        noted = any(mutant.function in called for called in self._calls.values())
        items = [
            item for item, called in self._calls.items() if (mutant.function in called if noted else called)
        ]
        own = f"test_{Path(mutant.file).name}"
        return sorted(items, key=lambda item: (_flushes(item), item.path.name != own, self._seconds[item]))


def _flushes(item: pytest.Item) -> bool:
    """Tell whether a test empties the database after itself, as those with real commits do."""
    marker = item.get_closest_marker("django_db")
    fixtures = getattr(item, "fixturenames", ())
    return "transactional_db" in fixtures or bool(marker and marker.kwargs.get("transaction"))


def _database_of(pid: int) -> str:
    return f"{connection.settings_dict['NAME']}.{pid}"


def _watched(source: str) -> str:
    """Return a source in which each function says first that it was called."""
    tree = ast.parse(source)
    for outer in tree.body:
        inner = outer.body if isinstance(outer, ast.ClassDef) else [outer]
        for function in [each for each in inner if isinstance(each, ast.FunctionDef)]:
            name = function.name if inner == [outer] else f"{outer.name}.{function.name}"
            function.body.insert(0, ast.parse(f"{CALLED}.add({name!r})").body[0])
    return ast.unparse(tree)


def _module_of(file: str) -> ModuleType:
    return importlib.import_module(file.removesuffix(".py").replace("/", "."))


def _run_over(file: str, source: str) -> None:
    """Run a source over its module in place, and put what it defines wherever the old was imported."""
    module = _module_of(file)
    before = dict(vars(module))
    exec(compile(source, str(ROOT / file), "exec"), vars(module))
    for other in [each for name, each in sys.modules.items() if name.partition(".")[0] in ROOMS]:
        for name, old in before.items():
            if not name.startswith("__") and vars(other).get(name) is old:
                setattr(other, name, vars(module)[name])
