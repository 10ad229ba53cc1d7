"""A way of evaluating, what each is made of, and which is the fastest of those that give what the plain loop gives."""

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from glassworks.core.machine.memory import free_memory
from glassworks.optim.gradient_free.evaluation.batched import batched
from glassworks.optim.gradient_free.evaluation.cluster import connected, on_cluster
from glassworks.optim.gradient_free.evaluation.left import Ran, left_as_it_was
from glassworks.optim.gradient_free.evaluation.loops import ImagesLast, Local, loop
from glassworks.optim.gradient_free.evaluation.processes import in_processes
from glassworks.optim.gradient_free.evaluation.rows import some_rows

TRIED = 4
"""So many candidates are evaluated in every way, to be compared and timed."""
GAIN = 1.2
"""A way must be so much faster than the plain loop: of two about as fast, chance would take one or the other."""
SHORT = 0.005
"""Seconds of a generation by the plain loop that are not worth another way."""
FAR = 1.5
"""A way that takes so many times as long as the best so far is not timed to the end; and where images take so long for
four candidates at once, more at once are not tried."""
ENOUGH, LONG = 0.5, 2.0
"""Seconds after which a way is not timed again; and of a generation that is worth other processes."""
CACHED, CAP = 1 << 26, 1 << 30
"""Bytes that the tensors of a chunk may take: about what caches hold, and at most."""

Evaluate = Callable[[Float[Tensor, "P D"]], Float[Tensor, "P 2"]]


class Way(NamedTuple):
    """How candidates are evaluated, how many at once, and in how many processes."""

    name: str = "loop"
    chunk: int = 1
    where: str = "here"
    workers: int = 1

    @property
    def words(self) -> str:
        """As it is told."""
        chunk = f" of {self.chunk}" if self.name == "vmap" else ""
        return self.name + chunk + ("" if self.where == "here" else f" in {self.workers} {self.where}")


def way_of(way: Way, local: Local, weights: Sequence[Tensor], seed: int, ran: Ran) -> Evaluate:
    """What evaluates candidates in this way."""
    if way.where == "tasks of a cluster":
        how = local, weights, way._replace(where="here"), seed
        return lambda candidates: on_cluster(elsewhere, how, candidates, way.workers)
    if way.where == "processes":
        here = way_of(way._replace(where="here"), local, weights, seed, ran)
        return lambda candidates: in_processes(here, candidates, way.workers)
    if way.name == "vmap":
        return lambda candidates: batched(local, weights, candidates, seed, ran, chunk=way.chunk)
    images = way.name == "images last"
    return lambda candidates: loop(local, weights, candidates, seed, ran, ImagesLast() if images else None)


@torch.no_grad()
def elsewhere(
    local: Local, weights: Sequence[Tensor], way: Way, seed: int, candidates: Float[Tensor, "P D"]
) -> Float[Tensor, "P 2"]:
    """A share of candidates in a process that has never seen the module."""
    with left_as_it_was(weights) as ran:
        local()
        return way_of(way, local, weights, seed, ran)(candidates)


def fastest(
    local: Local,
    weights: Sequence[Tensor],
    candidates: Float[Tensor, "P D"],
    seed: int,
    ran: Ran,
    *,
    alone: bool = True,
) -> dict[Way, float]:
    """Seconds that these candidates take in every way that gives what the plain loop gives, which is the first.

    A way that fails, or differs, is left out: a module may do what `torch.func.vmap` refuses. Where a generation takes
    long, shares of it in other processes are timed, too, and on the machines of a cluster that is connected; not where
    we are not `alone`, but one of several ranks.
    """
    P = len(candidates)
    first = some_rows(P, 0, TRIED)
    with Seen() as seen:
        expected = way_of(Way(), local, weights, seed, ran)(candidates[first[:1]])
    times: dict[Way, float] = {}
    for way in possible(P, seen, weights):
        rows = some_rows(P, 0, max(TRIED, way.chunk))
        least = min(times.values(), default=math.inf)
        if seen.images and way.chunk > TRIED and FAR * least < times.get(Way("vmap", TRIED), 0):
            break  # convolutions that are slow for four are slow for more
        try:
            far = FAR * least * len(rows) / P
            found, seconds = timed(way_of(way, local, weights, seed, ran), candidates[rows], far)
        except Exception:
            if way == Way():
                raise
            continue
        if way == Way():
            expected = found
        same = found[[rows.index(row) for row in first]]
        if torch.allclose(same, expected, rtol=seen.tolerance, atol=seen.tolerance, equal_nan=True):
            times[way] = seconds * P / len(rows)
        if way == Way() and times[way] < SHORT:
            return times
    if alone and min(times.values()) > LONG:
        for way in spread(best(times), weights, P):
            start = time.perf_counter()
            way_of(way, local, weights, seed, ran)(candidates)
            times[way] = time.perf_counter() - start
    return times


def spread(way: Way, weights: Sequence[Tensor], P: int) -> Iterator[Way]:
    """The same way in more processes than this one."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores > 1 and weights[0].device.type == "cpu":
        yield way._replace(where="processes", workers=min(P, cores))
    if connected() > 1:
        yield way._replace(where="tasks of a cluster", workers=min(P, connected()))


def possible(P: int, seen: "Seen", weights: Sequence[Tensor]) -> Iterator[Way]:
    """The ways that there are for what was seen, the simplest first."""
    yield Way()
    if seen.images and weights[0].device.type == "cpu":
        yield Way("images last")
    each = seen.bytes + sum(p.nbytes for p in weights)
    free = free_memory()
    cap = CAP if free is None else min(CAP, free // 4)
    most = max(1, min(P, cap // each))
    for chunk in sorted({min(most, TRIED), min(most, max(TRIED, CACHED // each)), most}):
        yield Way("vmap", chunk)


def best(times: dict[Way, float]) -> Way:
    """The fastest; a simpler one if it is about as fast."""
    return min(times, key=lambda way: times[way] * (1 if way == Way() else GAIN))


def timed(
    evaluate: Evaluate, candidates: Float[Tensor, "P D"], far: float = math.inf
) -> tuple[Float[Tensor, "P 2"], float]:
    """What comes out, and the seconds it took: the least of a few times, the first of which loads and caches things.

    Of one thread, its own: other work on the machine, which comes and goes, does not count. After the second time more
    than `far` seconds are enough.
    """
    clock = time.process_time if not candidates.is_cuda and torch.get_num_threads() == 1 else time.perf_counter
    least, start = float("inf"), time.perf_counter()
    for number in range(4):
        began = clock()
        found = evaluate(candidates)
        if candidates.is_cuda:
            torch.cuda.synchronize(candidates.device)
        least = min(least, clock() - began)
        if time.perf_counter() - start > ENOUGH or (number and least > far):
            break
    return found, least


class Seen(TorchFunctionMode):
    """What an evaluation consists of: bytes of all that it computes, its precision, and whether it is of images."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes, self.images, self.precision = 0, False, 0.0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.images |= func in (F.conv2d, F.max_pool2d)
        if isinstance(out, Tensor):
            self.bytes += out.nbytes
            if out.is_floating_point():
                self.precision = max(self.precision, torch.finfo(out.dtype).eps)
        return out

    @property
    def tolerance(self) -> float:
        """How far losses of two ways may lie apart, relative to their size."""
        return max(1e-4, 4 * self.precision) if self.precision > 1e-10 else 1e-9
