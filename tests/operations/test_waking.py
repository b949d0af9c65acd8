import json
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery.signals import task_prerun
from django.db import transaction

from operations.tasks import mail_alerts
from operations.waking import wake
from tests.panel.processes import SECRET_KEY, environment, run_in_site
from tests.upstream.scripted import unused_url

TASK = "orders.tasks.forward_provider"

WAKE = f"""
from django.db import transaction
from operations.tasks import mail_alerts
from operations.waking import wake
with transaction.atomic():
    wake("{TASK}", 7)
print("committed")
"""


def test_nothing_is_sent_before_the_commit(db: None, commits: Any) -> None:
    with commits as sent, transaction.atomic():
        wake(TASK, 7)
        assert sent == []

    assert sent == [(TASK, (7,))]


def test_nothing_is_sent_after_a_rollback(db: None, commits: Any) -> None:
    with commits as sent:
        with transaction.atomic():
            wake(TASK, 7)
            transaction.set_rollback(True)
        with transaction.atomic():
            wake(TASK, 8)

    assert sent == [(TASK, (8,))]


@pytest.mark.django_db(transaction=True)
def test_a_real_commit_sends_and_a_real_rollback_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr("operations.waking._send", lambda *message: sent.append(message))

    with transaction.atomic():
        wake(TASK, 7)
        transaction.set_rollback(True)
    assert sent == []

    with transaction.atomic():
        with transaction.atomic():
            wake(TASK, 8)
        assert sent == []
    wake(TASK, 9)  # outside a transaction there is nothing to wait for
    assert sent == [(TASK, 8), (TASK, 9)]


def test_a_broker_of_files_gets_the_message(tmp_path: Path) -> None:
    done = run_in_site(WAKE, env=environment(tmp_path, SECRET_KEY=SECRET_KEY))

    assert (done.returncode, done.stdout, done.stderr) == (0, "committed\n", "")
    (message,) = (json.loads(file.read_text()) for file in (tmp_path / "broker" / "queue").glob("*.msg"))
    assert (message["headers"]["task"], message["headers"]["argsrepr"]) == (TASK, "(7,)")


def test_a_broker_that_is_down_is_logged_and_swallowed(tmp_path: Path) -> None:
    redis_url = f"redis://127.0.0.1:{urlsplit(unused_url()).port}/0"

    done = run_in_site(WAKE, env=environment(tmp_path, SECRET_KEY=SECRET_KEY, REDIS_URL=redis_url))

    assert (done.returncode, done.stdout) == (0, "committed\n")
    assert f"task.not_sent task={TASK} error=RedisAway" in done.stderr.splitlines()[-1]


@pytest.fixture
def hanging_up() -> Iterator[tuple[str, list[int]]]:
    """A broker that hangs up at once: its address, and a list that grows by each connection."""
    tries: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                tries.append(1)
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0", tries
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)


def test_a_request_does_not_wait_for_a_broker_to_come_back(
    tmp_path: Path, hanging_up: tuple[str, list[int]]
) -> None:
    redis_url, tries = hanging_up

    done = run_in_site(WAKE, env=environment(tmp_path, SECRET_KEY=SECRET_KEY, REDIS_URL=redis_url))

    assert (done.returncode, done.stdout) == (0, "committed\n")
    assert "task.not_sent" in done.stderr
    assert len(tries) == 1  # to note that a message lies unread; none is sent then


def test_a_folder_that_cannot_be_written_is_logged_and_swallowed(tmp_path: Path) -> None:
    env = environment(tmp_path, SECRET_KEY=SECRET_KEY)
    lost = f"import shutil; shutil.rmtree({str(tmp_path / 'broker')!r})\n"

    done = run_in_site(lost + WAKE, env=env)

    assert (done.returncode, done.stdout) == (0, "committed\n")
    assert f"task.not_sent task={TASK}" in done.stderr


SEND_AND_READ = f"""
from operations import waking
from panel.celery import app
def unread():
    with app.connection_for_read() as connection:
        return connection.default_channel.client.llen(app.amqp.queues[app.conf.task_default_queue].name)
waking.wake("{TASK}", 7)
waking.wake("{TASK}", 7)
waking.wake("{TASK}", 8)
print(unread())
waking.heard("{TASK}", 7)
waking.wake("{TASK}", 7)
waking.wake("{TASK}", 8)
print(unread())
with app.connection_for_write() as connection:
    app.amqp.queues[app.conf.task_default_queue](connection.default_channel).purge()
"""


@pytest.mark.needs_redis
def test_a_message_that_lies_unread_is_not_sent_again(tmp_path: Path, settings: Any) -> None:
    env = environment(
        tmp_path, SECRET_KEY=SECRET_KEY, REDIS_URL=settings.REDIS_URL, REDIS_PREFIX=f"{uuid.uuid4().hex}:"
    )
    done = run_in_site(SEND_AND_READ, env=env)
    assert (done.returncode, done.stdout) == (0, "2\n3\n"), done.stderr


def test_a_worker_lets_the_next_message_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[object, ...]] = []
    monkeypatch.setattr("operations.waking.heard", lambda *message: read.append(message))
    task_prerun.send(sender=mail_alerts, task=mail_alerts, args=(7,), task_id="1", kwargs={})
    assert read == [("operations.tasks.mail_alerts", 7)]
