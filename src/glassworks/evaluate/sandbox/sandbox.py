"""A sandbox as it is used: fork servers at work side by side, a job in and an outcome out.

>>> with Sandbox(workers=1, lowest=0) as sandbox:
...     [outcome] = sandbox.run([Job("def add(a, b): return a + b", ("add(1, 2)", "add(1, None)"))])
>>> outcome.answers[0].value, outcome.answers[1].error
(3, 'TypeError')
"""

import json
import os
import queue
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from glassworks.evaluate.sandbox.layers import LAYERS, LEVELS, in_words, level_of
from glassworks.evaluate.sandbox.outcome import Job, Outcome, outcome_of
from glassworks.evaluate.sandbox.server import ANSWER, JOB

SOURCE = str(Path(__file__).parents[3])
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from glassworks.evaluate.sandbox.server import main; main()"
GRACE = 20.0
"""Seconds beyond a job's own after which a server that has not answered is ended, and the job has failed."""


class Lost(OSError):
    """A server has ended, or does not answer."""


class Peer:
    """One fork server, from this side."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self.wanted = wanted
        self.folder = tempfile.mkdtemp(prefix="glassworks-sandbox-")
        self.process = self.begin()
        self.layers: list[str] = []

    def begin(self) -> "subprocess.Popen[bytes]":
        """A Python of its own: no packages, no environment, no session shared with this one."""
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", START, SOURCE, ",".join(self.wanted), self.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
            cwd="/",
            start_new_session=True,
        )

    def meet(self) -> list[str]:
        """Wait until it serves: the layers in force.

        Raises: Lost where it does not.
        """
        if not self.layers:
            self.layers = list(self.frame(GRACE)[0]["layers"])
        return self.layers

    def run(self, job: Job) -> Outcome:
        """One job, waited for.

        Raises: Lost where the server has ended.
        """
        self.meet()
        nonce = secrets.token_hex(16)
        told = job.told(nonce)
        assert self.process.stdin is not None
        try:
            left = memoryview(JOB.pack(len(told), job.seconds, job.most) + told)
            while left:
                left = left[self.process.stdin.write(left) :]
            header, came = self.frame(job.seconds + GRACE, job.most)
        except (OSError, ValueError) as error:
            raise Lost(str(error)) from None
        return outcome_of(job, nonce, header, came)

    def frame(self, seconds: float, most: int = 0) -> tuple[dict[str, Any], bytes]:
        """A header and the bytes that came with it; Lost where none comes in time."""
        deadline = time.monotonic() + seconds
        head, size = ANSWER.unpack(self.exactly(ANSWER.size, deadline))
        if size > most + (1 << 16):
            raise Lost("a frame is too long")
        header = json.loads(self.exactly(head, deadline))
        return header, self.exactly(size, deadline)

    def exactly(self, size: int, deadline: float) -> bytes:
        """So many bytes of what the server says."""
        assert self.process.stdout is not None
        handle, parts = self.process.stdout.fileno(), []
        while size:
            if not select.select([handle], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise Lost("the sandbox does not answer")
            part = os.read(handle, min(size, 1 << 20))
            if not part:
                raise Lost("the sandbox has ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """End the server and all that it has begun, and remove its folder."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sandbox:
    """Fork servers, as many as asked for, all behind the same walls."""

    def __init__(self, workers: int | None = None, *, lowest: int = 2, layers: Iterable[str] = tuple(LAYERS)) -> None:
        """Begin the servers; `layers` are those wanted, of which this machine may lack some.

        Raises: ValueError where the walls of this machine come to less than the level `lowest` (see `layers.LEVELS`).
        """
        if os.name != "posix":
            raise ValueError(
                f"programs are run in a sandbox on Linux, and with limits alone on macOS, not on {sys.platform}: "
                "nothing was run and nothing is scored; use WSL 2 or a container"
            )
        self.wanted = [name for name in LAYERS if name in set(layers)]
        self.peers: queue.SimpleQueue[Peer] = queue.SimpleQueue()
        self.workers = min(8, cores() if workers is None else workers)
        peers = [Peer(self.wanted) for _ in range(self.workers)]
        for peer in peers:
            self.peers.put(peer)
        try:
            self.layers = peers[0].meet()
        except Lost:
            self.close()
            raise
        level = level_of(self.layers)
        if level < lowest:
            self.close()
            raise ValueError(
                f"{in_words(self.layers)}. At level {level} ({LEVELS[level]}): run on a Linux with namespaces or "
                f"Landlock, or accept it by --lowest {level}"
            )

    def run(self, jobs: Iterable[Job]) -> list[Outcome]:
        """All jobs, side by side; the outcomes in their order."""
        return list(self.each(jobs))

    def each(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """The outcomes in order, each as soon as it and those before are there."""
        with ThreadPoolExecutor(self.workers) as pool:
            yield from pool.map(self.one, jobs)

    def one(self, job: Job) -> Outcome:
        """One job on the server that is free first; a server that is lost is begun anew, and its job has failed."""
        peer = self.peers.get()
        try:
            return peer.run(job)
        except Lost as error:
            peer.close()
            peer = Peer(self.wanted)
            return Outcome(str(error))
        finally:
            self.peers.put(peer)

    def close(self) -> None:
        """End all servers."""
        while not self.peers.empty():
            self.peers.get().close()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __str__(self) -> str:
        return in_words(self.layers)


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
