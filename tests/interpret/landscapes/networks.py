"""Networks whose losses are known in closed form, and small ones with everything that a look might disturb."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DOUBLE = torch.float64


class Bowl(nn.Module):
    """Weights alone; what it returns is their vector."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weights.clone())

    def forward(self) -> Tensor:
        return self.weight.flatten()


def quadratic(model: nn.Module, matrix: Tensor) -> Tensor:
    """w A w / 2, whose gradient is A w and whose Hessian is A."""
    w = model()
    return w @ matrix @ w / 2


def symmetric(values: Sequence[float] | Tensor, seed: int = 0) -> Tensor:
    """A matrix with these eigenvalues."""
    values = torch.as_tensor(values, dtype=DOUBLE)
    draw = torch.randn(len(values), len(values), dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))
    turned = torch.linalg.qr(draw)[0]
    return turned @ torch.diag(values) @ turned.T


def disturbed(dropout: float = 0.5) -> nn.Sequential:
    """A network with batch statistics, dropout, a frozen layer and a parameter of whole numbers."""
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, 5), nn.Linear(5, 3)
    )
    net[4].requires_grad_(False)
    net.count = nn.Parameter(torch.tensor([3]), requires_grad=False)
    return net


def examples(count: int = 24, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Inputs and classes."""
    generator = torch.Generator().manual_seed(5)
    return torch.randn(count, 4, generator=generator).to(dtype), torch.randint(3, (count,), generator=generator)


def cross_entropy(model: nn.Module, batch: Any) -> Tensor:
    """The mean loss."""
    return F.cross_entropy(model(batch[0]), batch[1])


def state_of(model: nn.Module) -> dict[str, Any]:
    """All that must be as it was."""
    return {
        **{name: x.clone() for name, x in model.state_dict().items()},
        **{f"{name}.grad": None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()},
        "modes": [module.training for module in model.modules()],
        "random": torch.get_rng_state(),
    }


def same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether two states are equal to the bit."""
    return before.keys() == after.keys() and all(
        torch.equal(x, after[name]) if isinstance(x, Tensor) else x == after[name] for name, x in before.items()
    )
