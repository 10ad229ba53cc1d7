"""Deep networks drawn by each scheme: their signals before training, and whether they train at all."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.core.machine import company
from glassworks.interpret.landscapes.signals import variances
from glassworks.models.initialisation.draws import generator_of, normal
from glassworks.models.initialisation.layers import gain_of, layers_to_draw
from glassworks.models.initialisation.names import Scheme
from glassworks.models.initialisation.scheme import draw
from glassworks.reproductions.initialisation.mean_field import Draw, Function, mean

Batch = tuple[Tensor, Tensor]
ActivationName = Literal["tanh", "relu"]

WIDTH, BATCH, LOOKED_AT = 128, 64, 512
RATES = (0.1, 0.02, 0.004, 0.001)
"""Learning rates of plain descent with momentum 0.9; a network trains if it does with any of them."""
MOMENTUM = 0.9
LEVEL = 1.0
"""Nats. A network has trained once the mean loss of `LAST` batches is below; guessing among ten classes costs 2.30."""
LAST = 10
WORST = 1e3
"""Nats, beyond which a training is given up."""
IDLE = 2.25
"""Nats: a network that has not come below after half of its steps has learned nothing, and is given up, too."""
ACTIVATIONS: dict[ActivationName, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}
FUNCTIONS: dict[ActivationName, Function] = {"tanh": torch.tanh, "relu": torch.relu}
CHAINS: tuple[Scheme, ...] = ("default", "glorot", "he", "orthogonal", "lsuv")


@dataclass(frozen=True)
class Training:
    """How a network came out."""

    trained: bool
    loss: float
    """Of the last batches, with the learning rate with which it is lowest; NaN where none stayed finite."""
    steps: int
    """Until it had trained, or all of them."""
    rate: float


def digits() -> Batch:
    """scikit-learn's digits: (1797, 64) of mean 0 and mean square 1 over all numbers, and their classes."""
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    x = torch.from_numpy(pixels.astype(np.float32))
    return (x - x.mean()) / x.std(), torch.from_numpy(classes.astype(np.int64))


def class_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy, in nats."""
    return F.cross_entropy(model(batch[0]), batch[1])


# ----------------------------------------------------------------------------------------------------------------------
# Networks


def chain(activation: ActivationName, depth: int, width: int = WIDTH) -> nn.Sequential:
    """Hidden layers, each with its activation, and a head."""
    layers = list[nn.Module]()
    for n in range(depth):
        layers += [nn.Linear(width if n else 64, width), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


class Block(nn.Module):
    """x + f(x), where f is two layers, perhaps each behind a batch norm, with ReLUs in front."""

    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        parts = list[nn.Module]()
        for _ in range(2):
            parts += [nn.BatchNorm1d(width)] * norm + [nn.ReLU(), nn.Linear(width, width)]
        self.body = nn.Sequential(*[copy.deepcopy(part) for part in parts])

    def forward(self, x: Tensor) -> Tensor:
        """(B, width) to (B, width)."""
        out: Tensor = x + self.body(x)
        return out


def residual(blocks: int, *, norm: bool = False, width: int = WIDTH) -> nn.Sequential:
    """A stem, residual blocks, a head."""
    return nn.Sequential(nn.Linear(64, width), *(Block(width, norm) for _ in range(blocks)), nn.Linear(width, 10))


def drawn(model: nn.Module, scheme: Scheme, batch: Batch, seed: int) -> nn.Module:
    """The network with its weights drawn; lsuv and fixup look at the first examples."""
    some = (batch[0][:LOOKED_AT], batch[1][:LOOKED_AT])
    draw(model, scheme, run=lambda: class_loss(model, some), seed=seed)
    return model


def drawn_wide(model: nn.Module, weights: float, biases: float, seed: int) -> nn.Module:
    """The network with weights of variance `weights` / fan-in and biases of variance `biases`; the head's are 1, 0."""
    generator, layers = generator_of(seed), layers_to_draw(model)
    for layer in layers:
        is_head = layer is layers[-1]
        layer.fill(normal(layer, ((1.0 if is_head else weights) / layer.fan_in) ** 0.5, generator))
        if not is_head and layer.bias is not None:
            with torch.no_grad():
                layer.bias.normal_(0, biases**0.5, generator=generator)
    return model


def theory_of(scheme: Scheme, activation: ActivationName) -> Draw:
    """What a scheme is to the theory, with layers of `WIDTH`; lsuv has the weights that make every variance 1."""
    if scheme == "default":
        return Draw(1 / 3, 1 / (3 * WIDTH))
    if scheme == "lsuv":
        function = FUNCTIONS[activation]
        return Draw(1 / mean(lambda z: function(z).square(), 1.0))
    return Draw({"glorot": 1.0, "he": 2.0, "orthogonal": gain_of(chain(activation, 1)) ** 2}[scheme])


# ----------------------------------------------------------------------------------------------------------------------
# Signals, and training


def signals(activation: ActivationName, scheme: Scheme, depth: int, data: Batch, seed: int) -> dict[str, list[float]]:
    """Variances of what hidden layers give and of gradients by it, before any training."""
    model = drawn(chain(activation, depth), scheme, data, seed)
    found = list(variances(model, class_loss, (data[0][:LOOKED_AT], data[1][:LOOKED_AT]), seed).values())[:-1]
    return {"forward": [f for f, _ in found], "backward": [b for _, b in found]}


def trains(model: nn.Module, data: Batch, steps: int, seed: int) -> Training:
    """Train copies of a network with each learning rate, until one of them does; else the one with the lowest loss."""
    outcomes = list[Training]()
    for rate in RATES:
        outcomes.append(train(copy.deepcopy(model), data, rate, steps, seed))
        if outcomes[-1].trained:
            break
    return best_of(outcomes)


def best_of(outcomes: Sequence[Training]) -> Training:
    """The outcome with the lowest loss, of those that trained if any did."""
    return min(outcomes, key=lambda one: (not one.trained, one.loss if np.isfinite(one.loss) else np.inf))


def train(model: nn.Module, data: Batch, rate: float, steps: int, seed: int, *, whole: bool = False) -> Training:
    """Descend until the loss is below `LEVEL`, or to the end."""
    company.watch()
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=MOMENTUM, foreach=True)
    generator, losses, reached = generator_of(seed), list[float](), steps
    for step in range(steps):
        rows = torch.randint(len(data[1]), (BATCH,), generator=generator)
        loss = class_loss(model, (data[0][rows], data[1][rows]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
        if not losses[-1] < WORST:
            return Training(False, float("nan"), step + 1, rate)
        lately = sum(losses[-LAST:]) / len(losses[-LAST:])
        has_trained = len(losses) >= LAST and lately < LEVEL
        reached = min(reached, step + 1) if has_trained else reached
        if not whole and (has_trained or (step + 1 == steps // 2 and lately > IDLE)):
            break
    return Training(lately < LEVEL, lately, min(reached, len(losses)), rate)


def by_depth(
    make: Callable[[int], nn.Module], depths: Sequence[int], data: Batch, steps: int, seed: int
) -> list[dict[str, Any]]:
    """Train networks of growing depth, until two in a row do not train: deeper ones would not either."""
    found = list[dict[str, Any]]()
    for depth in depths:
        if len(found) >= 2 and not found[-1]["trained"] and not found[-2]["trained"]:
            break
        one = trains(make(depth), data, steps, seed)
        loss = one.loss if np.isfinite(one.loss) else None
        found.append({"depth": depth, "trained": one.trained, "loss": loss, "steps": one.steps, "rate": one.rate})
    return found


def deepest(found: Sequence[dict[str, Any]]) -> int:
    """The largest depth up to which all networks train; 0 where the first does not."""
    last = 0
    for one in found:
        if not one["trained"]:
            break
        last = one["depth"]
    return last
