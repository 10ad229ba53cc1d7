"""Landlock: a process lists the folders that it may still read or write, and gives up all other files for good.

It needs no privilege. Source: Linux's Documentation/userspace-api/landlock.rst; ABI 1 is of Linux 5.13, ABI 4 adds TCP,
ABI 6 what reaches out of the domain by abstract sockets and signals.
"""

import ctypes
import os
import stat
from collections.abc import Sequence

from glassworks.evaluate.sandbox.walls.libc import syscall

CREATE, ADD_RULE, RESTRICT = 444, 445, 446
FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""The rights on files that an ABI knows: all of them are given up."""
READ = 1 << 2 | 1 << 3  # READ_FILE, READ_DIR
FOLDERS = 1 << 3  # of these, what only a folder has
WRITE = READ | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 14  # and files and folders made and removed, truncated


class Ruleset(ctypes.Structure):
    """What is given up: rights on files, on TCP ports, and reaching out of the domain."""

    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class Beneath(ctypes.Structure):
    """What is allowed beneath a folder."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def abi() -> int:
    """The version of Landlock that runs here; OSError where there is none."""
    return syscall(CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1), what="landlock")


def rules_for(version: int, readable: Sequence[str], writable: Sequence[str]) -> int:
    """Rules that leave no files but those beneath some folders: a handle for `shut_files`."""
    handled = FILES[max(known for known in FILES if known <= version)]
    rules = Ruleset(handled, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    made = syscall(CREATE, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0), what="landlock")
    for allowed, folders in ((READ, readable), (WRITE, writable)):
        for name in folders:
            folder = os.open(name, os.O_PATH | os.O_CLOEXEC)
            rights = allowed if stat.S_ISDIR(os.fstat(folder).st_mode) else allowed & ~FOLDERS
            rule = Beneath(rights & handled, folder)
            syscall(ADD_RULE, made, 1, ctypes.byref(rule), ctypes.c_uint32(0), what=f"landlock on {name}")
            os.close(folder)
    return made


def shut_files(rules: int) -> None:
    """Give up all files but those of the rules; this process must have given up new privileges before."""
    syscall(RESTRICT, rules, ctypes.c_uint32(0), what="landlock")
    os.close(rules)
