"""The two networks, each with every norm from the same weights, and what they are trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.data.labelled.batches import Examples
from glassworks.data.labelled.prepare import Labelled
from glassworks.models.norms import shaken
from glassworks.models.simple.deep_linear import DeepLinear
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import Norm, VisionConfig
from glassworks.objectives.losses import LossFn

BATCH, NONE, NOISY, ALONE = "batch norm", "none", "noisy batch norm", "noise alone"
NORMS: dict[str, Norm] = {
    BATCH: "batch",
    NONE: "none",
    NOISY: "noisy",
    ALONE: "none",
    "l1 norm": "l1",
    "l2 norm": "l2",
    "l∞ norm": "linf",
}
"""Name of a network to its norm; "noise alone" has the noise of noisy batch norm in the places of norms."""
SIDE_BY_SIDE = (BATCH, NONE, NOISY, ALONE)
ORDERS = ("l1 norm", "l2 norm", "l∞ norm")
VGG, LOWER, LINEAR = "VGG", "VGG at a lower rate", "deep linear"

EXAMPLES, PROBE, WIDTH = 128, 512, 16
"""Of a step of the VGG; of what its loss is measured on; channels of its first block."""
INPUTS, OUTPUTS, DEPTH, POINTS = 16, 8, 25, 256
"""Of the deep linear network: numbers in and out, layers, and examples, all of which are in every step."""


@dataclass(frozen=True)
class Task:
    """A network that can have any norm, its data, and the one learning rate of all."""

    name: str
    networks: Sequence[str]
    build: Callable[[Norm, int], nn.Module]
    """Of a norm and a seed."""
    batches: Callable[[int], Callable[[int], Any]]
    """Of a seed, then of a step."""
    probe: Callable[[int], Any]
    """The examples on which the loss is measured, of a seed."""
    loss_fn: LossFn
    lr: float
    steps: int
    test: tuple[Tensor, Tensor] | None = None
    """Examples that no training sees, and their classes."""

    def network(self, name: str, seed: int) -> nn.Module:
        """The network of a name and a seed, in training mode: the same weights whatever the norm."""
        model = self.build(NORMS[name], seed)
        if name == ALONE:
            for layer in before_norms(model):
                layer.register_forward_hook(lambda module, _, given: shaken(given) if module.training else given)
        return model.train()


def before_norms(model: nn.Module) -> list[nn.Module]:
    """The layers that a norm follows where there is one: convolutions, or all matrices but the last."""
    found: list[nn.Module] = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    matrices: list[nn.Module] = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    return found or matrices[:-1]


def vgg(name: str, data: Labelled, *, lr: float, steps: int) -> Task:
    """A small VGG on images of classes."""
    shape, classes = data.shape, len(data.classes)

    def build(norm: Norm, seed: int) -> nn.Module:
        config = VisionConfig("small_vgg", shape, classes, norm=norm, width=WIDTH)
        return make_model(config, seed=seed, mean=data.mean, std=data.std)

    test = Examples(data.test, len(data.test), 0)(0)
    return Task(
        name,
        (*SIDE_BY_SIDE, *ORDERS),
        build,
        lambda seed: Examples(data.train, EXAMPLES, seed),
        lambda seed: Examples(data.train, min(PROBE, len(data.train)), seed)(0),
        class_loss,
        lr,
        steps,
        (test.inputs, test.targets),
    )


def deep_linear(*, lr: float, steps: int) -> Task:
    """25 matrices, one behind the other, that are to become one drawn at random; inputs are Gaussian."""

    def examples(seed: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randn(POINTS, INPUTS, generator=generator)
        return inputs, inputs @ torch.randn(INPUTS, OUTPUTS, generator=generator) / INPUTS**0.5

    def batches(seed: int) -> Callable[[int], tuple[Tensor, Tensor]]:
        every = examples(seed)
        return lambda step: every

    return Task(
        LINEAR,
        SIDE_BY_SIDE,
        lambda norm, seed: DeepLinear(INPUTS, OUTPUTS, depth=DEPTH, norm=norm, seed=seed),
        batches,
        examples,
        squared_loss,
        lr,
        steps,
    )


def class_loss(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """Mean cross-entropy, in the precision of the network: the theorems are looked at in double."""
    return F.cross_entropy(model(batch[0]), batch[1])


def squared_loss(model: nn.Module, batch: Sequence[Tensor]) -> Tensor:
    """Mean squared error."""
    return F.mse_loss(model(batch[0]), batch[1])
