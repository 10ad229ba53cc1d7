"""Shares of a population in processes of their own, which are forked for each generation.

A fork has the closure, its module and its batch as they are, and reads candidates where they lie; losses come back
through memory that is shared. Nothing is pickled, and nothing is out of date. For modules on a CPU, on Linux.
"""

import contextlib
import ctypes
import mmap
import os
import signal
import warnings
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.evaluation.rows import shares

PR_SET_PDEATHSIG = 1  # linux/prctl.h
TRIES = 2
"""Times that a share is evaluated by a process that is killed from outside."""


def in_processes(
    evaluate: Callable[[Float[Tensor, "P D"]], Float[Tensor, "P 2"]],
    candidates: Float[Tensor, "P D"],
    workers: int,
) -> Float[Tensor, "P 2"]:
    """What `evaluate` gives, each share in a process of one thread; the same for as many workers, to the bit.

    A share whose process was killed is evaluated once more; where one raised something, that is done here, to raise it.

    Raises RuntimeError where a share's process is killed twice.
    """
    sums = shared(len(candidates))
    left = list(shares(len(candidates), workers))
    for _ in range(TRIES):
        codes = done([lambda rows=rows: fill(sums, rows, evaluate(candidates[rows])) for rows in left])  # type: ignore[misc]
        for rows, code in zip(left, codes, strict=True):
            if code > 0:
                evaluate(candidates[rows])
                raise RuntimeError(
                    f"a process failed that evaluated {len(rows)} candidates, and they did not when done again"
                )
        left = [rows for rows, code in zip(left, codes, strict=True) if code]
        if not left:
            return sums.clone()
    raise RuntimeError(
        f"a process that evaluated {len(left[0])} of {len(candidates)} candidates was killed twice, by signal "
        f"{-min(codes)}: memory may be short; take a smaller population or batch"
    )


def shared(P: int) -> Float[Tensor, "P 2"]:
    """Numbers that processes forked from here write for all to see."""
    return torch.frombuffer(mmap.mmap(-1, 16 * P), dtype=torch.float64).view(P, 2)


def fill(sums: Float[Tensor, "P 2"], rows: Sequence[int], found: Float[Tensor, "rows 2"]) -> None:
    """Write a share's."""
    sums[list(rows)] = found.double()


def done(tasks: Sequence[Callable[[], None]]) -> list[int]:
    """How a process for each task ended: 0, 1 where it raised, or the signal that killed it, negative.

    None of them outlives this call, whatever ends it.
    """
    running: list[int] = []
    codes: list[int] = []
    try:
        for task in tasks:
            running.append(fork(task))
        while running:
            codes.append(os.waitstatus_to_exitcode(os.waitpid(running[0], 0)[1]))
            del running[0]
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return codes


def fork(task: Callable[[], None]) -> int:
    """The number of a new process that does the task and ends: 0 where that worked, else 1."""
    parent = os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's threads sleep, and the child uses none of them
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C goes to all; the parent ends us
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            torch.set_num_threads(1)
            task()
            code = 0
    finally:  # what went wrong is found out by who asked
        os._exit(code)
