"""How the process's allocator treats freed memory, and how much of it there still is to be had."""

import ctypes
import functools
from collections.abc import Iterator
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60  # version 1 writes "no limit" as the largest number of pages

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
    """Bytes of main memory that can be had without swapping; None where nothing says.

    The lower of what /proc/meminfo says and what the control groups of this process leave it (containers and batch
    systems set their limits so), of either version. File cache that the kernel can drop counts as free.
    """
    return min([*machine_memory(), *group_memory()], default=None)


def machine_memory() -> Iterator[int]:
    """What is free on the machine."""
    for line in read(PROC / "meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            yield 1024 * int(line.split()[1])


def group_memory() -> Iterator[int]:
    """What each control group above this process that has a limit leaves free."""
    for line in read(PROC / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, names = CGROUPS, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, names = CGROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = root / path.strip("/")
        for group in (folder, *folder.parents):
            limit = read(group / names[0]).strip()
            if limit.isdecimal() and int(limit) < UNLIMITED:
                stat = dict(line.split() for line in read(group / "memory.stat").splitlines())
                yield max(0, int(limit) - int(read(group / names[1]) or 0) + int(stat.get(names[2], 0)))
            if group == root:
                break


def read(path: Path) -> str:
    """A small text file; empty where there is none."""
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
