"""The scalar engine beside micrograd and torch, in one run: one training step of micrograd's moons demo.

    python benchmarks/micro.py --micrograd PATH [--steps 20]

An MLP 2-16-16-1, 100 samples, full batch: 65,818 scalars are made, differentiated and forgotten at every step (forward,
backward, update). Each side runs in a process of its own, and the sides take turns; a time is the median over steps
after the first two. Memory is what the steps add to the process at its peak, and in brackets the whole process, the
interpreter and imports included. Byte-pair encoding has a benchmark of its own, `micro_bpe.py`.

micrograd         as it runs, with Python's garbage collector on; and with it off, when nothing is ever freed
ours, eager       pure Python, the collector on and off
ours, compiled    `micro.compile` of the same function, called from Python, weights updated in Python
torch             the same step in vectorised float64, by autograd, parameters updated by hand; the numbers agree
"""

import argparse
import gc
import multiprocessing
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

Data = tuple[list[list[float]], list[int]]


def samples() -> Data:
    """Two noisy half circles."""
    from glassworks.micro.moons import make_moons

    X, y = make_moons(100, noise=0.1, seed=1337)
    return [list(map(float, row)) for row in X], [1 if label > 0 else -1 for label in y]


def scalar_side(value: Any, mlp: Any, compile: Callable[[Any], Any] | None = None) -> Callable[[], float]:
    """A function that takes one step with an engine and network of micrograd's interface."""
    X, y = samples()
    random.seed(1337)
    model = mlp(2, [16, 16, 1])
    parameters = model.parameters()

    def loss() -> Any:
        scores = [model(list(map(value, row))) for row in X]
        losses = [(1 + -yi * si).relu() for yi, si in zip(y, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)

    fast = compile(loss) if compile else None

    def step() -> float:
        if fast is None:
            total = loss()
            model.zero_grad()
            total.backward()
            result = total.data
        else:
            model.zero_grad()
            result = fast.backward()[0]
        for p in parameters:
            p.data -= 0.5 * p.grad
        return float(result)

    return step


def micrograd() -> Callable[[], float]:
    """The real one."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    return scalar_side(Value, MLP)


def eager() -> Callable[[], float]:
    """Ours as Python."""
    from glassworks.micro import MLP
    from glassworks.micro.engine import Value

    return scalar_side(Value, MLP)


def compiled() -> Callable[[], float]:
    """Ours, compiled."""
    from glassworks.micro import MLP
    from glassworks.micro.compiler import compile
    from glassworks.micro.engine import Value

    return scalar_side(Value, MLP, compile)


def vectorised() -> Callable[[], float]:
    """The same step as matrix products."""
    import torch

    torch.set_num_threads(1)
    X, y = (torch.tensor(part, dtype=torch.float64) for part in samples())
    random.seed(1337)
    parameters = []
    for nin, nout in ((2, 16), (16, 16), (16, 1)):
        rows = [[random.uniform(-1, 1) for _ in range(nin)] for _ in range(nout)]
        parameters += [torch.tensor(rows, dtype=torch.float64), torch.zeros(nout, dtype=torch.float64)]
    for p in parameters:
        p.requires_grad_()

    def step() -> float:
        w1, b1, w2, b2, w3, b3 = parameters
        h = torch.addmm(b2, torch.addmm(b1, X, w1.T).relu(), w2.T).relu()
        scores = torch.addmm(b3, h, w3.T).squeeze(1)
        loss = (1 - y * scores).relu().mean() + 1e-4 * sum((p * p).sum() for p in parameters)
        for p in parameters:
            p.grad = None
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p.sub_(p.grad, alpha=0.5)
        return float(loss.detach())

    return step


SIDES = {"micrograd": micrograd, "eager": eager, "compiled": compiled, "torch": vectorised}


def serve(pipe: Any, side: str, path: str, collect: bool) -> None:
    """Take steps when asked; answer with times, the last loss and the peak memory in MB."""
    sys.path.insert(0, path)
    if not collect:
        gc.disable()
    step = SIDES[side]()
    before = peak()
    while (count := pipe.recv()) is not None:
        times = []
        for _ in range(count):
            began = time.perf_counter()
            loss = step()
            times.append(time.perf_counter() - began)
        pipe.send((times, loss, (peak() - before, peak())))


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--micrograd", required=True, help="folder of a clone of micrograd")
    parser.add_argument("--steps", type=int, default=20, help="turns; fast sides take more steps in theirs")
    args = parser.parse_args()
    sides = [("micrograd", True, 1), ("micrograd", False, 1), ("eager", True, 5), ("eager", False, 5)]
    sides += [("compiled", True, 100), ("torch", True, 100)]
    context = multiprocessing.get_context("spawn")
    pipes, times, ends = [], [list[float]() for _ in sides], [(0.0, (0.0, 0.0))] * len(sides)
    for name, collect, _ in sides:
        ours, theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, name, args.micrograd, collect), daemon=True).start()
        pipes.append(ours)
    for turn in range(args.steps + 2):
        for i, (name, collect, count) in enumerate(sides):
            if (name, collect) == ("micrograd", False) and turn >= 8:
                continue  # it frees nothing: a few steps are enough
            pipes[i].send(count)
            taken, loss, memory = pipes[i].recv()
            times[i] += taken if turn >= 2 else []
            ends[i] = (loss, memory)
    for pipe in pipes:
        pipe.send(None)
    base = statistics.median(times[0])
    print(f"Python {sys.version.split()[0]}; one step of moons, MLP 2-16-16-1, 100 samples")
    for (name, collect, _), seen, (loss, (added, whole)) in zip(sides, times, ends, strict=True):
        median = statistics.median(seen)
        collector = "" if collect else ", collector off"
        print(
            f"{name + collector:24} {1e3 * median:9.3f} ms (fastest {1e3 * min(seen):8.3f}), {base / median:8,.1f} x "
            f"micrograd, {added:4.0f} MB ({whole:.0f}), last loss {loss:.6f}"
        )
    medians = [statistics.median(seen) for seen in times]
    smaller, whole = (ends[0][1][i] / ends[2][1][i] for i in (0, 1))
    print(f"collector off on both sides: eager is {medians[1] / medians[3]:.2f} x micrograd")
    print(
        f"compiled is {medians[5] / medians[4]:.2f} x torch; "
        f"eager's memory is 1/{smaller:.1f} of micrograd's (1/{whole:.1f})"
    )


if __name__ == "__main__":
    main()
