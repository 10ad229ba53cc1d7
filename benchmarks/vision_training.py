"""How fast networks of images train beside a plain loop of PyTorch's, and how good a small one gets at digits.

Part "training" of benchmarks/vision.py. A plain loop is what a tutorial has: a Dataset that gives one example after the
other, a DataLoader, the same module as torch lays it out, AdamW as torch makes it, float32, and nothing compiled. Ours
is what `glassworks train` does on this machine. Both have the same weights, batch size and threads; each runs in a
process of its own, and they take turns, so that whatever else the machine does hits all. Between them stand steps from
the one to the other, which say what gives what.
"""

import copy
import dataclasses
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from glassworks.classify.recipe import LabelledRecipe
from glassworks.classify.run import start
from glassworks.classify.run import train as train_labelled
from glassworks.core.machine.memory import keep_freed_memory
from glassworks.data.labelled.batches import Examples
from glassworks.data.labelled.prepare import Labelled, prepare
from glassworks.data.labelled.source import Block, Source
from glassworks.evaluate.labelled.predictions import validation
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig, fitted
from glassworks.models.vision.fold import folded
from glassworks.objectives.labelled import class_loss
from glassworks.optim.config import OptimizerConfig
from glassworks.optim.groups import make_optimizer
from glassworks.train.fit import fit
from glassworks.train.opening import open_run
from glassworks.train.plan import compiled
from glassworks.train.recipes import find_recipe, read_recipe

EXAMPLES = 4096
CASES = {
    "a LeNet of today, 1 × 28 × 28": ("lenet", (1, 28, 28), 64, 40),
    "LeNet-5 as it was, 1 × 28 × 28": ("lenet5", (1, 28, 28), 64, 40),
    "ResNet-20, 3 × 32 × 32": ("resnet20", (3, 32, 32), 128, 3),
}
"""Architecture, shape of an image, batch size, and steps of a turn."""

VARIANTS = {
    "a plain loop": (),
    "our batches": ("batches",),
    "and fit, fused AdamW, memory kept": ("batches", "fit"),
    "and channels last: ours": ("batches", "fit", "last"),
    "ours in bfloat16": ("batches", "fit", "last", "bfloat16"),
    "ours compiled": ("batches", "fit", "last", "compiled"),
    "ours compiled and channels first": ("batches", "fit", "compiled"),
}
"""What is ours in each."""


def network(architecture: str, shape: tuple[int, ...]) -> nn.Module:
    """A network by its name: one of ours, or LeNet as it is written today, with ReLUs and maxima (61,706 weights)."""
    if architecture != "lenet":
        return make_model(fitted(VisionConfig(architecture), shape, 10))  # type: ignore[arg-type]
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


class OneByOne(Dataset[tuple[Tensor, Tensor]]):
    """Examples as a Dataset gives them."""

    def __init__(self, images: np.ndarray, targets: np.ndarray) -> None:
        self.images, self.targets = torch.from_numpy(images), torch.from_numpy(targets)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index].float() / 255, self.targets[index]


def random_images(shape: tuple[int, ...]) -> Source:
    """Noise in ten classes: how fast a step is does not depend on what is seen."""

    def blocks() -> Iterator[Block]:
        generator = np.random.default_rng(0)
        images = generator.integers(0, 256, (EXAMPLES, *shape), np.uint8)
        yield Block(images, [str(i % 10) for i in range(EXAMPLES)], [f"image {i}" for i in range(EXAMPLES)])

    return Source("images", "noise", "classes", shape, blocks, f"noise {shape}")


def endless(loader: DataLoader[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """A loader's batches, epoch after epoch."""
    while True:
        yield from loader


def plain_steps(model: nn.Module, batches: Iterator[tuple[Tensor, Tensor]]) -> Callable[[int], None]:
    """A plain loop over batches, as a function that takes so many steps."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()

    def take(steps: int) -> None:
        for _ in range(steps):
            inputs, targets = next(batches)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()

    return take


def our_steps(model: nn.Module, batches: Examples, ours: tuple[str, ...]) -> Callable[[int], None]:
    """The same by `fit`."""
    optimizer, loss, done = make_optimizer(model, OptimizerConfig("adamw", lr=1e-3)), class_loss(), [0]
    dtype = torch.bfloat16 if "bfloat16" in ours else torch.float32
    loss = compiled(loss) if "compiled" in ours else loss

    def take(steps: int) -> None:
        fit(model, batches, loss, optimizer, start=done[0], steps=done[0] + steps, autocast=dtype)
        done[0] += steps

    return take


def work(pipe: Connection, case: str, ours: tuple[str, ...], root: str, threads: int) -> None:
    """A process that takes a turn for each message, and answers with the seconds of a step."""
    torch.set_num_threads(threads)
    architecture, shape, batch_size, _ = CASES[case]
    examples = prepare(random_images(shape), root)
    model = network(architecture, shape).to(
        memory_format=torch.channels_last if "last" in ours else torch.contiguous_format
    )  # type: ignore[call-overload]
    batches = Examples(examples.train, batch_size, seed=0)
    if "fit" in ours:
        keep_freed_memory()
        take = our_steps(model, batches, ours)
    elif "batches" in ours:
        take = plain_steps(model, ((batch[0], batch[1]) for batch in map(batches, range(1 << 40))))
    else:
        part = examples.train
        data = OneByOne(part.inputs(np.arange(len(part))), np.array(part.targets))
        take = plain_steps(model, endless(DataLoader(data, batch_size, shuffle=True, drop_last=True)))
    while steps := pipe.recv():
        began = time.perf_counter()
        take(steps)
        pipe.send((time.perf_counter() - began) / steps)


def training_speed(*, threads: int, rounds: int, cases: list[str], compile: bool) -> None:
    """Each case by each variant, in turns; prints the median step and the ratio to the plain loop's."""
    spawn = multiprocessing.get_context("spawn")
    variants = {name: ours for name, ours in VARIANTS.items() if compile or "compiled" not in ours}
    with tempfile.TemporaryDirectory() as root:
        for case in cases:
            *_, batch_size, steps = CASES[case]
            prepare(random_images(CASES[case][1]), root)
            pipes = {}
            for name, ours in variants.items():
                pipes[name], theirs = spawn.Pipe()
                spawn.Process(target=work, args=(theirs, case, ours, root, threads), daemon=True).start()
            times: dict[str, list[float]] = {name: [] for name in variants}
            for turn in range(-1, rounds):  # the first is not counted
                for name, pipe in pipes.items():
                    pipe.send(steps)
                    spent = pipe.recv()
                    times[name] += [spent] if turn >= 0 else []
            for pipe in pipes.values():
                pipe.send(0)
            steps_of = {name: statistics.quantiles(found, n=4, method="inclusive")[0] for name, found in times.items()}
            print(f"{case}, batch {batch_size}, {threads} threads: ms of a step, the lower quartile of {rounds} turns")
            for name, step in steps_of.items():
                print(
                    f"  {name:<34} {1e3 * step:8.2f}   {steps_of['a plain loop'] / step:.2f} × as fast as a plain loop"
                )


@torch.no_grad()
def same_outputs(cases: list[str]) -> None:
    """How far what a network says with channels last is from what it says as torch lays it out."""
    for case in cases:
        architecture, shape, batch_size, _ = CASES[case]
        inputs = torch.rand(batch_size, *shape, generator=torch.Generator().manual_seed(0))
        outputs = [
            network(architecture, shape).to(memory_format=layout).eval()(inputs)  # type: ignore[call-overload]
            for layout in (torch.contiguous_format, torch.channels_last)
        ]
        print(
            f"{case}: outputs with channels last differ by {float((outputs[0] - outputs[1]).abs().max()):.1g} at most"
        )


@torch.no_grad()
def evaluating_speed(*, threads: int, rounds: int, batch_size: int = 256) -> None:
    """What laying out channels last and folding batch norms into convolutions give where nothing is learnt."""
    torch.set_num_threads(threads)
    for architecture, shape in (("resnet20", (3, 32, 32)), ("small_vgg", (1, 28, 28))):
        inputs = torch.rand(batch_size, *shape, generator=torch.Generator().manual_seed(0))
        last = network(architecture, shape).eval()
        first = copy.deepcopy(last).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        models = {"as torch lays it out": first, "channels last": last, "and batch norms folded": folded(last)}
        times: dict[str, list[float]] = {name: [] for name in models}
        for _ in range(rounds):
            for name, model in models.items():
                began = time.perf_counter()
                model(inputs)
                times[name].append(time.perf_counter() - began)
        print(f"{architecture}, {batch_size} images evaluated, {threads} threads: ms, the lower quartile of {rounds}")
        for name, found in times.items():
            print(f"  {name:<34} {1e3 * statistics.quantiles(found, n=4, method='inclusive')[0]:8.2f}", flush=True)


def digits_accuracy(data: Path, seeds: list[int]) -> None:
    """The recipe `mnist` by each seed, on the same split: accuracy on the test part, and the seconds all of it took."""
    with tempfile.TemporaryDirectory() as root:
        recipe = read_recipe(find_recipe("mnist"), LabelledRecipe)
        found = []
        for seed in seeds:
            began = time.perf_counter()
            run = start(Path(root) / f"seed-{seed}", dataclasses.replace(recipe, data=str(data), seed=seed), [])
            train_labelled(run)
            spent, opened = time.perf_counter() - began, open_run(run)
            examples: Labelled = opened.data
            found.append(validation(opened.model, examples.test)["val_accuracy"])
            print(
                f"  seed {seed}: {found[-1]:.2%} of {len(examples.test):,} test images, trained on "
                f"{len(examples.train):,} in {spent:.0f} s",
                flush=True,
            )
        print(f"recipes/mnist.toml: {statistics.mean(found):.2%}, the mean of {len(found)} seeds")
