"""How fast we train beside nanoGPT, on this machine, in this run.

    python benchmarks/training.py --nanogpt PATH --data tinyshakespeare.txt [--part loss|throughput] [--quick]

nanoGPT (https://github.com/karpathy/nanoGPT, a clone's path) runs its own model file and its own loop's statements in a
process of its own, as it ships; the two take turns of a few steps, so that whatever else the machine does hits both.
Evaluation and loading are outside the clock on both sides, everything else inside.

loss         nanoGPT's CPU shape on Tiny Shakespeare: wall time to its loss, `recipes/shakespeare-char.toml`, 3 seeds.
             --quick takes nanoGPT's wall time as 2,000 times its median step, and leaves its loss out.
throughput   our gpt2 architecture at nanoGPT's shapes: tokens/s, and the share of the measured matrix-product peak.
             On a CPU each side once as it is and once compiled: nanoGPT's README turns compiling off there, ours is
             compiled in runs of ten minutes or more; bfloat16 only where the CPU multiplies in it. On a CUDA machine:
             GPT-2 124M in bfloat16, both compiled.
"""

import argparse
import dataclasses
import functools
import math
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from glassworks.core.machine.memory import keep_freed_memory
from glassworks.data.batches import Batch, Windows
from glassworks.data.text.shards import Corpus, prepare
from glassworks.evaluate.loss import split_loss
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import next_token_loss
from glassworks.optim.config import OptimizerConfig
from glassworks.optim.groups import make_optimizer
from glassworks.optim.schedules import constant, make_schedule
from glassworks.pretraining.network import build
from glassworks.pretraining.recipe import Recipe
from glassworks.train.device import has_bfloat16_units, matmul_peak, pick_precision, synchronize
from glassworks.train.fit import fit
from glassworks.train.plan import compiled
from glassworks.train.recipes import read_recipe

RECIPE = Path(__file__).parents[1] / "recipes" / "shakespeare-char.toml"
TURN = 10  # steps that one side takes before the other's turn
LONGER = 380  # steps of the recipe that reach the second target
Shape = dict[str, int]
Turn = Callable[[], list[float]]
"""Take some steps; seconds of each."""


# ----------------------------------------------------------------------------------------------------------------------
# nanoGPT, as it ships


def nanogpt(
    pipe: Connection,
    path: str,
    shape: Shape,
    batch: int,
    tokens: Any,
    steps: int,
    lr: float,
    device: str,
    compile: bool,
) -> None:
    """Its model and the statements of its train.py, with its README's options for a CPU; told what to do by pipe."""
    sys.path.insert(0, path)
    from model import GPT as Theirs
    from model import GPTConfig as TheirConfig

    torch.manual_seed(1337)
    cuda = device == "cuda"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    model = Theirs(TheirConfig(dropout=0.0, bias=False, **shape)).to(device)
    scaler = torch.amp.GradScaler(device, enabled=False)
    optimizer = model.configure_optimizers(0.1, lr, (0.9, 0.99), device)
    net = torch.compile(model) if compile else model
    context = torch.amp.autocast(device, torch.bfloat16, enabled=cuda)
    data, T = torch.from_numpy(tokens), shape["block_size"]

    def get_batch() -> tuple[torch.Tensor, torch.Tensor]:
        starts = torch.randint(len(data) - T, (batch,))
        x = torch.stack([data[i : i + T] for i in starts])
        y = torch.stack([data[i + 1 : i + 1 + T] for i in starts])
        return x.to(device), y.to(device)

    step, (x, y) = 0, get_batch()
    while (order := pipe.recv()) != "end":
        if order == "weights":
            pipe.send({name: p.detach().cpu().numpy() for name, p in model.state_dict().items()})
            continue
        times = []
        for _ in range(order):
            began = time.perf_counter()
            done = max(0.0, (step - 100) / (steps - 100))
            rate = lr * (step + 1) / 101 if step < 100 else 1e-4 + 0.5 * (1 + math.cos(math.pi * done)) * (lr - 1e-4)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with context:
                _, loss = net(x, y)
            x, y = get_batch()
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            loss.item()
            times.append(time.perf_counter() - began)
            step += 1
        pipe.send(times)


class NanoGPT:
    """nanoGPT in its own process."""

    def __init__(
        self,
        path: Path,
        shape: Shape,
        batch: int,
        tokens: Any,
        *,
        lr: float = 1e-3,
        device: str = "cpu",
        compile: bool = False,
    ) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        arguments = (theirs, str(path), shape, batch, tokens, 2000, lr, device, compile)
        self.process = multiprocessing.get_context("spawn").Process(target=nanogpt, args=arguments, daemon=True)
        self.process.start()

    def turn(self) -> list[float]:
        """Train TURN more steps."""
        return self.ask(TURN)

    def ask(self, order: Any) -> Any:
        """Send an order, wait for its answer."""
        self.pipe.send(order)
        return self.pipe.recv()

    def end(self) -> None:
        """End the process."""
        self.pipe.send("end")
        self.process.join()


class LogitsOnly(torch.nn.Module):
    """nanoGPT's model as tokens to logits, to be judged by the same function as ours."""

    def __init__(self, path: Path, shape: Shape, weights: dict[str, Any]) -> None:
        super().__init__()
        sys.path.insert(0, str(path))
        from model import GPT as Theirs
        from model import GPTConfig as TheirConfig

        self.model = Theirs(TheirConfig(dropout=0.0, bias=False, **shape))
        self.model.load_state_dict({name: torch.from_numpy(p) for name, p in weights.items()})

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Given targets, nanoGPT computes the logits of all positions."""
        logits: torch.Tensor = self.model(tokens, tokens)[0]
        return logits


# ----------------------------------------------------------------------------------------------------------------------
# Part 1: wall time to a loss


def part_loss(nanogpt_path: Path, data: Path, *, quick: bool, lr: float) -> None:
    """Train both sides in turns; print wall times to the two losses."""
    recipe = read_recipe(RECIPE, Recipe)
    with tempfile.TemporaryDirectory() as folder:
        corpus = prepare(str(data), recipe.tokenizer, Path(folder), held_out=recipe.held_out, split=recipe.split)
        tokens, vocab_size = corpus.train.read(0, corpus.train.num_tokens), corpus.tokenizer.vocab_size
        shape = {"n_layer": 4, "n_head": 4, "n_embd": 128, "block_size": 64, "vocab_size": vocab_size}
        peer, theirs = NanoGPT(nanogpt_path, shape, 12, tokens, lr=lr), list[float]()
        peer.turn()  # not counted: the first steps of a process are slow
        theirs_total = 2000
        lines = []
        for target, steps in ((1.905, recipe.steps), (1.785, LONGER)):
            runs = []
            for seed in (1, 2, 3):
                mine = Ours(corpus, steps, seed)
                while mine.step < steps:
                    mine.turn()
                    if len(theirs) < theirs_total - TURN:
                        theirs += peer.turn()
                loss = split_loss(mine.model, corpus.val, batch_size=128).nats_per_token
                runs.append((loss, sum(mine.times), statistics.median(mine.times)))
                print(f"  ours, {steps} steps, seed {seed}: {loss:.4f} in {runs[-1][1]:.1f} s", flush=True)
            lines.append((target, steps, [statistics.mean(column) for column in zip(*runs, strict=True)]))
        median = statistics.median(theirs)
        print(f"nanoGPT, lr {lr}: median step {1e3 * median:.1f} ms, 2,000 steps {2000 * median:.1f} s by the median")
        wall = 2000 * median
        if not quick:
            while len(theirs) < theirs_total - TURN:
                theirs += peer.turn()
            model = LogitsOnly(nanogpt_path, shape, peer.ask("weights"))
            loss = split_loss(model, corpus.val, batch_size=128, n_ctx=64).nats_per_token
            wall = sum(theirs) * theirs_total / len(theirs)
            print(f"nanoGPT, lr {lr}: loss {loss:.4f} after 2,000 steps in {wall:.1f} s")
        for target, steps, (loss, seconds, step) in lines:
            print(
                f"ours, {steps} steps: mean loss {loss:.4f} (target {target}), {seconds:.1f} s, median step "
                f"{1e3 * step:.1f} ms; 1/{wall / seconds:.1f} of nanoGPT's wall time, by medians 1/"
                f"{2000 * median / (steps * step):.1f}"
            )
        peer.end()


class Ours:
    """One training of the recipe, a few steps at a time."""

    def __init__(self, corpus: Corpus, steps: int, seed: int) -> None:
        recipe = read_recipe(RECIPE, Recipe)
        shape = dataclasses.replace(recipe.model, vocab_size=corpus.tokenizer.vocab_size)
        self.recipe = dataclasses.replace(recipe, model=shape, steps=steps, seed=seed)
        self.step, self.times = 0, list[float]()
        began = time.perf_counter()
        keep_freed_memory()
        self.dtype = pick_precision(recipe.precision, torch.device("cpu"), shape.n_embd)
        self.model, self.optimizer = build(self.recipe, torch.device("cpu"), self.dtype)
        self.batches = Windows(corpus.train, recipe.batch_size, shape.n_ctx, seed)
        self.schedule = make_schedule(recipe.schedule)
        self.times.append(time.perf_counter() - began)

    def turn(self) -> None:
        """Train TURN more steps, or as many as are left."""
        end = min(self.step + TURN, self.recipe.steps)
        began = time.perf_counter()
        fit(
            self.model,
            self.batches,
            next_token_loss,
            self.optimizer,
            start=self.step,
            steps=end,
            schedule=lambda step, _: self.schedule(step, self.recipe.steps),
            autocast=self.dtype,
        )
        self.times += [(time.perf_counter() - began) / (end - self.step)] * (end - self.step)
        self.step = end


# ----------------------------------------------------------------------------------------------------------------------
# Part 2: throughput


def part_throughput(nanogpt_path: Path, turns: int) -> None:
    """Print tokens/s of our gpt2 beside nanoGPT's at each shape."""
    device, compiling = ("cuda", [True]) if torch.cuda.is_available() else ("cpu", [False, True])
    if device == "cuda":
        shapes = [(12, 12, 768, 1024, batch, 50304) for batch in (16, 64)]
    else:
        shapes = [(4, 4, 128, 64, 12, 65), (6, 6, 384, 256, 16, 65)]
    dtypes = [torch.bfloat16] if device == "cuda" else [torch.float32, *[torch.bfloat16] * has_bfloat16_units()]
    for n_layer, n_head, n_embd, n_ctx, batch, vocab_size in shapes:
        shape = {"n_layer": n_layer, "n_head": n_head, "n_embd": n_embd, "block_size": n_ctx, "vocab_size": vocab_size}
        tokens = torch.randint(vocab_size, (2**20,), generator=torch.Generator().manual_seed(0))
        config = GPTConfig("gpt2", vocab_size, n_ctx, n_layer, n_head, n_embd)
        count = 2 if n_embd == 384 else TURN
        peers = [
            NanoGPT(nanogpt_path, shape, batch, tokens.numpy(), device=device, compile=compile) for compile in compiling
        ]
        sides: list[tuple[str, torch.dtype, Turn]] = [
            (name_of("nanoGPT", dtypes[0], compile), dtypes[0], functools.partial(peer.ask, count))
            for peer, compile in zip(peers, compiling, strict=True)
        ]
        sides += [
            (name_of("ours", dtype, compile), dtype, our_turns(config, batch, tokens, device, dtype, count, compile))
            for dtype in dtypes
            for compile in compiling
        ]
        times: list[list[float]] = [[] for _ in sides]
        for i in range(turns + 1):
            for (_, _, turn), seen in zip(sides, times, strict=True):
                taken = turn()
                seen += taken if i else []  # the first turn warms up
        for peer in peers:
            peer.end()
        first = statistics.median(times[0])
        print(f"{n_layer} layers, {n_embd} wide, batch {batch} x {n_ctx}, {device}")
        for (name, dtype, _), seen in zip(sides, times, strict=True):
            median = statistics.median(seen)
            speed, peak = batch * n_ctx / median, matmul_peak(torch.device(device), dtype)
            share = speed * GPT(config).flops_per_token() / peak
            print(
                f"  {name:25} {1e3 * median:8.1f} ms a step, {speed:10,.0f} tokens/s, {first / median:5.2f} x nanoGPT, "
                f"{share:4.0%} of {peak / 1e9:,.0f} GFLOP/s",
                flush=True,
            )


def name_of(side: str, dtype: torch.dtype, compile: bool) -> str:
    """How a side is printed."""
    return f"{side} {str(dtype).removeprefix('torch.')}{' compiled' * compile}"


def our_turns(
    config: GPTConfig, batch: int, tokens: torch.Tensor, device: str, dtype: torch.dtype, count: int, compile: bool
) -> Turn:
    """A function that trains our model `count` more steps."""
    keep_freed_memory()
    model = GPT(config).to(device)
    optimizer = make_optimizer(model, OptimizerConfig("adamw", betas=(0.9, 0.99), weight_decay=0.1))
    loss_fn = compiled(next_token_loss) if compile else next_token_loss
    generator, offsets = torch.Generator().manual_seed(0), torch.arange(config.n_ctx + 1)

    def batches(step: int) -> Batch:
        starts = torch.randint(len(tokens) - config.n_ctx, (batch, 1), generator=generator)
        windows = tokens[starts + offsets]
        return Batch(windows[:, :-1], windows[:, 1:], torch.zeros(batch, 2, dtype=torch.int64))

    def turn() -> list[float]:
        synchronize(torch.device(device))
        began = time.perf_counter()
        fit(model, batches, loss_fn, optimizer, steps=count, schedule=constant, clip=1.0, autocast=dtype)
        synchronize(torch.device(device))
        return [(time.perf_counter() - began) / count] * count

    return turn


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", type=Path, required=True, help="folder of a clone of nanoGPT")
    parser.add_argument("--data", type=Path, help="tinyshakespeare.txt (part loss)")
    parser.add_argument("--part", choices=("loss", "throughput"), help="only this part; both if left out")
    parser.add_argument("--quick", action="store_true", help="do not run nanoGPT to its end")
    parser.add_argument("--lr", type=float, default=1e-3, help="nanoGPT's learning rate: 1e-3 as it ships, 3e-3 tuned")
    parser.add_argument(
        "--turns", type=int, default=8, help=f"turns in part throughput, of {TURN} steps or 2 of the large shapes"
    )
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    if options.part != "throughput":
        part_loss(options.nanogpt, options.data, quick=options.quick, lr=options.lr)
    if options.part != "loss":
        part_throughput(options.nanogpt, options.turns)


if __name__ == "__main__":
    main()
