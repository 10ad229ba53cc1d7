"""The C library's calls that Python has no name for, each raising OSError with what it was."""

import ctypes
import os
import platform

CALLS = {
    "x86_64": {"pivot_root": 155, "capset": 126, "landlock_create_ruleset": 444},
    "aarch64": {"pivot_root": 41, "capset": 91, "landlock_create_ruleset": 444},
}
"""Numbers of system calls that differ, by machine; those from 424 on are the same everywhere."""
MACHINE = platform.machine()
LIBC = ctypes.CDLL(None, use_errno=True)

NO_NEW_PRIVILEGES, DUMPABLE, PARENT_DEATH, SECCOMP = 38, 4, 1, 22  # of prctl


def checked(result: int, what: str) -> int:
    """A call's result, or OSError for -1."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object, what: str) -> int:
    """A system call by its number."""
    return checked(LIBC.syscall(ctypes.c_long(number), *arguments), what)


def prctl(option: int, value: int, pointer: object = 0) -> None:
    """A setting of this process."""
    numbers = [ctypes.c_ulong(value), pointer if pointer else ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)]
    checked(LIBC.prctl(ctypes.c_int(option), *numbers), f"prctl {option}")


class Header(ctypes.Structure):
    """Which process's capabilities are meant: this one's."""

    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def drop_capabilities() -> None:
    """Give up every capability, in all sets, for good."""
    header, none = Header(0x20080522, 0), (ctypes.c_uint32 * 6)()
    syscall(CALLS[MACHINE]["capset"], ctypes.byref(header), ctypes.byref(none), what="capset")
