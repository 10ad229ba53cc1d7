"""Functions to try optimizers on: each of any dimension, with its optimum, where to start, and what makes it hard.

    rosenbrock = FUNCTIONS["rosenbrock"]
    losses = rosenbrock(torch.zeros(256, 1000))     # (256,): one for each row

All are 0 at their optimum and larger elsewhere. Rows are independent of each other; they may be float32 or float64.

Sources: Hansen et al. 2009, the BBOB functions (https://hal.science/inria-00362633) for ellipsoid, different powers,
sharp ridge and noise; Molga & Smutnicki 2005 for Rosenbrock, Rastrigin, Ackley, Griewank and Schwefel; Laguna & Marti
2005 for Levy. The constants are the usual ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad

Rows = Float[Tensor, "P D"]
Losses = Float[Tensor, " P"]


@dataclass(frozen=True)
class Function:
    """A function to be minimised, and what is known of it."""

    line: str
    """What it is, in one line."""
    formula: Callable[[Tensor], Tensor]
    """Of rows, without noise."""
    low: float
    high: float
    """Where to start: each coordinate somewhere between. Nothing forbids to leave it."""
    best: float = 0.0
    """Each coordinate of the optimum, where the function is 0."""
    smooth: bool = True
    """Has a gradient everywhere, of which something can be learned."""
    separable: bool = False
    """A sum over coordinates: each can be minimised by itself."""
    ill_conditioned: bool = False
    """Far steeper in some directions than in others: a million times in curvature, or as in Rosenbrock's valley."""
    multimodal: bool = False
    """Has minima besides the optimum."""
    noisy: bool = False
    """Another number at each evaluation: of the formula times e to the power of a normal number."""

    def __call__(self, rows: Rows, generator: torch.Generator | None = None) -> Losses:
        """The function of each row; noise, where it has any, is the generator's.

        ValueError for fewer than two coordinates, and for a noisy function without a generator.
        """
        if rows.shape[1] < 2:
            raise ValueError(f"rows (of shape {tuple(rows.shape)}) must have at least 2 coordinates")
        values = self.formula(rows)
        if not self.noisy:
            return values
        if generator is None:
            raise ValueError("generator (=None) must be given to a noisy function: torch.Generator().manual_seed(0)")
        normal = torch.randn(len(values), generator=generator, dtype=values.dtype, device=values.device)
        return values * normal.exp()

    def start(self, dimension: int, generator: torch.Generator) -> Float[Tensor, " D"]:
        """A random place to start from, float32."""
        return self.low + (self.high - self.low) * torch.rand(dimension, generator=generator)

    def optimum(self, dimension: int) -> Float[Tensor, " D"]:
        """Where the function is 0, float64."""
        return torch.full((dimension,), self.best, dtype=torch.float64)


# ----------------------------------------------------------------------------------------------------------------------
# Of one minimum


def sphere(x: Rows) -> Losses:
    """Sum of x_i^2."""
    return x.square().sum(1)


def ellipsoid(x: Rows) -> Losses:
    """Sum of c_i x_i^2, c_i from 1 to a million."""
    return x.square() @ stretched(1e6, x)


def different_powers(x: Rows) -> Losses:
    """Sum of |x_i|^p_i, p_i from 2 to 6: the nearer the optimum, the worse its condition."""
    return torch.pow(x.abs(), 2 + 4 * positions(x)).sum(1)


def sharp_ridge(x: Rows) -> Losses:
    """x_1^2 + 100 sqrt(sum of the others' squares): the way down lies along an edge where there is no gradient."""
    across: Tensor = torch.linalg.vector_norm(x[:, 1:], dim=1)
    return x[:, 0].square() + 100 * across


def absolute(x: Rows) -> Losses:
    """Sum of |x_i|."""
    return x.abs().sum(1)


def steps(x: Rows) -> Losses:
    """Sum of round(x_i)^2: flat almost everywhere, so that the gradient is 0 and tells nothing."""
    return x.round().square().sum(1)


def rosenbrock(x: Rows) -> Losses:
    """Sum of 100 (x_i+1 - x_i^2)^2 + (1 - x_i)^2: a curved valley, whose floor hardly falls."""
    is_plain = not x.requires_grad and forward_ad.unpack_dual(x).tangent is None  # type: ignore[no-untyped-call]
    if x.device.type == "cpu" and x.dtype == torch.float32 and is_plain:
        from glassworks.optim.valley import rosenbrock_rows  # which loads numba

        return rosenbrock_rows(x.contiguous())
    first, second = x[:, :-1], x[:, 1:]
    across = second - first.square()
    return torch.addcmul((1 - first).square(), across, across, value=100).sum(1)


# ----------------------------------------------------------------------------------------------------------------------
# Of many


def rastrigin(x: Rows) -> Losses:
    """Sum of x_i^2 + 10 (1 - cos 2 pi x_i): about 11 minima a coordinate within the domain."""
    return (x.square() + 10 * (1 - (2 * math.pi * x).cos())).sum(1)


def ackley(x: Rows) -> Losses:
    """20 (1 - exp(-0.2 rms(x))) + e - exp(mean cos 2 pi x_i): a plain with pits around a funnel."""
    rms = x.square().mean(1).sqrt()
    return 20 * -torch.expm1(-0.2 * rms) + math.e * -torch.expm1((2 * math.pi * x).cos().mean(1) - 1)


def griewank(x: Rows) -> Losses:
    """Sum of x_i^2 / 4000 + 1 - product of cos(x_i / sqrt i): ripples, which fade as dimensions grow."""
    number = torch.arange(1, x.shape[1] + 1, dtype=x.dtype, device=x.device)
    return x.square().sum(1) / 4000 + 1 - (x / number.sqrt()).cos().prod(1)


def levy(x: Rows) -> Losses:
    """Levy's, with w = 1 + (x - 1) / 4: a bowl with ripples; its ends have others than its middle."""
    w = 1 + (x - 1) / 4
    inner, last = w[:, :-1], w[:, -1]
    middle = ((inner - 1).square() * (1 + 10 * (math.pi * inner + 1).sin().square())).sum(1)
    ends = (last - 1).square() * (1 + (2 * math.pi * last).sin().square())
    return (math.pi * w[:, 0]).sin().square() + middle + ends


def schwefel(x: Rows) -> Losses:
    """Sum of 418.98 - x_i sin(sqrt |x_i|), and 500 to the square beyond 500: the second best pit is far from the best.

    Without the wall it would fall for ever outside of the domain.
    """
    inside = x.clamp(-500, 500)
    waves = SCHWEFEL_DEPTH - inside * inside.abs().sqrt().sin()
    return (waves + (x - inside).square()).sum(1)


SCHWEFEL_BEST = 420.968746227504
"""Where x sin(sqrt x) is largest in (0, 500): the root of tan(t) = -t / 2 with t = sqrt x, by Newton's method."""
SCHWEFEL_DEPTH = SCHWEFEL_BEST * math.sin(math.sqrt(SCHWEFEL_BEST))


# ----------------------------------------------------------------------------------------------------------------------
# What they share


def rotated(formula: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same of coordinates that were turned, always in the same way."""
    return lambda x: formula(turned(x))


def turned(x: Rows) -> Rows:
    """Each row turned: signs at random and a Hartley transform, twice, which is orthogonal and mixes all coordinates.

    A random matrix would take D^2 numbers and D^3 operations to make; this takes D log D.
    """
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        signs = torch.randint(2, x.shape[1:], generator=generator).to(x) * 2 - 1
        waves = torch.fft.fft(x * signs, norm="ortho")
        x = waves.real - waves.imag
    return x


def stretched(condition: float, x: Rows) -> Float[Tensor, " D"]:
    """Factors from 1 to `condition`, equally far apart in their logarithms."""
    return torch.pow(condition, positions(x))


def positions(x: Rows) -> Float[Tensor, " D"]:
    """From 0 at the first coordinate to 1 at the last."""
    return torch.linspace(0, 1, x.shape[1], dtype=x.dtype, device=x.device)


FUNCTIONS: dict[str, Function] = {
    "sphere": Function("a round bowl", sphere, -5.0, 5.0, separable=True),
    "ellipsoid": Function(
        "a bowl a million times steeper along some axes", ellipsoid, -5.0, 5.0, separable=True, ill_conditioned=True
    ),
    "rotated_ellipsoid": Function("the same along no axis", rotated(ellipsoid), -5.0, 5.0, ill_conditioned=True),
    "different_powers": Function(
        "a bowl that is flatter and flatter along some axes",
        different_powers,
        -5.0,
        5.0,
        separable=True,
        ill_conditioned=True,
    ),
    "rosenbrock": Function("a curved valley, hardly falling", rosenbrock, -2.0, 2.0, 1.0, ill_conditioned=True),
    "absolute": Function("an upturned pyramid", absolute, -5.0, 5.0, smooth=False, separable=True),
    "sharp_ridge": Function(
        "the way down is along an edge", sharp_ridge, -5.0, 5.0, smooth=False, ill_conditioned=True
    ),
    "steps": Function("a bowl of terraces: flat almost everywhere", steps, -5.0, 5.0, smooth=False, separable=True),
    "noisy_sphere": Function("a round bowl behind strong noise", sphere, -5.0, 5.0, separable=True, noisy=True),
    "rastrigin": Function("a bowl with a lattice of pits", rastrigin, -5.12, 5.12, separable=True, multimodal=True),
    "rotated_rastrigin": Function("the same, along no axis", rotated(rastrigin), -5.12, 5.12, multimodal=True),
    "ackley": Function("a pitted plain around a funnel", ackley, -32.0, 32.0, multimodal=True),
    "griewank": Function("a wide bowl with ripples", griewank, -600.0, 600.0, multimodal=True),
    "levy": Function(
        "a bowl with ripples, which are higher further out", levy, -10.0, 10.0, 1.0, separable=True, multimodal=True
    ),
    "schwefel": Function(
        "the second best pit is far from the best",
        schwefel,
        -500.0,
        500.0,
        SCHWEFEL_BEST,
        separable=True,
        multimodal=True,
    ),
}
