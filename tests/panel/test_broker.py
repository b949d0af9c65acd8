"""The broker of files over real files: what readers see is whole, and what is not stops nobody."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from celery import Celery
from kombu import Connection
from kombu.exceptions import ChannelError
from kombu.transport import filesystem

from tests.panel.processes import SECRET_KEY, environment, start
from tests.site.processes import wait_for

QUEUE = "celery"
WRITERS = 3
MESSAGES = 150
FULL = {"body": "x" * 20_000}
"""More than one write's worth, so that a reader meets a file that grows where one can."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A broker's folder as the settings make it."""
    for name in ("queue", "aside", "control"):
        (tmp_path / name).mkdir()
    return tmp_path


def channel(folder: Path, transport: str = "panel.broker:Transport") -> Any:
    """Return a channel as kombu makes it for the settings' transport."""
    options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "data_folder_aside": str(folder / "aside"),
        "control_folder": str(folder / "control"),
    }
    return Connection("filesystem://localhost//", transport=transport, transport_options=options).channel()


def put_all(folder: Path, writer: int) -> None:
    """Put this writer's messages."""
    mine = channel(folder)
    for number in range(MESSAGES):
        mine._put(QUEUE, FULL | {"id": [writer, number]})


def get_all(folder: Path, done: Path) -> list[list[int]]:
    """Return the ids of the messages got until the queue is empty and nobody writes any more."""
    mine, got = channel(folder), []
    while True:
        ended = done.exists()
        try:
            message = mine._get(QUEUE)
        except Empty:
            if ended:
                return got
        else:
            assert message["body"] == FULL["body"]
            got.append(message["id"])


def test_many_put_while_many_get_and_each_message_arrives_once(folder: Path) -> None:
    done = folder / "done"
    with (
        ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as processes,
        ThreadPoolExecutor(max_workers=WRITERS + 1) as threads,
    ):
        readers = [pool.submit(get_all, folder, done) for pool in (processes, processes, threads)]
        writers = [threads.submit(put_all, folder, writer) for writer in range(WRITERS)]
        for one in writers:
            one.result(timeout=120)
        done.touch()
        got = [message for reader in readers for message in reader.result(timeout=120)]

    assert sorted(got) == [[writer, number] for writer in range(WRITERS) for number in range(MESSAGES)]
    assert list((folder / "queue").iterdir()) == list((folder / "aside").iterdir()) == []


@pytest.mark.parametrize("transport", ["panel.broker:Transport", "filesystem"])
def test_a_reader_between_the_opening_and_the_writing_sees_nothing_yet(
    folder: Path, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With kombu's own transport as the control: there the same reader meets half a message."""
    writer, reader = channel(folder, transport), channel(folder, transport)
    seen: list[str] = []

    def look() -> None:
        try:
            reader._get(QUEUE)
        except Empty:
            seen.append("nothing")
        except ValueError:
            seen.append("half a message")

    _look_midway(monkeypatch, look)
    writer._put(QUEUE, FULL)
    monkeypatch.undo()

    if transport == "filesystem":
        assert seen == ["half a message"]
    else:
        assert seen == ["nothing"]
        assert reader._get(QUEUE) == FULL


def _look_midway(monkeypatch: pytest.MonkeyPatch, look: Callable[[], None]) -> None:
    """Let `look` run when a message's file is there and not yet written, in either transport."""
    dumps = filesystem.dumps

    def kombus(payload: Any) -> Any:
        look()
        return dumps(payload)

    def ours(file: Path, data: bytes) -> int:
        with file.open("wb", buffering=0) as opened:
            opened.write(data[:10])
            look()
            return 10 + opened.write(data[10:])

    monkeypatch.setattr(filesystem, "dumps", kombus)
    monkeypatch.setattr(Path, "write_bytes", ours)


@pytest.mark.parametrize("broken", [b"", b'{"body": "half', b"\xff\xfe"])
def test_a_broken_file_is_passed_over_and_logged(
    folder: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    mine = channel(folder)
    (folder / "queue" / f"0_broken.{QUEUE}.msg").write_bytes(broken)
    mine._put(QUEUE, {"id": 1})

    with caplog.at_level(logging.WARNING):
        assert mine._get(QUEUE) == {"id": 1}
        with pytest.raises(Empty):
            mine._get(QUEUE)

    (record,) = caplog.records
    assert record.getMessage().startswith("broker.message_passed_over file=")


def test_queues_do_not_get_each_others_messages_and_old_ones_come_first(folder: Path) -> None:
    mine = channel(folder)
    mine._put("other", {"id": 0})
    for number in (1, 2):
        mine._put(QUEUE, {"id": number})
        time.sleep(0.002)  # names count milliseconds

    assert [mine._get(QUEUE)["id"] for _ in range(2)] == [1, 2]
    with pytest.raises(Empty):
        mine._get(QUEUE)
    assert mine._size("other") == 1


def test_a_folder_that_is_gone_is_kombus_error(folder: Path) -> None:
    mine = channel(folder)
    (folder / "aside").rmdir()

    with pytest.raises(ChannelError):
        mine._put(QUEUE, {"id": 1})
    assert list((folder / "queue").iterdir()) == []


def test_processes_that_start_at_once_all_find_the_table_of_queues(folder: Path) -> None:
    ready = threading.Barrier(6)

    def bind(number: int) -> None:
        mine = channel(folder)
        for round_ in range(20):
            ready.wait(timeout=20)
            mine._queue_bind(f"exchange{round_}", "", None, f"queue{number}")
            assert f"queue{number}" in {row.queue for row in mine.get_table(f"exchange{round_}")}

    with ThreadPoolExecutor(max_workers=6) as threads:
        for one in [threads.submit(bind, number) for number in range(6)]:
            one.result(timeout=120)

    for round_ in range(20):
        queues = {row.queue for row in channel(folder).get_table(f"exchange{round_}")}
        assert queues == {f"queue{number}" for number in range(6)}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[tuple[Any, Path]]:
    """A worker's process, started on a queue whose first file is broken, and the broker's folder."""
    folder = tmp_path / "broker"
    for name in ("queue", "aside", "control"):
        (folder / name).mkdir(parents=True)
    (folder / "queue" / f"0_broken.{QUEUE}.msg").write_bytes(b'{"body": "half')
    words = ("-m", "celery", "-q", "-A", "panel", "worker", "--pool", "threads", "--concurrency", "1")
    process = start(*words, env=environment(tmp_path, SECRET_KEY=SECRET_KEY))
    yield process, folder
    process.terminate()
    process.communicate(timeout=60)


def test_a_worker_lives_on_after_a_broken_file(worker: tuple[Any, Path]) -> None:
    process, folder = worker
    with Celery(broker="filesystem://localhost//") as app:
        app.conf.broker_transport = "panel.broker:Transport"
        app.conf.broker_transport_options = dict(channel(folder).transport_options)
        app.send_task("celery.backend_cleanup")

        def is_taken() -> bool:
            return process.poll() is not None or not list((folder / "queue").glob(f"*.{QUEUE}.msg"))

        wait_for(is_taken, "the worker to take both files")
    assert process.poll() is None, process.communicate()
