"""The networks of makemore beside those of `char_models`, and what is measured of them in other ways."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from glassworks.core.progress import progress
from glassworks.data.text.words import Words
from glassworks.interpret.transformer.health import update_ratios, weight_copies
from glassworks.models.simple.char_mlp import BatchNorm, Bigram, Init
from glassworks.models.simple.wavenet import WaveNet, WaveNetConfig
from glassworks.reproductions.char_models import (
    CHAIN,
    LR,
    SATURATED,
    SEED,
    SLOW_NORM,
    Variant,
    first_look,
    last_token_loss,
    losses,
    mlp,
    prepare,
    samples,
)
from glassworks.reproductions.makemore.by_hand import calibrate, loss_by_hand, worst_differences
from glassworks.train.fit import fit

TREE_SEED = 42  # the lectures' own
BIGRAM_STEPS, BIGRAM_LR = 300, 50.0
DEEP_STEPS = 1001  # where lecture 4 breaks off to look at its deeper network
NOISY = Init(hidden_bias=0.1, head=0.1, head_bias=0.1)
"""No weight at 0: that would hide mistakes in a gradient."""


def tree(**shape: Any) -> Variant:
    """A network of lecture 6."""
    return Variant(
        lambda vocab_size, generator: WaveNet(WaveNetConfig(vocab_size, **shape), seed=generator),
        drop=0.75,
        seed=TREE_SEED,
    )


@torch.no_grad()
def jitter(model: nn.Module, seed: int) -> None:
    """Move batch norm's gains and biases off 1 and 0, as lecture 5 does: such values hide mistakes in a gradient."""
    generator = torch.Generator().manual_seed((seed + 1) % 2**63)
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.weight.copy_(1 + 0.1 * torch.randn(module.weight.shape, generator=generator))
            module.bias.copy_(0.1 * torch.randn(module.bias.shape, generator=generator))


def calibrated(model: Any, data: Words) -> None:
    """Batch norm's statistics over the whole training split, as lecture 5 takes them."""
    calibrate(model, data.examples("train", model.config.n_ctx)[0])


VARIANTS = {
    **CHAIN,
    "by_hand": Variant(mlp(NOISY, **SLOW_NORM), loss_fn=loss_by_hand, begun=jitter, ended=calibrated),
    "flat_3": tree(factors=(3,), n_hidden=200),
    "flat_8": tree(factors=(8,), n_hidden=200),
    "tree_bug": tree(factors=(2, 2, 2), n_hidden=68, pooled=False),
    "tree": tree(factors=(2, 2, 2), n_hidden=68),
    "tree_76k": tree(factors=(2, 2, 2), n_hidden=128, n_embd=24),
}
DEEP = Variant(
    mlp(
        Init(gain=1.0, hidden_bias=None, head=None, head_bias=None),
        n_layer=5,
        n_hidden=100,
        batch_norm="all",
        momentum=0.1,
    )
)


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
    shape = Variant(mlp(NOISY, batch_norm="hidden", n_hidden=64), begun=jitter)
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
