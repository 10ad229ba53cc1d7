"""Santurkar, Tsipras, Ilyas & Madry 2018, theorems 4.1 and 4.2: of one BatchNorm unit they are equalities, to 1e-9.

y are a unit's m activations, ŷ the same normalised, z = γ ŷ + β what the loss is of, and g the gradient by z. The paper
states bounds; for a unit by itself, with γ and β constant, both sides are equal, whatever the loss.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

DOUBLE = torch.float64
Loss = Callable[[Tensor], Tensor]


def unit(seed: int, m: int) -> tuple[nn.BatchNorm1d, Tensor, Loss]:
    """A BatchNorm unit, activations, and a quadratic loss of what it gives."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=DOUBLE)

    norm = nn.BatchNorm1d(1, eps=1e-30).double().requires_grad_(False)
    with torch.no_grad():
        norm.weight.copy_(draw(1))
        norm.bias.copy_(draw(1))
    matrix, slope = draw(m, m), draw(m)
    matrix = matrix + matrix.T
    return norm, 2 * draw(m) + draw(1), lambda z: z @ matrix @ z / 2 + slope @ z


def sharp(z: Tensor) -> Tensor:
    """A loss that is no quadratic."""
    return torch.logsumexp(z, 0) + (z.sin() ** 2).sum()


def parts(norm: nn.BatchNorm1d, y: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradient by y through the norm, g, ŷ and the batch's standard deviation."""
    y = y.clone().requires_grad_()
    z = norm(y[:, None])[:, 0]
    (through,) = torch.autograd.grad(loss(z), y)
    sigma = y.detach().std(correction=0)
    return through, gradient(loss, z), (y.detach() - y.detach().mean()) / sigma, sigma


def hessian(loss: Loss) -> Callable[[Tensor], Tensor]:
    """The matrix of second derivatives."""
    return torch.func.jacrev(torch.func.grad(loss))


def gradient(loss: Loss, z: Tensor) -> Tensor:
    """The loss's gradient by what it is of."""
    z = z.detach().requires_grad_()
    return torch.autograd.grad(loss(z), z)[0]


@pytest.mark.parametrize("m", [2, 3, 16, 128])
@pytest.mark.parametrize("seed", range(8))
def test_4_1_the_gradient_is_smaller_by_what_of_it_lies_along_1_and_along_the_activations(seed: int, m: int) -> None:
    norm, y, quadratic = unit(seed, m)
    for loss in (quadratic, sharp):
        through, g, y_hat, sigma = parts(norm, y, loss)
        gamma = norm.weight[0]
        bound = gamma**2 / sigma**2 * (g @ g - g.sum() ** 2 / m - (g @ y_hat) ** 2 / m)
        scale = float(gamma**2 / sigma**2 * (g @ g))
        assert float(through @ through) == pytest.approx(float(bound), rel=1e-9, abs=1e-9 * scale)


@pytest.mark.parametrize("m", [3, 16, 128])
@pytest.mark.parametrize("seed", range(8))
def test_4_2_the_curvature_along_the_gradient_is_smaller_likewise(seed: int, m: int) -> None:
    norm, y, quadratic = unit(seed, m)
    for loss in (quadratic, sharp):
        through, g, y_hat, sigma = parts(norm, y, loss)
        gamma = norm.weight[0]
        inner = hessian(loss)(norm(y[:, None])[:, 0].detach())

        def normed(y: Tensor, loss: Loss = loss) -> Tensor:
            y_hat = (y - y.mean()) / y.std(correction=0)
            return loss(norm.weight[0] * y_hat + norm.bias[0])

        outer = hessian(normed)(y)
        left = through @ outer @ through
        first = gamma**2 / sigma**2 * (through @ inner @ through)
        second = gamma / (m * sigma**2) * (g @ y_hat) * (through @ through)
        scale = float(first.abs() + second.abs())
        assert float(left) == pytest.approx(float(first - second), rel=1e-9, abs=1e-9 * scale)
