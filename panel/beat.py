"""Beat's scheduler: `celery -A panel beat`."""

import dbm
import logging

from celery.beat import PersistentScheduler

logger = logging.getLogger(__name__)


class Scheduler(PersistentScheduler):
    """Celery's own, which keeps the times of last runs in a file; without that file it goes on from memory.

    Celery's ends when the file cannot be written: the disk is full, or a second beat was started beside it by
    mistake and renames the same files. Orders would wait for a note about when they were last looked at.
    """

    schedule_filename: str

    def sync(self) -> None:
        """Write the times of last runs; a failure is logged, and tried again in three minutes."""
        try:
            super().sync()
        except dbm.error as error:
            logger.warning("beat.unwritten file=%s error=%s", self.schedule_filename, type(error).__name__)

    def close(self) -> None:
        """Write and close the file when beat ends; a failure is logged."""
        try:
            super().close()
        except dbm.error as error:
            logger.warning("beat.unwritten file=%s error=%s", self.schedule_filename, type(error).__name__)
