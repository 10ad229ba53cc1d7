"""Networks that schemes are tried on: chains and residual ones of any depth, and a batch with its loss."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """x + body(x)."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def chain(width: int, depth: int, activation: type[nn.Module] = nn.ReLU, outputs: int = 4) -> nn.Sequential:
    """Hidden layers of a width, each with its activation, and a head; inputs are as wide."""
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), activation())]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def residual(width: int, blocks: int, layers: int = 2, stem: bool = True, outputs: int = 4) -> nn.Sequential:
    """A stem, blocks of so many layers, a head."""
    body = [part for n in range(layers) for part in (nn.Linear(width, width), nn.ReLU())][:-1]
    made = [Residual(*[nn.Linear(width, width) if isinstance(p, nn.Linear) else nn.ReLU() for p in body])
            for _ in range(blocks)]  # fmt: skip
    return nn.Sequential(*([nn.Linear(width, width), nn.ReLU()] if stem else []), *made, nn.Linear(width, outputs))


def batch_of(width: int, number: int = 32, seed: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(number, width, generator=generator)
    return x, torch.randint(4, (number,), generator=generator)


def class_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Callable[[], Tensor]:
    return lambda: class_loss(model, batch)
