"""`manage.py sandbox_provider` as a process of its own."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.conf import settings
from django.core.management import CommandError, call_command

from upstream.sandbox import SandboxServer
from upstream.sandbox.journal import Accepted, read_journal


@contextmanager
def provider(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command on a free port; give the process and its address."""
    command = [
        sys.executable,
        str(settings.BASE_DIR / "manage.py"),
        "sandbox_provider",
        "--port",
        "0",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.fullmatch(r"Sandbox provider: (http://127\.0\.0\.1:\d+/api/v2) key (\S+)\n", line)
            assert match, line or process.communicate()[1]
            yield process, match[1]
        finally:
            process.kill()


def ask(url: str, **fields: str) -> object:
    return requests.post(url, data={"key": "secret-1", **fields}, timeout=5).json()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_cleanly(number: signal.Signals) -> None:
    options = [
        "--key",
        "secret-1",
        "--dialect",
        "classic",
        "--balance",
        "5.5",
        "--currency",
        "USD",
        "-v",
        "2",
    ]
    with provider(*options) as (process, url):
        assert ask(url, action="balance") == {"balance": "5.50000", "currency": "USD"}
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert output == "POST balance 200\n"
    assert errors == ""


def test_calls_are_not_told_by_default() -> None:
    with provider("--key", "secret-1") as (process, url):
        ask(url, action="balance")
        process.terminate()
        assert process.communicate(timeout=10) == ("", "")


def test_orders_survive_a_kill(tmp_path: Path) -> None:
    journal = tmp_path / "new" / "journal.jsonl"
    options = ["--key", "secret-1", "--journal", str(journal), "--life", "1000", "--lost", "0"]
    with provider(*options) as (process, url):
        rows = requests.get(url, params={"key": "secret-1", "action": "services"}, timeout=5).json()
        least = rows[0]["min"].replace(".", "")
        assert ask(url, action="add", service="1", link="a", quantity=least) == [{"order": "1242"}]
        process.kill()
    assert [row.order for row in read_journal(journal) if isinstance(row, Accepted)] == ["1242"]
    with provider(*options) as (process, url):
        [answer] = ask(url, action="status", order="1242")  # type: ignore[misc]
        assert answer["status"] == "Pending"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--services", "20001"], "the number of services must be within 0 and 20000"),
        (["--balance", "much"], "much is no amount"),
        (["--balance=-1"], "the balance must be an amount, 0 or more"),
        (["--html", "1.5"], "argument --html: 1.5 is no share"),
        (["--lost", "half"], "argument --lost: half is no number"),
        (["--lost", "0.6", "--slow", "0.6"], "must not be more than 1 together"),
        (["--partial", "0.6", "--canceled", "0.6"], "must not be more than 1 together"),
        (["--life", "nan"], "the life must be a number"),
        (["--spam-seconds=-1"], "the spam protection must be a number"),
        (["--key", " "], "the key must not be empty"),
        (["--port", "70000"], "Cannot serve on 127.0.0.1:70000"),
        (["--dialect", "modern"], "invalid choice"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=re.escape(text)):
        call_command("sandbox_provider", *options)


def test_a_taken_port_is_refused() -> None:
    with SandboxServer() as taken:
        port = taken.url.split(":")[2].removesuffix("/api/v2")
        with pytest.raises(CommandError, match=f"Cannot serve on 127.0.0.1:{port}"):
            call_command("sandbox_provider", "--port", port)
