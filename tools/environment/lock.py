"""A lock between processes that the system frees when its holder ends, however it ends."""

import errno
import os
import time
from contextlib import contextmanager

BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextmanager
def held(path, *, waiting):
    """Hold the lock of a file for the length of a block.

    Args:
        path: the lock file; made when it is missing, never removed.
        waiting: printed once when another process holds the lock; then this one waits without limit.
    """
    with open(path, "a", encoding="utf-8") as file:
        if not _try(file):
            print(waiting, flush=True)
            while not _try(file):
                time.sleep(0.3)
        yield  # closing the file frees the lock


def _try(file):
    """True when the lock was got, or when this file system has no locks."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in BUSY
    return True
