"""The playground's network: features of a point, then linear layers with a nonlinearity; and what it is trained by."""

from collections import OrderedDict
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.objectives.labelled import class_loss
from glassworks.objectives.losses import LossFn
from glassworks.studio.playground.settings import Settings

OF_FEATURE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "x1": lambda x, y: x,
    "x2": lambda x, y: y,
    "x1x1": lambda x, y: x * x,
    "x2x2": lambda x, y: y * y,
    "x1x2": lambda x, y: x * y,
    "sin1": lambda x, y: torch.sin(x),
    "sin2": lambda x, y: torch.sin(y),
}


class Features(nn.Module):
    """Points (N, 2) to what the first layer reads of them (N, F)."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names

    def forward(self, x: Float[Tensor, "N 2"]) -> Float[Tensor, "N F"]:
        """Each feature, in order."""
        return torch.stack([OF_FEATURE[name](x[:, 0], x[:, 1]) for name in self.names], 1)


class Sine(nn.Module):
    """The sine."""

    def forward(self, x: Tensor) -> Tensor:
        """Of each number."""
        return torch.sin(x)


NONLINEARITIES: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "sine": Sine,
    "linear": nn.Identity,
}


def make_network(settings: Settings, classes: int) -> nn.Sequential:
    """Points (N, 2) to outputs (N, K): a logit a class, or (N, 1) as the loss has it. Weights are torch's own, seeded.

    >>> make_network(Settings(), 2)(torch.zeros(1, 2)).shape
    torch.Size([1, 1])
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict(features=Features(settings.features))
    outputs = classes if settings.loss == "entropy" and classes else 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        read = len(settings.features)
        for i, width in enumerate(settings.layers, 1):
            parts[f"linear{i}"] = nn.Linear(read, width)
            parts[f"activation{i}"] = NONLINEARITIES[settings.activation]()
            read = width
        parts["output"] = nn.Linear(read, outputs)
    if classes and settings.loss == "squares":
        parts["squash"] = nn.Tanh()
    return nn.Sequential(parts)


def linears(model: nn.Module) -> list[nn.Linear]:
    """The layers with weights, in order; none of what stands for a module's outputs."""
    return [layer for layer in model.modules() if isinstance(layer, nn.Linear)]


def plain_loss(settings: Settings, classes: int) -> LossFn:
    """The mean loss of a batch (inputs (B, 2), targets (B,), ...).

    Raises: ValueError for squares of more than two classes.
    """
    if classes and settings.loss == "entropy":
        return class_loss()
    if classes > 2:
        raise ValueError(f"loss (='squares') tells two classes apart, and there are {classes}: choose entropy")

    def half_squares(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        away: Tensor = model(batch[0])[:, 0] - batch[1]
        return 0.5 * away.square().mean()

    return half_squares


def penalised(settings: Settings, loss: LossFn) -> LossFn:
    """The same with what its weights cost; a rule, which asks for the loss of outputs, reads the loss alone."""
    if settings.penalty == "none" or not settings.strength:
        return loss

    def with_penalty(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        found = loss(model, batch)
        assert isinstance(found, Tensor)
        for layer in linears(model):
            size = layer.weight.abs().sum() if settings.penalty == "l1" else 0.5 * layer.weight.square().sum()
            found = found + settings.strength * size
        return found

    return with_penalty
