"""The broker of files, for a site without Redis: kombu's own transport, with messages that appear whole.

Kombu's writes a message under the name that readers look for: another process may take it half written,
and Celery's worker, which cannot know what that was, ends. Its table of queues has the same gap, open when
worker, beat and web start at once for the first time. And it takes a message by moving it to the machine's
folder for temporary files, often another file system, where a move is a copy that two readers can make.

Here a message is written and taken in a folder beside the queue's, `data_folder_aside` of the transport's
options, on the same file system: either is one rename, which one process wins, and whole. What can still be
cut short (a disk that is full, a machine that lost power) is logged and passed over: a message may be lost,
because the database is the queue.

Needs no settings: kombu imports it by its dotted path (CELERY_BROKER_TRANSPORT).
"""

import fcntl
import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Puts and takes messages by renaming files, and keeps the table of queues to one process at a time."""

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:  # type: ignore[override]
        """Write a message aside, then let readers see it; its name is as kombu's: time, random, queue."""
        name = f"{time.monotonic_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        written = self._aside / name
        try:
            written.write_bytes(str_to_bytes(dumps(payload)))
            os.replace(written, Path(self.data_folder_out) / name)
        except OSError as error:
            raise ChannelError(f"Cannot add {name} to the queue's folder") from error

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        """Take the oldest message that can be read; raises Empty where there is none."""
        for name in sorted(os.listdir(self.data_folder_in)):
            if name.partition(".")[2] == f"{queue}.msg":
                message = self._take(name)
                if message is not None:
                    return message
        raise Empty

    def _take(self, name: str) -> dict[str, Any] | None:
        """Return a message, for nobody else to get; None if another got it first, or if it is broken.

        A broken one stays aside, under the name that is logged.
        """
        taken = self._aside / name
        try:
            os.rename(Path(self.data_folder_in) / name, taken)
            message: dict[str, Any] = loads(bytes_to_str(taken.read_bytes()))
            taken.unlink()
        except FileNotFoundError:
            return None  # another worker was quicker
        except (OSError, ValueError) as error:
            logger.warning("broker.message_passed_over file=%s error=%s", taken, type(error).__name__)
            return None
        return message

    def get_table(self, exchange: str) -> list[filesystem.exchange_queue_t]:  # type: ignore[override]
        """Return which queues an exchange feeds."""
        with self._table():
            return super().get_table(exchange)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        with self._table():
            super()._queue_bind(exchange, routing_key, pattern, queue)

    def _delete(self, queue: str, exchange: str, *args: Any, **kwargs: Any) -> None:
        with self._table():
            super()._delete(queue, exchange, *args, **kwargs)

    @contextmanager
    def _table(self) -> Iterator[None]:
        """Keep others from the tables until the block ends: kombu opens, and empties, before it locks."""
        try:
            file = (self.control_folder / "lock").open("a")
        except OSError as error:
            raise ChannelError("Cannot lock the folder of queues") from error
        with file:  # closing it unlocks
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def _aside(self) -> Path:
        return Path(self.transport_options["data_folder_aside"])


class Transport(filesystem.Transport):
    """Kombu's transport of files with the channel above."""

    Channel = Channel
