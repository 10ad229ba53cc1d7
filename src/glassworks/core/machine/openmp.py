"""The OpenMP that torch computes with: where it is, how its threads are let go, and how they are kept from spinning."""

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

PAUSE_SOFT = 1
"""OpenMP 5.0's omp_pause_soft: threads end, what they hold in memory of their own stays."""


def openmp() -> ctypes.CDLL | None:
    """The library of torch's CPU operations, through which its own OpenMP is found, not another's that is loaded, too.

    None before torch is imported, where its OpenMP is not GNU's or too old to let its threads go, and in a process
    forked from one that had imported it: the threads are left behind there, and OpenMP would wait for them for ever.
    """
    torch = sys.modules.get("torch")
    file = getattr(torch, "__file__", None)  # None as well while torch is being imported
    if file is None or forked:
        return None
    try:
        library = ctypes.CDLL(str(Path(file).parent / "lib" / "libtorch_cpu.so"), mode=os.RTLD_NOLOAD)
    except (OSError, AttributeError):  # it is not loaded yet, or there is no such file or mode, as on macOS
        return None
    known = hasattr(library, "omp_pause_resource_all") and hasattr(library, "GOMP_parallel")
    return library if known and not hasattr(library, "__kmpc_fork_call") else None  # which is LLVM's


forked = False


def leave_behind() -> None:
    """Take note that this process was forked from one that may have computed with torch."""
    global forked
    forked = "torch" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=leave_behind)


def renew_threads() -> None:
    """Let the threads go that torch computes with for this one; they are started again when they are needed."""
    library = openmp()
    if library is not None:
        library.omp_pause_resource_all(PAUSE_SOFT)


MOST = 64
"""Cores up to which a crowd is kept: on more of them a busy one hardly holds the others up."""


def crowd(library: ctypes.CDLL) -> Callable[[], None] | None:
    """Keep so many idle threads that OpenMP counts more than there are cores; call what is returned to end them.

    None, and nothing is done, where they are too many, or more than the system lets start.

    It then has threads that wait for others fall asleep almost at once, as documented for GOMP_SPINCOUNT, instead of
    spinning for milliseconds. As many threads as before share the work, in the same way: no number changes.
    """
    count = cores() + 1
    if count > MOST or not can_start(count):
        return None
    leave = threading.Event()
    nothing = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)  # of a null pointer

    def stay() -> None:
        library.GOMP_parallel(nothing, None, count, 0)
        leave.wait()  # a thread's team ends with it

    threading.Thread(target=stay, name="glassworks-idle", daemon=True).start()
    return leave.set


def cores() -> int:
    """The cores that this process may run on, as OpenMP counts them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_start(count: int) -> bool:
    """Whether so many more threads can be had at once, found out by Python's: OpenMP, refused one, ends the process."""
    leave, started = threading.Event(), list[threading.Thread]()
    try:
        for _ in range(count):
            thread = threading.Thread(target=leave.wait, daemon=True)
            thread.start()
            started.append(thread)
    except (RuntimeError, MemoryError):
        return False
    finally:
        leave.set()
        for thread in started:
            thread.join()
    return True
