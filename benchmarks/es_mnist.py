"""OpenAI's evolution strategies on handwritten digits, from the module's own initialisation, beside evosax's example.

    python benchmarks/es_mnist.py --data FOLDER [--batch 128] [--generations 512] [--run runs/es-mnist] [--seed 0]

evosax 0.3 (examples/03_vision.ipynb) trains this CNN of 128,874 weights (5x5-8, 5x5-16, linear) on MNIST's 60,000
training images: population 256, batches of 1,024, Adam with lr 0.01 -> 0.001 and sigma 0.05 -> 0.01, both exponential
over 512 generations. Its accuracies, as printed: 0.70 at generation 32, 0.89 at 64, 0.92 at 96, 0.95 at 128, 0.96 at
192, and 0.97 first at 384.

FOLDER has MNIST's 10,000 test images as idx files (t10k-images-idx3-ubyte, packed or not): they are split by the hash
of each, a fifth to judge on. Every line has generations, CPU seconds, images seen by each
candidate, and the accuracy with its standard error. A run that is stopped goes on where it was when called again.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.core.machine.memory import keep_freed_memory
from glassworks.core.runs import Run
from glassworks.data.labelled.images.idx import read_idx
from glassworks.data.labelled.splits import TEST, TRAIN, Shares, drawn, keys_of
from glassworks.optim.gradient_free.evolution.openai_es import OpenAIES
from glassworks.train.plan import Plan
from glassworks.train.resumable import resumable


def digits(folder: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels to train on, and to judge on; pixels of mean 0 and standard deviation 1."""
    blocks = list(read_idx(folder).blocks())
    inputs = np.concatenate([block.inputs for block in blocks])
    labels = np.concatenate([block.targets for block in blocks]).astype(np.int64)
    codes = drawn(np.zeros(len(inputs), np.int8), keys_of(inputs), Shares(), (TEST,))
    x = torch.from_numpy(np.ascontiguousarray(inputs)).float() / 255
    y = torch.from_numpy(labels).long()
    train, test = torch.from_numpy(codes == TRAIN), torch.from_numpy(codes == TEST)
    x = (x - x[train].mean()) / x[train].std()
    return x[train], y[train], x[test], y[test]


def network() -> nn.Module:
    """evosax's: 128,874 weights."""
    convolutions = [nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 16, 5, padding=2), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(16 * 28 * 28, 10))


def main() -> None:
    """Train, and print what came out on the way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, default=Path("runs/es-mnist"))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--population", type=int, default=256)
    parser.add_argument("--generations", type=int, default=512)
    parser.add_argument("--every", type=int, default=16)
    parser.add_argument("--lr", type=float, nargs=2, default=(0.01, 0.001))
    parser.add_argument("--sigma", type=float, nargs=2, default=(0.05, 0.01))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stop-at", type=float, default=2.0, help="the accuracy at which to stop")
    a = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    x, y, test_x, test_y = digits(a.data)
    torch.manual_seed(a.seed)
    model = network()
    optimizer = OpenAIES(
        model.parameters(),
        lr=a.lr[0],
        sigma=a.sigma[0],
        sigma_decay=(a.sigma[1] / a.sigma[0]) ** (1 / a.generations),
        population=a.population,
        seed=a.seed,
    )
    weights = sum(p.numel() for p in model.parameters())
    print(f"{weights:,} weights, {len(x):,} images to train on and {len(test_x):,} to judge on, batches of {a.batch}")

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(x), (a.batch,), generator=torch.Generator().manual_seed(a.seed + 7919 * step))
        return x[rows], y[rows]

    reached: list[float] = []

    def judged(step: int, net: nn.Module) -> dict[str, float]:
        with torch.no_grad():
            right = torch.cat([net(part).argmax(1) for part in test_x.split(500)]) == test_y
        accuracy = float(right.float().mean())
        error = (accuracy * (1 - accuracy) / len(right)) ** 0.5
        seconds = sum(os.times()[:4])  # with the processes that shares went to
        print(
            f"generation {step:4}  {seconds:7.1f} CPU s  {step * a.batch:9,} images  "
            f"accuracy {accuracy:.2%} ± {error:.2%}",
            flush=True,
        )
        reached.append(accuracy)
        return {"accuracy": accuracy, "cpu_seconds": seconds}

    run = Run.open(a.run) if (a.run / "run.json").is_file() else Run.create(a.run, kind="es-mnist", recipe={})
    resumable(
        run,
        Plan(a.generations, "float32", compile=False),
        model,
        batch,
        lambda net, pair: F.cross_entropy(net(pair[0]), pair[1]),
        optimizer,
        save=a.every,
        every=[(a.every, judged)],
        schedule=lambda step, steps: (a.lr[1] / a.lr[0]) ** (step / steps),
        stop=lambda: bool(reached) and reached[-1] >= a.stop_at,
        log_every=a.every,
    )


if __name__ == "__main__":
    main()
