"""The fork server: a small Python, without torch, that begins a process for each program and never runs one itself.

It goes behind the namespaces once, with all that it begins; Landlock, the filter and the limits go up in each process
anew. It reads jobs from its standard input and answers on its standard output: for each, how the process ended, what it
used, and the bytes that came from it, unread. When its input ends, so does it, and with it everything it has begun.
"""

import gc
import json
import os
import select
import shutil
import signal
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from glassworks.evaluate.sandbox import child
from glassworks.evaluate.sandbox.layers import LAYERS
from glassworks.evaluate.sandbox.walls import libraries

JOB, ANSWER = struct.Struct(">IdI"), struct.Struct(">II")  # bytes, seconds, bytes back; of the header and of what came
KNOWN = (
    "array base64 bisect calendar cmath collections collections.abc copy dataclasses datetime decimal enum fractions "
    "functools hashlib heapq io itertools json math numbers operator queue random re statistics string struct sys "
    "textwrap time types typing unicodedata zlib"
)
"""Modules that programs import: loaded once, here."""


def probed(attempt: Callable[[], object]) -> bool:
    """Whether something can be done here: tried in a process that ends with it."""
    tried = os.fork()
    if tried == 0:
        status = 1
        with suppress(BaseException):
            attempt()
            status = 0
        os._exit(status)
    return os.waitpid(tried, 0)[1] == 0


def probe(wanted: list[str], scratch: str) -> list[str]:
    """Those of the wanted layers that hold here, each tried by its effect."""
    there = ["process"]
    if "limits" in wanted:
        there.append("limits")
    if not sys.platform.startswith("linux"):
        return there
    from glassworks.evaluate.sandbox.walls import landlock, libc, namespaces, seccomp

    def apart() -> None:
        namespaces.enter(libraries.readable(), libraries.hidden(), libraries.links())
        if namespaces.first_process() is None:
            os._exit(0 if os.getpid() == 1 and not Path("/proc").exists() else 1)
        assert os.wait()[1] == 0

    def no_files() -> None:
        libc.prctl(libc.NO_NEW_PRIVILEGES, 1)
        landlock.shut_files(landlock.rules_for(landlock.abi(), [], []))
        with suppress(PermissionError):
            next(Path(scratch).iterdir(), None)
            raise AssertionError

    def no_calls() -> None:
        libc.prctl(libc.NO_NEW_PRIVILEGES, 1)
        seccomp.shut_calls()
        with suppress(PermissionError):
            os.kill(os.getpid(), 0)
            raise AssertionError

    for name, attempt in (("namespaces", apart), ("landlock", no_files), ("seccomp", no_calls)):
        if name in wanted and probed(attempt):
            there.append(name)
    return there


class Server:
    """What the loop knows: where to read and write, the layers in force, and the folder for programs."""

    def __init__(self, wanted: list[str], scratch: str) -> None:
        for name in KNOWN.split():
            __import__(name)
        self.inward, self.outward = os.dup(0), os.dup(1)
        self.nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(self.nothing, 0)
        os.dup2(self.nothing, 1)
        self.scratch, self.layers, self.rules = scratch, probe(wanted, scratch), -1
        self.apart = "namespaces" in self.layers
        if "limits" in self.layers and os.geteuid() == 0 and not self.apart:
            Path(scratch).chmod(0o777)  # programs run as nobody

    def go_apart(self) -> None:
        """Into the namespaces, where they hold: what returns is their first process; the outer one waits for it."""
        from glassworks.evaluate.sandbox.walls import namespaces

        places = libraries.without_hidden()
        namespaces.enter(libraries.readable(), libraries.hidden(), libraries.links())
        first = namespaces.first_process()
        if first is not None:
            for handle in (self.inward, self.outward):
                os.close(handle)
            os.waitpid(first, 0)
            os._exit(0)
        self.scratch, self.places = namespaces.SCRATCH, places

    def loop(self) -> None:
        """Say what is in force, then a job at a time until there are no more."""
        if self.apart:
            self.go_apart()
        else:
            self.places = libraries.without_hidden()
        self.make_rules()
        gc.collect()
        gc.freeze()
        hello = json.dumps({"layers": [name for name in LAYERS if name in self.layers]}).encode()
        self.answer(hello, b"")
        while (job := self.job()) is not None:
            self.answer(*self.run(*job))

    def make_rules(self) -> None:
        """Landlock's rules, once for many programs: what a program may read, and the folder that it may write."""
        if "landlock" not in self.layers:
            return
        from glassworks.evaluate.sandbox.walls import landlock

        with suppress(OSError):
            os.close(self.rules)
        self.rules = landlock.rules_for(landlock.abi(), self.places, [self.scratch])

    def job(self) -> tuple[bytes, float, int] | None:
        """The next job, its seconds and how much it may send; None where the input has ended."""
        head = self.exactly(JOB.size)
        if head is None:
            return None
        size, seconds, most = JOB.unpack(head)
        told = self.exactly(size)
        return None if told is None else (told, seconds, most)

    def exactly(self, size: int) -> bytes | None:
        """So many bytes; None where the input ends first."""
        parts = []
        while size:
            part = os.read(self.inward, min(size, 1 << 20))
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def answer(self, header: bytes, came: bytes) -> None:
        """A frame to who asked."""
        frame = memoryview(ANSWER.pack(len(header), len(came)) + header + came)
        while frame:
            frame = frame[os.write(self.outward, frame) :]

    def run(self, job: bytes, seconds: float, most: int) -> tuple[bytes, bytes]:
        """Begin a process for a job, read what it sends until it ends or must, and leave nothing of it behind."""
        inside, outside = os.pipe()
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            self.become(outside, job)
        os.close(outside)
        came, how = self.listen(inside, began + seconds, most)
        took = time.monotonic() - began
        os.close(inside)
        self.end(pid)
        _, status, used = os.wait4(pid, 0)
        self.clear()
        if how is None:
            code = os.waitstatus_to_exitcode(status)
            how = "ended" if code in (0, -signal.SIGKILL) else f"ended by {name_of(-code)}" if code < 0 else "ended"
        cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss >> 10
        return json.dumps({"how": how, "seconds": took, "cpu": cpu, "megabytes": memory}).encode(), came

    def become(self, outside: int, job: bytes) -> None:
        """The child's side of a fork: it keeps one handle, and never returns."""
        try:
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            kept = [os.dup(outside)] + ([os.dup(self.rules)] if self.rules >= 0 else [])  # above those that follow
            for handle, source in enumerate([self.nothing] * child.RESULTS + kept):
                os.dup2(source, handle)
            os.closerange(child.RESULTS + len(kept), 256)
            told = json.loads(job)
            child.shut(self.layers, told, self.scratch, child.RESULTS + 1 if len(kept) > 1 else None)
            child.execute(told)
        finally:
            os._exit(0)

    def listen(self, inside: int, deadline: float, most: int) -> tuple[bytes, str | None]:
        """What a program sends until it ends; or until its time is over, or it has sent too much, and which it was."""
        watched = select.poll()
        watched.register(inside, select.POLLIN)
        watched.register(self.inward, 0)  # its end alone: whoever asked is gone
        parts: list[bytes] = []
        size = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return b"".join(parts), "time"
            for handle, _ in watched.poll(left * 1000 + 1):
                if handle == self.inward:
                    return b"".join(parts), "nobody waits"
                part = os.read(inside, 1 << 16)
                if not part:
                    return b"".join(parts), None
                parts.append(part)
                size += len(part)
                if size > most:
                    return b"", "too much output"

    def end(self, pid: int) -> None:
        """Kill a process and all that it has begun: in a namespace, everything but this one."""
        with suppress(ProcessLookupError, PermissionError):
            if self.apart:
                os.kill(-1, signal.SIGKILL)
            else:
                os.killpg(pid, signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)

    def clear(self) -> None:
        """An empty folder for the next program."""
        left = list(Path(self.scratch).iterdir())
        if not left:
            return
        if self.apart:
            from glassworks.evaluate.sandbox.walls.namespaces import fresh_scratch

            fresh_scratch()
            self.make_rules()
            return
        for folder, _, _ in os.walk(self.scratch):
            with suppress(OSError):
                Path(folder).chmod(0o777)
        for path in left:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink()


def name_of(number: int) -> str:
    """A signal's name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def main() -> None:
    """Serve: layers wanted, with commas; the folder for programs."""
    Server(sys.argv[1].split(","), sys.argv[2]).loop()
