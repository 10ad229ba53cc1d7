"""How the process's allocator treats freed memory."""

import ctypes
import functools
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


@functools.cache
def keep_freed_memory() -> bool:
    """Keep what is freed for the next allocation instead of returning it to the kernel; whether that was possible.

    A training step on a CPU frees its activations and asks for them again. By default glibc unmaps large blocks, and
    the next step pays a page fault for every 4 kB. The peak of memory in use does not change;
    what changes is that the process stays at its peak. Linux with glibc only; elsewhere nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 1 << 30)) and bool(mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1))


def free_memory() -> int | None:
    """Bytes of main memory that can be had without swapping, by /proc/meminfo; None where there is none."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(found[0]) if found else None
