"""Ending a worker without cutting its calls off: once it is asked to stop, its loops take nothing new.

Celery's warm shutdown waits for tasks to end, and ours go on while anything is due. The flag is a byte of
memory that forked processes share, made when this module is imported, which is before Celery's pool forks.
An Event of `multiprocessing` holds a lock while it is looked at, and a process killed at that moment would
stop all others; reading and writing one byte needs none, not even in a signal's handler.
"""

import mmap

_asked = mmap.mmap(-1, 1)


def drain() -> None:
    """Ask the loops of this process, and of those that it forked or will fork, to take nothing new."""
    _asked[0] = 1


def is_draining() -> bool:
    """Tell whether a loop is to end as soon as what it has under way is done."""
    return bool(_asked[0])
