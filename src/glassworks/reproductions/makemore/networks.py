"""The networks of makemore, how each is trained, and what is measured of it."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.core.progress import progress
from glassworks.interpret.transformer.health import update_ratios, weight_copies
from glassworks.models.modes import evaluating
from glassworks.models.simple.char_mlp import BatchNorm, Bigram, CharMLP, CharMLPConfig, Init
from glassworks.models.simple.wavenet import WaveNet, WaveNetConfig
from glassworks.reproductions.makemore.by_hand import calibrate, loss_by_hand, worst_differences
from glassworks.reproductions.makemore.rows import SATURATED
from glassworks.reproductions.makemore.words import Words
from glassworks.train.fit import fit

BATCH, LR = 32, 0.1
SEED, TREE_SEED = 2147483647, 42  # the lectures' own
BIGRAM_STEPS, BIGRAM_LR = 300, 50.0
LOOKS = 60  # points of a curve
SAMPLES, LONGEST = 20, 30  # words that are written, and their characters at most
DEEP_STEPS = 1001  # where lecture 4 breaks off to look at its deeper network
Build = Callable[[int, torch.Generator], nn.Module]
Batches = Callable[[int], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Variant:
    """A network and how it is trained."""

    build: Build
    """(vocab_size, generator of the weights) to the model."""
    drop: float = 0.5
    """The share of all steps after which the learning rate falls to a tenth."""
    seed: int = SEED
    by_hand: bool = False
    """Whether gradients come from the formulas of by_hand.py."""


def mlp(init: Init, *, by_hand: bool = False, **shape: Any) -> Variant:
    """A network of lectures 3 to 5."""
    return Variant(
        lambda vocab_size, generator: CharMLP(CharMLPConfig(vocab_size, init=init, **shape), seed=generator),
        by_hand=by_hand,
    )


def tree(**shape: Any) -> Variant:
    """A network of lecture 6."""
    return Variant(
        lambda vocab_size, generator: WaveNet(WaveNetConfig(vocab_size, **shape), seed=generator),
        drop=0.75,
        seed=TREE_SEED,
    )


SLOW_NORM: dict[str, Any] = {"batch_norm": "hidden", "momentum": 0.001}
VARIANTS = {
    "original": mlp(Init(hidden=1.0, hidden_bias=1.0, head=1.0, head_bias=1.0)),
    "softmax": mlp(Init(hidden=1.0, hidden_bias=1.0)),
    "tanh": mlp(Init(hidden=0.2)),
    "kaiming": mlp(Init()),
    "batch_norm": mlp(Init(hidden_bias=None), **SLOW_NORM),
    "by_hand": mlp(Init(hidden_bias=0.1, head=0.1, head_bias=0.1), by_hand=True, **SLOW_NORM),
    "flat_3": tree(factors=(3,), n_hidden=200),
    "flat_8": tree(factors=(8,), n_hidden=200),
    "tree_bug": tree(factors=(2, 2, 2), n_hidden=68, pooled=False),
    "tree": tree(factors=(2, 2, 2), n_hidden=68),
    "tree_76k": tree(factors=(2, 2, 2), n_hidden=128, n_embd=24),
}
DEEP = mlp(
    Init(gain=1.0, hidden_bias=None, head=None, head_bias=None), n_layer=5, n_hidden=100, batch_norm="all", momentum=0.1
)


# ----------------------------------------------------------------------------------------------------------------------
# Training and measuring one network


def train(name: str, variant: Variant, data: Words, steps: int, seed: int | None) -> dict[str, Any]:
    """Train a variant; its whole-split losses, and its first batch's loss and share of saturated units untrained.

    Kept to be looked at: `curve`, the training loss as [step, mean since the one before], and `samples`, its words.
    """
    model, batches = prepare(variant, data, steps, seed)
    start, curve = first_look(model, batches(0)), Curve(loss_by_hand if variant.by_hand else last_token_loss)
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
    if variant.by_hand:
        calibrate(model, data.examples("train", model.config.n_ctx)[0])
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
    if variant.by_hand:
        jitter(model, generator.initial_seed())
    inputs, targets = data.examples("train", model.config.n_ctx)
    rows = torch.randint(len(targets), (steps, BATCH), generator=generator)  # the same numbers as step by step
    return model, lambda step: (inputs[rows[step]], targets[rows[step]])


@torch.no_grad()
def jitter(model: nn.Module, seed: int) -> None:
    """Move batch norm's gains and biases off 1 and 0, as lecture 5 does: such values hide mistakes in a gradient."""
    generator = torch.Generator().manual_seed((seed + 1) % 2**63)
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.weight.copy_(1 + 0.1 * torch.randn(module.weight.shape, generator=generator))
            module.bias.copy_(0.1 * torch.randn(module.bias.shape, generator=generator))


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


# ----------------------------------------------------------------------------------------------------------------------
# The parts that are no plain training


def bigram(data: Words, seed: int | None) -> dict[str, Any]:
    """Lecture 2, on all words: the table of counts plus one, and the same table found by gradient descent.

    A step sees every example: each possible bigram once, weighed by its share of all.
    """
    contexts, targets = data.examples("all", 1)
    V = data.vocab_size
    counts = torch.bincount(contexts[:, 0] * V + targets, minlength=V * V).view(V, V)
    share = counts / counts.sum()
    smoothed = ((counts + 1.0) / (counts + 1.0).sum(1, keepdim=True)).log()

    def loss(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        logits: Tensor = model(batch[0])
        return -(logits.log_softmax(1) * batch[1]).sum()

    def penalised(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
        return loss(model, batch) + 0.01 * (next(model.parameters()) ** 2).mean()

    # The lecture's rate suits its names. The curvature by a row is at most half the share of bigrams that begin so:
    # on other words the rate is the largest that cannot overshoot.
    lr = BIGRAM_LR if data.are_names else min(BIGRAM_LR, 4 / share.sum(1).max().item())
    model, batch = Bigram(V, seed=SEED if seed is None else seed), (torch.arange(V)[:, None], share)
    optimizer = torch.optim.SGD(model.parameters(), lr, fused=True)
    with progress("bigram", BIGRAM_STEPS) as report:
        fit(model, lambda step: batch, penalised, optimizer, steps=BIGRAM_STEPS, report=report)
    with torch.no_grad():
        by_gradient = {"gradient": loss(model, batch).item(), "penalised": penalised(model, batch).item()}
    words = samples(lambda contexts: smoothed[contexts[:, -1]], 1, data, SEED)
    return {"counts": -(smoothed * share).sum().item(), **by_gradient, "samples": words}


def gradients(data: Words, seed: int | None) -> dict[str, float]:
    """Lecture 5: the largest difference between derivatives by hand and autograd's, in float64, on one batch."""
    shape = mlp(Init(hidden_bias=0.1, head=0.1, head_bias=0.1), by_hand=True, batch_norm="hidden", n_hidden=64)
    model, batches = prepare(shape, data, 1, seed)
    return worst_differences(model.double(), *batches(0))


def deep(data: Words, seed: int | None) -> dict[str, float]:
    """Lecture 4's five hidden layers after 1,001 steps: activations, gradients and updates of the last step.

    Numbers of the i-th layer end in i, from 0: `saturated_` share of tanh units, `gradient_` standard deviation of the
    loss' gradient by its outputs, `update_` size of the last update of a matrix relative to the matrix (0 = embedding).
    """
    model, batches = prepare(DEEP, data, DEEP_STEPS, seed)
    with torch.no_grad():
        model.head_norm.weight.mul_(0.1)  # makes the first guesses less confident
    first = first_look(model, batches(0))["first_loss"]
    optimizer = torch.optim.SGD(model.parameters(), LR)
    fit(model, batches, last_token_loss, optimizer, steps=DEEP_STEPS - 1)
    before, outputs = weight_copies(model), []

    def keep(_module: nn.Module, _args: Any, output: Tensor) -> None:
        output.retain_grad()
        outputs.append(output)

    hooks = [module.register_forward_hook(keep) for module in model.modules() if isinstance(module, nn.Tanh)]
    fit(model, batches, last_token_loss, optimizer, start=DEEP_STEPS - 1, steps=DEEP_STEPS)
    for hook in hooks:
        hook.remove()
    numbers = {"first_loss": first} | losses(model, data)
    for i, output in enumerate(outputs):
        assert output.grad is not None
        numbers[f"saturated_{i}"] = (output.abs() > SATURATED).float().mean().item()
        numbers[f"gradient_{i}"] = output.grad.std().item()
    return numbers | {f"update_{i}": ratio for i, ratio in enumerate(update_ratios(before, model).values())}
