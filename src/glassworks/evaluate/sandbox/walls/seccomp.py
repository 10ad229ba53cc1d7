"""A filter of system calls: what a Python program needs to compute and to use its files, and nothing else.

A list of what is allowed, not of what is not: what it does not name fails with EPERM, so a program gets an ordinary
OSError. There are no sockets, no processes or threads, no signals to others, no limits or rights to change. Source:
Linux's Documentation/userspace-api/seccomp_filter.rst; numbers from asm/unistd_64.h and asm-generic/unistd.h.
"""

import ctypes
import errno
import struct

from glassworks.evaluate.sandbox.walls.libc import MACHINE, SECCOMP, prctl

BOTH = {  # name: (x86_64, aarch64)
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "pread64": (17, 67), "pwrite64": (18, 68),
    "readv": (19, 65), "writev": (20, 66), "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233),
    "dup": (32, 23), "nanosleep": (35, 101), "getitimer": (36, 102), "setitimer": (38, 103), "getpid": (39, 172),
    "exit": (60, 93), "uname": (63, 160), "fcntl": (72, 25), "fsync": (74, 82), "fdatasync": (75, 83),
    "ftruncate": (77, 46), "getcwd": (79, 17), "chdir": (80, 49), "gettimeofday": (96, 169), "getrusage": (98, 165),
    "sysinfo": (99, 179), "times": (100, 153), "getuid": (102, 174), "getgid": (104, 176), "geteuid": (107, 175),
    "getegid": (108, 177), "getppid": (110, 173), "sigaltstack": (131, 132), "gettid": (186, 178),
    "futex": (202, 98), "sched_getaffinity": (204, 123), "getdents64": (217, 61), "restart_syscall": (219, 128),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94),
    "openat": (257, 56), "mkdirat": (258, 34), "newfstatat": (262, 79), "unlinkat": (263, 35),
    "readlinkat": (267, 78), "faccessat": (269, 48), "pselect6": (270, 72), "ppoll": (271, 73), "dup3": (292, 24),
    "pipe2": (293, 59), "getrandom": (318, 278), "statx": (332, 291), "rseq": (334, 293), "faccessat2": (439, 439),
}  # fmt: skip
X86_ALONE = {
    "open": 2, "stat": 4, "lstat": 6, "poll": 7, "access": 21, "pipe": 22, "select": 23, "dup2": 33, "alarm": 37,
    "getdents": 78, "mkdir": 83, "rmdir": 84, "unlink": 87, "readlink": 89, "arch_prctl": 158, "time": 201,
}  # fmt: skip
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
IOCTL = {"x86_64": 16, "aarch64": 29}

LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF: load a word, jump if equal, return
ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000


class Program(ctypes.Structure):
    """A filter, as the kernel takes it."""

    _fields_ = [("length", ctypes.c_ushort), ("words", ctypes.c_char_p)]


def allowed(machine: str) -> list[int]:
    """The numbers of the system calls that are let through on a machine."""
    column = list(ARCHITECTURES).index(machine)
    return sorted([numbers[column] for numbers in BOTH.values()] + list(X86_ALONE.values() if not column else ()))


def filter_of(machine: str) -> bytes:
    """The filter as BPF: another architecture is killed, ioctl finds no terminal, what is not allowed is EPERM."""
    words = [
        (LOAD, 0, 0, 4),
        (JUMP_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),
        (JUMP_EQUAL, 0, 1, IOCTL[machine]),
        (RETURN, 0, 0, ERROR | errno.ENOTTY),
    ]
    numbers = allowed(machine)
    words += [(JUMP_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    words += [(RETURN, 0, 0, ERROR | errno.EPERM), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *word) for word in words)


WORDS = filter_of(MACHINE) if MACHINE in ARCHITECTURES else b""


def shut_calls() -> None:
    """Filter this process's system calls, for good; it must have given up new privileges before."""
    if not WORDS:
        raise OSError(errno.ENOSYS, f"no filter is written for {MACHINE}")
    program = Program(len(WORDS) // 8, WORDS)
    prctl(SECCOMP, 2, ctypes.byref(program))
