"""How fast linear probes of all layers are beside scikit-learn's LogisticRegression, layer by layer, in this run.

    python benchmarks/probes.py [--part depth|board] [--layers 4]

Both sides get the same float32 activations of a GPT with random weights, in memory; the model's own run is outside the
clock. The two take turns, a layer each. Accuracy is on held-out sequences, and its error counts sequences.

depth   one target of 10 classes, the token's group with a third of the labels blurred, 768 wide, 20,480 rows.
        scikit-learn twice: as it comes, and behind a StandardScaler, whose objective is ours.
board   36 targets of 3 classes, 128 wide, 20,480 rows, as for a 6x6 board: scikit-learn fits one model a target.
"""

import argparse
import statistics
import time
import warnings
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from glassworks.interpret.access.stream import Rows, gather
from glassworks.interpret.probing.logistic import logistic
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT

T, BATCH, VOCABULARY = 128, 16, 256
TRAIN, TEST = 10, 5  # batches of 2,048 rows
Batch = tuple[Tensor, Tensor]


def text(step: int) -> Tensor:
    """Tokens (B, T) whose frequencies fall as those of words do."""
    weights = 1 / torch.arange(1, VOCABULARY + 1)
    generator = torch.Generator().manual_seed(step)
    return torch.multinomial(weights, BATCH * T, replacement=True, generator=generator).view(BATCH, T)


def blurred(step: int) -> Batch:
    """Which of 10 groups the token belongs to; a third of the labels are random, so that nothing is certain."""
    tokens = text(step)
    generator = torch.Generator().manual_seed(step + 10_000)
    noise = torch.randint(10, tokens.shape, generator=generator)
    labels = torch.where(torch.rand(tokens.shape, generator=generator) < 1 / 3, noise, tokens % 10)
    return tokens, labels.unsqueeze(-1)


def board(step: int) -> Batch:
    """36 ways of putting one of the last four tokens into 3 groups."""
    tokens = text(step)
    groups = torch.randint(3, (36, VOCABULARY), generator=torch.Generator().manual_seed(0))
    return tokens, torch.stack([groups[s][tokens.roll(s % 4, 1)] for s in range(36)], -1)


def activations(width: int, layers: int, batches: Any) -> tuple[Rows, Rows]:
    """Rows of every residual stream, to fit and to test on."""
    model = GPT(GPTConfig("gpt2", VOCABULARY, T, layers, width // 64, width))
    points = ["blocks.0.resid_pre", "blocks.*.resid_post"]
    memory = 8 << 30
    train = gather(model, batches, points, steps=TRAIN, max_bytes=memory)
    return train, gather(model, batches, points, steps=TEST, start=TRAIN, max_bytes=memory)


def ours(x: Tensor, y: Tensor, classes: int, test: Tensor) -> Tensor:
    """Answers (N, S)."""
    weight, bias = logistic(x, y, classes)
    return ((test @ weight.flatten(0, 1).T).view(-1, *bias.shape) + bias).argmax(-1)


def theirs(x: Tensor, y: Tensor, test: Tensor, scaled: bool) -> Tensor:
    """Answers (N, S) of one default LogisticRegression a target."""
    answers = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for labels in y.T.numpy():
            model = make_pipeline(StandardScaler(), LogisticRegression()) if scaled else LogisticRegression()
            answers.append(model.fit(x.numpy(), labels).predict(test.numpy()))
    return torch.from_numpy(np.stack(answers, -1))


def compare(train: Rows, test: Rows, classes: int, sides: list[str]) -> None:
    """Fit every point by every side in turn, and print seconds and accuracies."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    accuracy: dict[str, list[float]] = {side: [] for side in sides}
    groups = torch.unique(test.example, return_inverse=True)[1]
    for point, x in train.values.items():
        for side in sides:
            began = time.perf_counter()
            if side == "ours":
                answers = ours(x, train.labels, classes, test.values[point])
            else:
                answers = theirs(x, train.labels, test.values[point], side == "scaled")
            seconds[side].append(time.perf_counter() - began)
            right = (answers == test.labels).float().mean(1)
            accuracy[side].append(float(right.mean()))
        by_example = torch.zeros(int(groups.max()) + 1).index_add_(0, groups, right) / torch.bincount(groups)
        error = float(by_example.std() / len(by_example) ** 0.5)
        line = "  ".join(f"{side} {seconds[side][-1]:.2f} s {100 * accuracy[side][-1]:.2f} %" for side in sides)
        print(f"{point:22} {line}  (error {100 * error:.2f})", flush=True)
    for side in sides[1:]:
        gaps = [100 * (a - b) for a, b in zip(accuracy["ours"], accuracy[side], strict=True)]
        ratios = [b / a for a, b in zip(seconds["ours"], seconds[side], strict=True)]
        print(
            f"{side}: {sum(seconds[side]) / sum(seconds['ours']):.1f} times our time in all, median of layers "
            f"{statistics.median(ratios):.1f}; our accuracy is {statistics.mean(gaps):+.2f} points from its "
            f"({min(gaps):+.2f} to {max(gaps):+.2f})"
        )


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["depth", "board"])
    parser.add_argument("--layers", type=int, default=12)
    args = parser.parse_args()
    logistic(torch.randn(2048, 64), torch.randint(3, (2048, 1)), 3)  # what only the first call costs
    if args.part in (None, "depth"):
        compare(*activations(768, args.layers, blurred), 10, ["ours", "sklearn", "scaled"])
    if args.part in (None, "board"):
        compare(*activations(128, min(args.layers, 8), board), 3, ["ours", "sklearn"])


if __name__ == "__main__":
    main()
