"""What other work on the machine costs us, and what being ready for it costs when there is none, in one run.

    python benchmarks/company.py [--only training probes generation othello] [--busy 0 1 2 4] [--rounds 3] [--quick]

Each kind of work runs in two processes that take turns, stopped and continued by signals: `before` computes as torch
does by itself, `now` as the package has it (core/machine/company.py). Beside them run 0, 1, 2 or 4 busy processes,
which only count. Rates are medians over the rounds, of pieces of work done a second in turns of a few seconds; the
first half second of a turn is not counted, so that caches and threads are warm.

The cost of being ready is `now` with no other work, over `before`. The share kept is the rate in company over that of
`before` alone, and stands beside the fair share: with N cores and k busy processes each of the N + k threads that want
to run has N / (N + k) of what it has alone. (By processes it would be 1 / (1 + k), which is less: beside one 50 and not
67 %.) `kept` is the share over the fair one.
"""

import argparse
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

SETTLE = 0.5  # seconds of a turn before its rate is taken


# ----------------------------------------------------------------------------------------------------------------------
# Kinds of work: each says `done` after a piece of it, for ever


def training(done: Callable[[], None]) -> None:
    """Steps of nanoGPT's CPU shape, by the package's own recipe."""
    import torch

    from glassworks.models.gpt.config import GPTConfig
    from glassworks.objectives.losses import next_token_loss
    from glassworks.pretraining.network import build
    from glassworks.pretraining.recipe import Recipe
    from glassworks.train.fit import fit

    shape = GPTConfig("nanochat", 4096, n_ctx=64, n_layer=4, n_head=4, n_embd=128)
    model, optimizer = build(Recipe(model=shape), torch.device("cpu"), torch.float32)
    tokens = torch.randint(4096, (16, 65))
    batch = tokens[:, :-1], tokens[:, 1:]
    fit(model, lambda step: batch, next_token_loss, optimizer, steps=1 << 60, every=[(1, said(done))])


def probes(done: Callable[[], None]) -> None:
    """A linear and an MLP probe of each layer, from the model's run on."""
    import torch

    from glassworks.interpret.probing.probes import fit_probes
    from glassworks.models.gpt.config import GPTConfig
    from glassworks.models.gpt.model import GPT

    model = GPT(GPTConfig("gpt2", 256, n_ctx=64, n_layer=2, n_head=4, n_embd=128))
    tokens = torch.randint(256, (4, 16, 64))
    labels = (tokens % 7).unsqueeze(-1)
    while True:
        for hidden in (None, 64):
            fit_probes(
                model,
                lambda step: (tokens[step], labels[step]),
                "blocks.*.resid_post",
                steps=4,
                classes=7,
                hidden=hidden,
                passes=2,
            )
        done()


def generation(done: Callable[[], None]) -> None:
    """Eight rows, a token each."""
    from glassworks.models.generation.sampling import stream
    from glassworks.models.gpt.config import GPTConfig
    from glassworks.models.gpt.model import GPT

    model = GPT(GPTConfig("nanochat", 4096, n_ctx=256, n_layer=6, n_head=6, n_embd=384))
    while True:
        for _ in stream(model, [[1] * 32] * 8, max_tokens=128, ended=lambda row, token: False):
            done()


def othello(done: Callable[[], None]) -> None:
    """Steps of the quick Othello network, the playing of its games included."""
    import torch

    from glassworks.pretraining.network import build
    from glassworks.reproductions.othello.recipe import experiment
    from glassworks.reproductions.othello.training import GameBatches, expected_loss
    from glassworks.train.fit import fit

    recipe = experiment("quick")
    model, optimizer = build(recipe, torch.device("cpu"), torch.float32)
    batches = GameBatches(recipe, torch.device("cpu"))
    fit(model, batches, expected_loss, optimizer, steps=1 << 60, every=[(1, said(done))])


KINDS = {"training": training, "probes": probes, "generation": generation, "othello": othello}


def said(done: Callable[[], None]) -> Callable[..., dict[str, float]]:
    """For `every` of `fit`."""

    def after(step: int, model: object) -> dict[str, float]:
        done()
        return {}

    return after


# ----------------------------------------------------------------------------------------------------------------------
# Measuring


def work(kind: str, ready: bool, pipe: Connection) -> None:
    """Do one kind of work for ever, and tell when a piece of it is done."""
    from glassworks.core.machine import company

    if not ready:
        company.watch = lambda: None  # type: ignore[assignment]
    KINDS[kind](lambda: pipe.send(time.monotonic()))


class Side:
    """A process that does one kind of work when it is its turn."""

    def __init__(self, kind: str, ready: bool) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=work, args=(kind, ready, theirs), daemon=True
        )
        self.process.start()
        for _ in range(3):  # compiled and warm
            self.pipe.recv()
        self.signal(signal.SIGSTOP)

    def signal(self, number: int) -> None:
        """Stop it or let it go on."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def turn(self, seconds: float) -> float:
        """Pieces of work a second."""
        self.drain()
        self.signal(signal.SIGCONT)
        time.sleep(SETTLE)
        began = time.monotonic()
        time.sleep(seconds)
        ended = time.monotonic()
        while not (times := [at for at in self.drain() if at >= began]) and self.process.is_alive():
            time.sleep(0.1)  # one piece takes longer than the turn
            ended = time.monotonic()
        self.signal(signal.SIGSTOP)
        return len(times) / (ended - began) if len(times) < 4 else (len(times) - 1) / (times[-1] - times[0])

    def drain(self) -> list[float]:
        """When pieces were done since the last time."""
        times = []
        while self.pipe.poll():
            times.append(self.pipe.recv())
        return times


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Busy processes, of the same priority and in the same session."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure(kind: str, busy: list[int], rounds: int, seconds: float) -> None:
    """Print the rates of both sides beside so many busy processes."""
    sides = {name: Side(kind, name == "now") for name in ("before", "now")}
    cores = len(os.sched_getaffinity(0))
    alone = 0.0
    for count in busy:
        rates: dict[str, list[float]] = {name: [] for name in sides}
        with neighbours(count):
            for turn in range(rounds):
                order = list(sides) if turn % 2 else list(sides)[::-1]
                for name in order:
                    rates[name].append(sides[name].turn(seconds))
        before, now = (statistics.median(rates[name]) for name in ("before", "now"))
        alone = alone or before
        fair = cores / (cores + count)
        if count == 0:
            each = [b / a for a, b in zip(rates["before"], rates["now"], strict=True)]
            rest = f"now / before {statistics.median(each):.3f} ({min(each):.3f} to {max(each):.3f})"
        else:
            rest = "  ".join(
                f"{name} {100 * rate / alone:3.0f} %, kept {100 * rate / alone / fair:3.0f} %"
                for name, rate in (("before", before), ("now", now))
            )
            rest += f"  (fair {100 * fair:.0f} %)"
        print(f"{kind:10} beside {count}: before {before:8.2f}/s  now {now:8.2f}/s  {rest}", flush=True)
    for side in sides.values():
        side.process.kill()


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--busy", nargs="+", type=int, default=[0, 1, 2, 4])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--quick", action="store_true", help="one round of two seconds")
    args = parser.parse_args()
    if 0 not in args.busy:
        parser.error("--busy needs 0, the rate alone, which shares are of")
    for kind in args.only:
        rounds, seconds = (1, 2.0) if args.quick else (args.rounds, args.seconds)
        measure(kind, sorted(args.busy), rounds, seconds)


if __name__ == "__main__":
    main()
