"""Namespaces of one's own, without any privilege: no network, no other process in sight, no files of the machine's.

The file system is Python's own library, read-only, and one small folder in memory. Source: Linux's namespaces(7) and
pivot_root(2).
"""

import ctypes
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from glassworks.evaluate.sandbox.walls.libc import (
    CALLS,
    DUMPABLE,
    LIBC,
    MACHINE,
    PARENT_DEATH,
    checked,
    prctl,
    syscall,
)
from glassworks.evaluate.sandbox.walls.limits import NOBODY, become_nobody

MOUNTS, IPC, USER, PID, NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000  # of unshare
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16_384, 1 << 18
DETACH, KILL = 2, 9
SCRATCH, SCRATCH_OPTIONS = "/scratch", b"size=16m,nr_inodes=1024,mode=0777"
"""The one folder that a program may write to, and how much it holds: 16 MB and 1,024 files."""


def mount(source: str, target: str, kind: str | None, flags: int, options: bytes | None = None) -> None:
    """A mount; OSError where it is refused."""
    known = kind.encode() if kind else None
    result = LIBC.mount(source.encode(), target.encode(), known, ctypes.c_ulong(flags), options)
    checked(result, f"mount {target}")


def enter(readable: Sequence[str], hidden: Sequence[str], links: Mapping[str, str]) -> None:
    """Leave the machine's own network, processes and files for namespaces that hold only some folders, read-only.

    What this process begins afterwards is the first of its namespace of processes: when it ends, all others do. Root
    sees to the files while it can, as Python may lie in a folder of its own; it goes in as nobody.
    """
    own = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)
    narrowed = False
    if os.geteuid() == 0:
        with suppress(OSError):  # root of a container, which may do no more than others
            checked(LIBC.unshare(MOUNTS), "unshare")
            narrowed = True
        if narrowed:
            narrow(readable, hidden, links)
    become_nobody()
    prctl(DUMPABLE, 1)  # what became nobody may still write its own map
    user, group = os.geteuid(), os.getegid()
    checked(LIBC.unshare(USER | MOUNTS | NETWORK | PID | IPC), "unshare")
    for name, value in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {user} 1"), ("gid_map", f"{NOBODY} {group} 1")):
        written = os.open(name, os.O_WRONLY, dir_fd=own)
        os.write(written, value.encode())
        os.close(written)
    os.close(own)
    if not narrowed:
        narrow(readable, hidden, links)
    fresh_scratch()


def narrow(readable: Sequence[str], hidden: Sequence[str], links: Mapping[str, str]) -> None:
    """Make a file system of some folders, read-only, the whole of what this process sees."""
    mount("none", "/", None, RECURSIVE | PRIVATE)
    folders = [(name, os.open(name, os.O_PATH | os.O_DIRECTORY)) for name in readable]
    mount("tmpfs", "/tmp", "tmpfs", NO_SUID | NO_DEVICES, b"size=1m,mode=0755")
    for name, folder in folders:
        place = f"/tmp{name}"
        Path(place).mkdir(exist_ok=True, parents=True)
        mount(f"/proc/self/fd/{folder}", place, None, BIND)
        os.close(folder)
        kept = os.statvfs(place).f_flag & (NO_SUID | NO_DEVICES | NO_EXEC)  # what is locked must be said again
        mount("none", place, None, BIND | REMOUNT | READ_ONLY | NO_SUID | NO_DEVICES | kept)
    for name in hidden:
        mount("tmpfs", f"/tmp{name}", "tmpfs", READ_ONLY | NO_SUID | NO_DEVICES, b"size=4k")
    for name, leads in links.items():
        Path(f"/tmp{name}").parent.mkdir(exist_ok=True, parents=True)
        Path(f"/tmp{name}").symlink_to(leads)
    Path(f"/tmp{SCRATCH}").mkdir(exist_ok=True, parents=True)
    os.chdir("/tmp")
    syscall(CALLS[MACHINE]["pivot_root"], b".", b".", what="pivot_root")
    checked(LIBC.umount2(b".", DETACH), "umount")
    os.chdir("/")
    mount("none", "/", None, BIND | REMOUNT | READ_ONLY | NO_SUID | NO_DEVICES)


def fresh_scratch() -> None:
    """An empty folder to write to; what lay in the last one is gone, whatever its rights."""
    with suppress(OSError):
        checked(LIBC.umount2(SCRATCH.encode(), DETACH), "umount")
    mount("tmpfs", SCRATCH, "tmpfs", NO_SUID | NO_DEVICES | NO_EXEC, SCRATCH_OPTIONS)


def first_process() -> int | None:
    """Begin the first process of the namespace: None in it, and its number in the one that began it."""
    child = os.fork()
    if child == 0:
        prctl(PARENT_DEATH, KILL)
        return None
    return child
