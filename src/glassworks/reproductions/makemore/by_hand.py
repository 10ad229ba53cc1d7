"""Backpropagation by hand through a batch-normalised `CharMLP` of one hidden layer, down to its embedding.

Three forms of the same derivative, from https://github.com/karpathy/nn-zero-to-hero, lecture 5 (makemore part 4):

  stepwise       one rule for each of the elementary operations that the loss is made of
  cross-entropy  d loss / d logits = (softmax(logits) - onehot(targets)) / B
  batch norm     d loss / d x = gain σ⁻¹ / B (B dy - Σ dy - B / (B - 1) z Σ(dy z)), z = x normalised, dy = d loss / d y

The last two together are a whole backward pass, and `loss_by_hand` trains by it: autograd then derives nothing.

Shape letters: B batch, T time, C width, V vocabulary; h hidden units, `d_x` the derivative of the loss by `x`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from glassworks.models.simple.char_mlp import BatchNorm, CharMLP

Named = dict[str, Tensor]


def weights_of(model: nn.Module) -> tuple[Named, float]:
    """The seven parameters by name, and the batch norm's eps; ValueError for a network of another shape."""
    if not isinstance(model, CharMLP) or len(model.hidden) != 3 or not isinstance(model.hidden[1], BatchNorm):
        raise ValueError(
            "backpropagation by hand is written for a CharMLP of one hidden layer with batch_norm='hidden'"
        )
    linear, norm = model.hidden[0], model.hidden[1]
    assert isinstance(linear, nn.Linear)
    if linear.bias is None or model.head.bias is None or not isinstance(model.head_norm, nn.Identity):
        raise ValueError("backpropagation by hand needs both biases and no norm after the head")
    named: Named = {
        "embed": model.embed.weight,
        "w1": linear.weight,
        "b1": linear.bias,
        "gain": norm.weight,
        "bias": norm.bias,
        "w2": model.head.weight,
        "b2": model.head.bias,
    }
    return named, norm.eps


def forward(w: Mapping[str, Tensor], eps: float, tokens: Tensor, targets: Tensor) -> Named:
    """The mean cross-entropy (`loss`), and every intermediate value on the way to it, in order."""
    B = len(tokens)
    v: Named = {"emb": w["embed"][tokens]}  # (B, T, C)
    v["joined"] = v["emb"].flatten(1)
    v["x"] = v["joined"] @ w["w1"].T + w["b1"]  # (B, h), what the batch norm receives
    v["mean"] = v["x"].sum(0, keepdim=True) / B
    v["centred"] = v["x"] - v["mean"]
    v["squared"] = v["centred"] ** 2
    v["var"] = v["squared"].sum(0, keepdim=True) / (B - 1)
    v["inv_std"] = (v["var"] + eps) ** -0.5
    v["z"] = v["centred"] * v["inv_std"]
    v["y"] = w["gain"] * v["z"] + w["bias"]
    v["h"] = v["y"].tanh()
    v["logits"] = v["h"] @ w["w2"].T + w["b2"]  # (B, V)
    v["largest"] = v["logits"].amax(1, keepdim=True)
    v["shifted"] = v["logits"] - v["largest"]
    v["exp"] = v["shifted"].exp()
    v["total"] = v["exp"].sum(1, keepdim=True)
    v["inv_total"] = 1 / v["total"]
    v["probs"] = v["exp"] * v["inv_total"]
    v["logprobs"] = v["probs"].log()
    v["loss"] = -v["logprobs"][torch.arange(B), targets].mean()
    return v


def stepwise(w: Mapping[str, Tensor], eps: float, v: Mapping[str, Tensor], tokens: Tensor, targets: Tensor) -> Named:
    """The derivative of the loss by each intermediate of `forward`, one operation at a time, and by each weight."""
    B, V = v["logits"].shape
    d: Named = {"logprobs": -F.one_hot(targets, V).to(v["probs"]) / B}
    d["probs"] = d["logprobs"] / v["probs"]
    d["inv_total"] = (v["exp"] * d["probs"]).sum(1, keepdim=True)
    d["total"] = -(v["inv_total"] ** 2) * d["inv_total"]
    d["exp"] = v["inv_total"] * d["probs"] + d["total"]  # used twice: in the product and in the sum
    d["shifted"] = v["exp"] * d["exp"]
    d["largest"] = -d["shifted"].sum(1, keepdim=True)
    d["logits"] = d["shifted"] + F.one_hot(v["logits"].argmax(1), V) * d["largest"]
    d["h"] = d["logits"] @ w["w2"]
    d["y"] = (1 - v["h"] ** 2) * d["h"]
    d["z"] = w["gain"] * d["y"]
    d["inv_std"] = (v["centred"] * d["z"]).sum(0, keepdim=True)
    d["var"] = -0.5 * (v["var"] + eps) ** -1.5 * d["inv_std"]
    d["squared"] = (d["var"] / (B - 1)).expand_as(v["squared"])
    d["centred"] = v["inv_std"] * d["z"] + 2 * v["centred"] * d["squared"]
    d["mean"] = -d["centred"].sum(0, keepdim=True)
    d["x"] = d["centred"] + d["mean"] / B
    return d | by_weight(w, v, d, tokens)


def closed_form(w: Mapping[str, Tensor], v: Mapping[str, Tensor], tokens: Tensor, targets: Tensor) -> Named:
    """The same by `logits`, `x` and each weight, with cross-entropy and batch norm in one formula each."""
    B, V = v["logits"].shape
    d: Named = {"logits": (v["logits"].softmax(1) - F.one_hot(targets, V)) / B}
    d["h"] = d["logits"] @ w["w2"]
    d["y"] = (1 - v["h"] ** 2) * d["h"]
    centre = B * d["y"] - d["y"].sum(0) - B / (B - 1) * v["z"] * (d["y"] * v["z"]).sum(0)
    d["x"] = w["gain"] * v["inv_std"] / B * centre
    return d | by_weight(w, v, d, tokens)


def by_weight(w: Mapping[str, Tensor], v: Mapping[str, Tensor], d: Mapping[str, Tensor], tokens: Tensor) -> Named:
    """From the derivatives by `logits`, `y` and `x` to those by the seven parameters and by what is below `x`."""
    joined = d["x"] @ w["w1"]
    emb = joined.view_as(v["emb"])
    return {
        "w2": d["logits"].T @ v["h"],
        "b2": d["logits"].sum(0),
        "gain": (d["y"] * v["z"]).sum(0),
        "bias": d["y"].sum(0),
        "w1": d["x"].T @ v["joined"],
        "b1": d["x"].sum(0),
        "joined": joined,
        "emb": emb,
        "embed": torch.zeros_like(w["embed"]).index_add_(0, tokens.flatten(), emb.flatten(0, 1)),  # a row occurs often
    }


def worst_differences(model: nn.Module, tokens: Int[Tensor, "B T"], targets: Int[Tensor, " B"]) -> dict[str, float]:
    """The largest absolute difference between each form and autograd, in the model's own precision.

    Returns: `stepwise` over all intermediates and weights, `cross_entropy` (d logits), `batch_norm` (d x), and
        `closed_form` over all weights.
    """
    w, eps = weights_of(model)
    v = forward(w, eps, tokens, targets)
    wanted = {name: x for name, x in (w | v).items() if name != "loss"}
    truth = dict(zip(wanted, torch.autograd.grad(v["loss"], list(wanted.values())), strict=True))
    with torch.no_grad():
        steps, closed = stepwise(w, eps, v, tokens, targets), closed_form(w, v, tokens, targets)

    def worst(ours: Mapping[str, Tensor], names: Sequence[str]) -> float:
        return max((ours[name] - truth[name]).abs().max().item() for name in names)

    return {
        "stepwise": worst(steps, list(truth)),
        "cross_entropy": worst(closed, ["logits"]),
        "batch_norm": worst(closed, ["x"]),
        "closed_form": worst(closed, list(w)),
    }


class ByHand(torch.autograd.Function):
    """The loss, whose backward pass is `closed_form`."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, targets: Tensor, eps: float, names: list[str], *weights: Tensor) -> Tensor:
        """Compute the loss, and its gradient at once: everything it needs is at hand."""
        w = dict(zip(names, weights, strict=True))
        v = forward(w, eps, tokens, targets)
        d = closed_form(w, v, tokens, targets)
        ctx.save_for_backward(*(d[name] for name in names))
        return v["loss"]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Hand the gradient on."""
        return None, None, None, None, *(grads[0] * d for d in ctx.saved_tensors)


def loss_by_hand(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """Mean cross-entropy of (tokens (B, T), targets (B,)), a scalar to train with; `backward` runs our formulas.

    The batch norm's running statistics stay as they are: measure them afterwards (`calibrate`).
    """
    w, eps = weights_of(model)
    loss: Tensor = ByHand.apply(batch[0], batch[1], eps, list(w), *w.values())  # type: ignore[no-untyped-call]
    return loss


@torch.no_grad()
def calibrate(model: nn.Module, tokens: Int[Tensor, "N T"]) -> None:
    """Set the batch norm's running statistics to those of the whole training split, as lecture 5 does at the end."""
    weights_of(model)
    assert isinstance(model, CharMLP)
    norm = model.hidden[1]
    assert isinstance(norm, BatchNorm)
    total, squares = torch.zeros(2, norm.running_mean.numel(), dtype=torch.float64)
    for block in torch.split(tokens, 8192):  # all at once may not fit the memory
        x = model.hidden[0](model.embed(block).flatten(1)).double()
        total, squares = total + x.sum(0), squares + x.square().sum(0)
    mean, n = total / len(tokens), len(tokens)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_((squares - n * mean.square()) / (n - 1))
