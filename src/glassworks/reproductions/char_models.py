"""The lectures' next-character MLPs, and how each is trained and measured: what several reproductions are made of."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.core.progress import progress
from glassworks.data.text.words import Words
from glassworks.models.modes import evaluating
from glassworks.models.simple.char_mlp import CharMLP, CharMLPConfig, Init
from glassworks.train.fit import fit

BATCH, LR = 32, 0.1
SEED = 2147483647  # the lectures' own
LOOKS = 60  # points of a curve
SAMPLES, LONGEST = 20, 30  # words that are written, and their characters at most
SATURATED = 0.97
"""A tanh beyond this lets less than 6 % of its gradient through; lecture 4 draws the line here."""
Build = Callable[[int, torch.Generator], nn.Module]
Batches = Callable[[int], tuple[Tensor, Tensor]]
Loss = Callable[[nn.Module, Sequence[Tensor]], Tensor]


@dataclass(frozen=True)
class Variant:
    """A network and how it is trained."""

    build: Build
    """(vocab_size, generator of the weights) to the model."""
    drop: float = 0.5
    """The share of all steps after which the learning rate falls to a tenth."""
    seed: int = SEED
    loss_fn: Loss | None = None
    """None = `last_token_loss`."""
    begun: Callable[[nn.Module, int], None] | None = None
    """What else is done to the fresh model, given the seed."""
    ended: Callable[[nn.Module, Words], None] | None = None
    """What else is done to the trained one, given the data."""


def mlp(init: Init, **shape: Any) -> Build:
    """A network of lectures 3 to 5."""
    return lambda vocab_size, generator: CharMLP(CharMLPConfig(vocab_size, init=init, **shape), seed=generator)


SLOW_NORM: dict[str, Any] = {"batch_norm": "hidden", "momentum": 0.001}
CHAIN = {
    "original": Variant(mlp(Init(hidden=1.0, hidden_bias=1.0, head=1.0, head_bias=1.0))),
    "softmax": Variant(mlp(Init(hidden=1.0, hidden_bias=1.0))),
    "tanh": Variant(mlp(Init(hidden=0.2))),
    "kaiming": Variant(mlp(Init())),
    "batch_norm": Variant(mlp(Init(hidden_bias=None), **SLOW_NORM)),
}
"""Lecture 4's chain of fixes."""
CHAIN_LOSSES = {
    "original": ("MLP, weights normal(0, 1)", 2.1245, 2.1682),
    "softmax": ("+ small output layer", 2.07, 2.13),
    "tanh": ("+ small hidden layer", 2.0356, 2.1027),
    "kaiming": ("Kaiming's scale instead", 2.0377, 2.1070),
    "batch_norm": ("+ batch norm", 2.0668, 2.1048),
}
"""What each is called, and the lecture's train and dev loss."""
SPREAD = 0.01
"""Nats. Trainings that differ in nothing but their random numbers end so close: lecture 5 prints two, 0.006 apart."""


# ----------------------------------------------------------------------------------------------------------------------
# Training and measuring one network


def train(name: str, variant: Variant, data: Words, steps: int, seed: int | None) -> dict[str, Any]:
    """Train a variant; its whole-split losses, and its first batch's loss and share of saturated units untrained.

    Kept to be looked at: `curve`, the training loss as [step, mean since the one before], and `samples`, its words.
    """
    model, batches = prepare(variant, data, steps, seed)
    start, curve = first_look(model, batches(0)), Curve(variant.loss_fn or last_token_loss)
    with progress(name, steps) as report:
        fit(
            model,
            batches,
            curve,
            torch.optim.SGD(model.parameters(), LR, fused=True),
            steps=steps,
            schedule=lambda step, total: 1.0 if step < variant.drop * total else 0.1,
            every=[(-(-steps // LOOKS), curve.note)],  # rounded up, so that the last point is no mean of a few steps
            log_every=max(1, min(1000, steps // 10)),
            report=report,
        )
    if variant.ended is not None:
        variant.ended(model, data)
    looked_at = {"curve": curve.points, "samples": samples(model, model.config.n_ctx, data, variant.seed)}
    return start | losses(model, data) | {"params": sum(p.numel() for p in model.parameters())} | looked_at


class Curve:
    """A loss function that remembers the mean of what it gave, from one `note` to the next."""

    def __init__(self, loss_fn: Callable[[nn.Module, Sequence[Tensor]], Tensor]) -> None:
        self.loss_fn = loss_fn
        self.sum: Tensor | float = 0.0
        self.count = 0
        self.points: list[list[float]] = []

    def __call__(self, model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        """The loss, unchanged."""
        loss = self.loss_fn(model, batch)
        self.sum, self.count = self.sum + loss.detach(), self.count + 1
        return loss

    def note(self, step: int, model: nn.Module) -> dict[str, float]:
        """For `every` of `fit`: a point of the curve; nothing to log."""
        self.points.append([step, float(self.sum) / self.count])
        self.sum, self.count = 0.0, 0
        return {}


@torch.no_grad()
def samples(model: Callable[[Tensor], Tensor], n_ctx: int, data: Words, seed: int) -> list[str]:
    """Words that a network writes, each character drawn by its probability, at most `LONGEST` of them.

    `model` takes contexts (N, T) to logits (N, V); a module is in evaluation mode meanwhile.
    """
    generator = torch.Generator().manual_seed(seed + 10)  # as in the lectures
    tokens = torch.zeros(SAMPLES, n_ctx + LONGEST, dtype=torch.long)
    with evaluating(model) if isinstance(model, nn.Module) else nullcontext():
        for place in range(n_ctx, n_ctx + LONGEST):
            logits = model(tokens[:, place - n_ctx : place])
            drawn = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
            tokens[:, place] = torch.where((tokens[:, place - 1] == 0) & (place > n_ctx), 0, drawn)  # ended stays ended
    return ["".join(data.alphabet[i - 1] for i in row if i) for row in tokens[:, n_ctx:].tolist()]


def prepare(variant: Variant, data: Words, steps: int, seed: int | None) -> tuple[Any, Batches]:
    """The model and its batches, drawn from one stream in the lectures' order."""
    generator = torch.Generator().manual_seed(variant.seed if seed is None else seed)
    model: Any = variant.build(data.vocab_size, generator)
    if variant.begun is not None:
        variant.begun(model, generator.initial_seed())
    inputs, targets = data.examples("train", model.config.n_ctx)
    rows = torch.randint(len(targets), (steps, BATCH), generator=generator)  # the same numbers as step by step
    return model, lambda step: (inputs[rows[step]], targets[rows[step]])


def last_token_loss(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """Mean cross-entropy of contexts (B, T) and what follows each, (B,)."""
    return F.cross_entropy(model(batch[0]), batch[1])


def losses(model: Any, data: Words) -> dict[str, float]:
    """Mean loss over the whole train and dev split, in nats a character."""
    n_ctx = model.config.n_ctx
    return {
        "train": split_loss(model, *data.examples("train", n_ctx)),
        "dev": split_loss(model, *data.examples("dev", n_ctx)),
    }


@torch.no_grad()
def split_loss(model: nn.Module, inputs: Tensor, targets: Tensor, block: int = 8192) -> float:
    """Mean loss of all examples, in evaluation mode."""
    with evaluating(model):
        sums = [
            F.cross_entropy(model(x), y, reduction="sum").item()
            for x, y in zip(torch.split(inputs, block), torch.split(targets, block), strict=True)
        ]
    return sum(sums) / len(targets)


@torch.no_grad()
def first_look(model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, float]:
    """The loss of a batch in training mode, and the share of its tanh units that are saturated; changes nothing."""
    twin, outputs = deepcopy(model).train(), []
    for module in twin.modules():
        if isinstance(module, nn.Tanh):
            module.register_forward_hook(lambda _module, _args, output: outputs.append(output.flatten()))
    loss = last_token_loss(twin, batch).item()
    return {"first_loss": loss, "saturated": (torch.cat(outputs).abs() > SATURATED).float().mean().item()}
