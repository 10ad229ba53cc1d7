"""Limits that every Unix has, and an identity without rights: for one process, for good."""

import os
import resource
from contextlib import suppress
from functools import partial

NOBODY = 65_534
FILES, FILE_BYTES = 32, 1 << 20
"""Open at once; of one file."""


def limit(seconds: float, megabytes: int) -> None:
    """Processor seconds, megabytes of memory, and no core dump, no new process or thread, small files and few of them.

    What a system does not know, or already limits more, stays as it is: macOS holds no process to RLIMIT_AS.
    """
    hold(resource.RLIMIT_CPU, int(seconds) + 1)
    hold(resource.RLIMIT_AS, megabytes << 20)
    hold(resource.RLIMIT_CORE, 0)
    hold(resource.RLIMIT_FSIZE, FILE_BYTES)
    hold(resource.RLIMIT_NOFILE, FILES)
    hold(resource.RLIMIT_NPROC, 0)
    for name in ("RLIMIT_MSGQUEUE", "RLIMIT_MEMLOCK"):
        if hasattr(resource, name):
            hold(getattr(resource, name), 0)


def hold(kind: int, most: int) -> None:
    """One limit, for both what is and what may be asked for."""
    now = resource.getrlimit(kind)[1]
    if now != resource.RLIM_INFINITY:
        most = min(most, now)
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (most, most))


def become_nobody() -> None:
    """Of root, an identity that owns nothing; of anybody else, who they are.

    Root of a container that knows one user alone stays who that is: it is somebody without rights outside.
    """
    if os.geteuid() != 0:
        return
    for change in (
        partial(os.setgroups, []),
        partial(os.setresgid, *[NOBODY] * 3),
        partial(os.setresuid, *[NOBODY] * 3),
    ):
        with suppress(OSError):
            change()
