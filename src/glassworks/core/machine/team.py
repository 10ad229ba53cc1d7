"""Loops of numba's, shared among the very threads that torch computes with.

Those wait for work awake: sharing takes 5 us where starting threads takes 40, and no thread of ours has to push one of
torch's aside first. Where they cannot be had, threads are started for every call. Either way a call is one of C's, so
ctrl-C waits until no thread uses its memory any longer.

A loop is given a *task*: a row of integers, of which the first three are the header and the others the loop's own, such
as sizes and addresses. It calls `next_share` once, in each thread of a team, and does that share of the work.
"""

import ctypes
import os
import platform
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import carray, types  # type: ignore[attr-defined]
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from glassworks.core.machine.jit import callback, compiled
from glassworks.core.machine.openmp import openmp

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
        c_function = callback(self.function)
        code = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(c_function.address)
        code.callback = c_function  # type: ignore[attr-defined]
        return code

    def __call__(self, task: Task, shares: int = 1) -> None:
        """Do all shares at once, each in a thread of its own, or a single one where there are no threads to be had."""
        task[:OWN] = 0, shares, 0
        code, place, library = self.machine_code, ctypes.c_void_p(task.ctypes.data), torch_threads()
        if shares == 1:
            code(place)
        elif library is not None and not library.omp_in_parallel():
            library.GOMP_parallel(code, place, shares, 0)
        elif os.name == "posix":
            in_new_threads(task_of(code.callback.address, task.ctypes.data, shares))
        else:
            self(task)


@cache
def torch_threads() -> ctypes.CDLL | None:
    """The OpenMP of torch, if it starts as many threads as are asked for: fewer would wait for the others for ever."""
    library = openmp()
    if library is None or library.omp_get_dynamic() or not library.omp_get_max_active_levels():
        return None
    return library if library.omp_get_thread_limit() == UNLIMITED else None


UNLIMITED = 2**31 - 1
"""OpenMP's word for no limit."""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=torch_threads.cache_clear)  # `openmp` knows of it


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


if os.name == "posix":
    yield_core = types.ExternalFunction("sched_yield", types.int32())
    start_thread: Any = types.ExternalFunction("pthread_create", types.int32(*[types.intp] * 4))
    join_thread: Any = types.ExternalFunction("pthread_join", types.int32(*[types.intp] * 2))
else:

    @compiled
    def yield_core() -> int:
        """There is no such call on this system."""
        return 0


@intrinsic
def call(context: Any, code: Any, place: Any) -> Any:
    """Do one of a loop's shares here."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = ir.FunctionType(ir.VoidType(), [arguments[1].type])
        builder.call(builder.inttoptr(arguments[0], function.as_pointer()), [arguments[1]])
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), generate


@Loop
def in_new_threads(task: Any) -> None:
    """Do a loop's shares: the address of its machine code, that of its task, and how many there are."""
    code, place, threads = task[OWN], task[OWN + 1], np.empty(task[OWN + 2] - 1, np.intp)
    for i in range(len(threads)):
        while start_thread(threads[i:].ctypes.data, 0, code, place):  # again until the system has one to give
            yield_core()
    call(code, place)  # type: ignore[call-arg]
    for thread in threads:
        join_thread(thread, 0)


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
