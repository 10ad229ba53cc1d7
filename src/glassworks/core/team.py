"""Loops of numba's, shared among the very threads that torch computes with.

Those wait for work awake: sharing takes 5 us where Python's threads take 40, and no thread of ours has to push one of
torch's aside first.

A loop is given a *task*: a row of integers, of which the first three are the header and the others the loop's own, such
as sizes and addresses. It calls `next_share` once, in each thread of a team, and does that share of the work.
"""

import ctypes
import os
import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import carray, types  # type: ignore[attr-defined]
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from glassworks.core.jit import callback, compiled
from glassworks.core.openmp import openmp

Task = NDArray[np.int64]
"""Within a loop, a pointer to its first integer."""

NEXT, SHARES, ARRIVED, OWN = range(4)
"""The header: the next share, how many there are, and arrivals at `wait`. Then a loop's own integers begin."""

POINTER = types.CPointer(types.int64)  # type: ignore[no-untyped-call]

PATIENCE = 1000
"""Times that a thread looks whether the others have arrived, for some 50 us, before it lets others have its core."""


class Loop:
    """A function of a task, as a decorator; it is compiled on its first call."""

    def __init__(self, function: Callable[[Any], None]) -> None:
        self.function = function

    @cached_property
    def machine_code(self) -> Any:
        """The function as C knows it; Python lets its lock go while it runs."""
        self.kept = callback(self.function)
        return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.kept.address)

    def __call__(self, task: Task, shares: int = 1) -> None:
        """Do all shares at once, each in a thread of its own."""
        task[:OWN] = 0, shares, 0
        code, place = self.machine_code, ctypes.c_void_p(task.ctypes.data)
        if shares == 1:
            code(place)
        elif (library := torch_threads()) is not None:
            library.GOMP_parallel(code, place, shares, 0)
        else:
            others = threads(shares - 1).map(code, [place] * (shares - 1))
            code(place)
            list(others)  # waits for them


torch_threads = cache(openmp)


@cache
def threads(number: int) -> ThreadPoolExecutor:
    """Threads of Python's, where torch's cannot be had: they take longer to wake."""
    return ThreadPoolExecutor(number)


def leave_behind() -> None:
    """A forked process has none of its parent's threads, and GNU's OpenMP would wait for them for ever."""
    global torch_threads
    torch_threads = lambda: None  # type: ignore[assignment]  # noqa: E731
    threads.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=leave_behind)


def task_of(*own: int) -> Task:
    """A task of a loop's own integers."""
    return np.array([0] * OWN + list(own), np.int64)


# ----------------------------------------------------------------------------------------------------------------------
# What loops call


@compiled
def next_share(task: Any) -> int:
    """The number of a share that nobody else does."""
    number: int = add_one(task, NEXT)  # type: ignore[call-arg]
    return number


@compiled
def bounds(size: int, share: int, shares: int, step: int = 1) -> tuple[int, int]:
    """Where a share of `size` things begins and ends; but for the last, at a multiple of `step`."""
    steps = -(-size // step)
    return min(size, steps * share // shares * step), min(size, steps * (share + 1) // shares * step)


@compiled
def wait(task: Any, shares: int, times: int) -> None:
    """Wait until all shares have come here `times` times, as this one has now."""
    looks = 0
    add_one(task, ARRIVED)  # type: ignore[call-arg]
    while current(task, ARRIVED) < shares * times:
        looks += 1
        if looks > PATIENCE:
            yield_core()


@intrinsic
def add_one(context: Any, task: Any, index: Any) -> Any:
    """Add 1 to an integer of the task, at once for all threads; what it was before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", builder.gep(arguments[0], [arguments[1]]), arguments[1].type(1), "acq_rel")

    return types.int64(POINTER, types.int64), generate


@intrinsic
def current(context: Any, task: Any, index: Any) -> Any:
    """An integer of the task as it is now, whoever writes it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if platform.machine() in ("x86_64", "AMD64"):  # tells the core that it only waits
            nothing = ir.FunctionType(ir.VoidType(), [])
            pause = cgutils.get_or_insert_function(builder.module, nothing, "llvm.x86.sse2.pause")  # type: ignore[no-untyped-call]
            builder.call(pause, [])
        return builder.load_atomic(builder.gep(arguments[0], [arguments[1]]), "acquire", 8)

    return types.int64(POINTER, types.int64), generate


if hasattr(os, "sched_yield"):
    yield_core = types.ExternalFunction("sched_yield", types.int32())
else:

    @compiled
    def yield_core() -> int:
        """There is no such call on this system."""
        return 0


def pointer_to(kind: Any) -> Any:
    """A function that loops may call: an address to a pointer to numbers of this kind."""
    result = types.CPointer(kind)  # type: ignore[no-untyped-call]

    @intrinsic
    def pointer(context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(result))

        return result(types.int64), generate

    return pointer


to_float32, to_int64, to_uint16 = pointer_to(types.float32), pointer_to(types.int64), pointer_to(types.uint16)


@compiled
def float32s(address: int, shape: Any) -> Any:
    """The numbers at an address."""
    return carray(to_float32(address), shape)


@compiled
def int64s(address: int, shape: Any) -> Any:
    """The numbers at an address."""
    return carray(to_int64(address), shape)


@compiled
def uint16s(address: int, shape: Any) -> Any:
    """The numbers at an address."""
    return carray(to_uint16(address), shape)
