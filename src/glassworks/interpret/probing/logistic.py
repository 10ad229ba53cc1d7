"""Multinomial logistic regression of many targets on the same rows, solved together.

L-BFGS (Nocedal 1980), each target with step sizes of its own. What makes it fast: all targets share the two products
with the rows that an iteration costs; the inverse of the rows' covariance, from a sample, stands where L-BFGS has the
identity, so that columns that are strongly correlated cost few further iterations; along a direction the logits are
linear, so the line search costs no product; and rows are kept in bfloat16 where the processor multiplies it natively.

Shape letters: N rows, C columns of a row, S targets, K classes. Logits are (S, K, N): sums over classes then run along
memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.core.progress import tracked

IGNORE = -100
MEMORY = 10  # pairs of L-BFGS
SEARCH = 2  # evaluations of a line search
SHRINKAGE = 0.01  # share of the identity in the covariance: what a sample says of rare directions is not to be trusted
BLOCK = 1 << 19  # logits looked at together: they should stay in the processor's cache
Pair = tuple[Tensor, Tensor]
"""Of weights (S, K, C) and of biases (S, K)."""


def logistic(
    x: Float[Tensor, "N C"],
    labels: Int[Tensor, "N S"],
    classes: int,
    *,
    l2: float | Float[Tensor, " S"] = 1.0,
    tolerance: float = 0.02,
    iterations: int = 100,
    dtype: torch.dtype | None = None,
    start: tuple[Float[Tensor, "S K C"], Float[Tensor, "S K"]] | None = None,
) -> tuple[Float[Tensor, "S K C"], Float[Tensor, "S K"]]:
    """Weights and biases for the rows as they are, which minimise a loss over the standardised rows.

    For each target: the sum over its labelled rows of the cross-entropy + l2/2·|w|², where w multiplies columns with
    their mean subtracted and divided by their standard deviation; the bias is free. That is scikit-learn's
    `make_pipeline(StandardScaler(), LogisticRegression(C=1/l2))`; of two classes, C = 2/l2, since scikit-learn has one
    vector for both there, and the penalty here is on the two of opposite sign that come to the same.

    Args:
        x: rows.
        labels: 0 to classes - 1; -100 = none.
        classes: K.
        l2: strength of the penalty; one number, or one for each target.
        tolerance: stop when, for every target, a step promises less than this share of C·(K - 1)/2N nats a row, which
            is what finding so many weights from so few rows costs anyway (Akaike 1974).
        iterations: most steps.
        dtype: precision of the products with the rows; None is bfloat16 on a CPU that has it, else float32.
        start: where to start from; None is no weights, and biases that give each class its frequency.
    """
    dtype = native_dtype(x.device) if dtype is None else dtype
    mean, scale = moments(x)
    strength = torch.as_tensor(l2, dtype=torch.float32, device=x.device).expand(labels.size(1))
    problem = Problem(standardise(x, mean, scale, dtype), *labelled_rows(labels), classes, strength)
    if start is None:
        frequency = problem.frequencies()
        weight, bias = x.new_zeros(labels.size(1), classes, x.size(1), dtype=torch.float32), frequency.log()
    else:
        weight, bias = start[0] * scale, start[1] + start[0] @ mean
    inverse = preconditioner(problem)
    weight, bias = minimise(problem, (weight, bias), inverse, tolerance, iterations)
    weight = weight / scale
    return weight, bias - weight @ mean


def native_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where a CPU multiplies it natively."""
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if device.type == "cpu" and native else torch.float32


# ----------------------------------------------------------------------------------------------------------------------
# The problem


@dataclass(frozen=True, eq=False)
class Problem:
    """Standardised rows, and what they should say."""

    x: Tensor
    """(N, C)"""
    labels: Tensor
    """(S, N), 0 where there is none."""
    valid: Tensor | None
    """(S, N), 1.0 where there is a label; None if there is one everywhere."""
    classes: int
    l2: Tensor
    """(S,)"""

    def blocks(self) -> Iterator[slice]:
        """Rows that are looked at together."""
        size = max(256, BLOCK // (len(self.labels) * self.classes))
        return (slice(at, at + size) for at in range(0, len(self.x), size))

    def frequencies(self) -> Float[Tensor, "S K"]:
        """How frequent each class is; half a row more each, so that none is 0."""
        ones = torch.ones_like(self.labels, dtype=torch.float32) if self.valid is None else self.valid
        counts = ones.new_full((len(self.labels), self.classes), 0.5).scatter_add_(1, self.labels, ones)
        return counts / counts.sum(1, keepdim=True)

    def logits(self, weight: Tensor, bias: Tensor) -> Float[Tensor, "S K N"]:
        """Of all rows."""
        out = (weight.flatten(0, 1).to(self.x.dtype) @ self.x.T).view(*bias.shape, -1)
        return out.float().add_(bias.unsqueeze(-1))

    def gradient(self, logits: Float[Tensor, "S K N"], weight: Tensor) -> Pair:
        """Of the loss."""
        slope, total = torch.zeros_like(weight).flatten(0, 1), torch.zeros((), device=weight.device)
        for rows in self.blocks():
            residual = logits[..., rows].softmax(1)
            residual.scatter_add_(1, self.labels[:, None, rows], residual.new_full((), -1.0).expand(residual.shape))
            if self.valid is not None:
                residual *= self.valid[:, None, rows]
            total = total + residual.sum(2)
            slope += residual.flatten(0, 1).to(self.x.dtype) @ self.x[rows]
        return slope.view_as(weight).addcmul_(self.l2[:, None, None], weight), torch.as_tensor(total)

    def line_search(self, logits: Tensor, along: Tensor, weight: Tensor, step: Tensor) -> Float[Tensor, " S"]:
        """How far to go along the step for each target: Newton's steps, kept between what is too near and too far."""
        labelled = along.gather(1, self.labels[:, None])[:, 0]
        wanted = (labelled if self.valid is None else labelled * self.valid).sum(1)
        linear, square = self.l2 * (weight * step).sum((1, 2)) - wanted, self.l2 * step.square().sum((1, 2))
        size = torch.ones_like(wanted)
        near, far = torch.zeros_like(size), torch.full_like(size, torch.inf)
        for _ in range(SEARCH):
            slope, bend = linear + size * square, square.clone()
            for rows in self.blocks():
                direction = along[..., rows]
                weighted = torch.add(logits[..., rows], direction * size[:, None, None]).softmax(1).mul_(direction)
                if self.valid is not None:
                    weighted *= self.valid[:, None, rows]
                each = weighted.sum(1)
                slope += each.sum(1)
                bend += weighted.mul_(direction).sum((1, 2)) - each.square().sum(1)
            near, far = torch.where(slope < 0, size, near), torch.where(slope < 0, far, size)
            guess = size - slope / bend.clamp(min=1e-30)
            between = torch.where(far.isinf(), 2 * size, torch.where(near > 0, (near + far) / 2, far / 5))
            size = torch.where((guess > near) & (guess < far.clamp(max=4 * size)), guess, between)
        return size


def labelled_rows(labels: Int[Tensor, "N S"]) -> tuple[Tensor, Tensor | None]:
    """Labels (S, N) without the missing ones, and where they are not missing."""
    labels = labels.T.contiguous()
    missing = labels == IGNORE
    return labels.clamp(min=0), (~missing).float() if bool(missing.any()) else None


def moments(x: Float[Tensor, "N C"]) -> Pair:
    """Mean and standard deviation of each column; 1 for a column that never changes. Two passes in small blocks."""
    mean = x.new_ones(1, len(x)).matmul(x)[0].float() / len(x)
    square = torch.zeros_like(mean)
    for block in torch.split(x, 1024):
        square += (block - mean).square_().sum(0)
    scale = (square / len(x)).sqrt()
    return mean, torch.where(scale > 1e-7 * mean.abs() + 1e-30, scale, 1.0)


def standardise(x: Float[Tensor, "N C"], mean: Tensor, scale: Tensor, dtype: torch.dtype) -> Float[Tensor, "N C"]:
    """Standardised rows in a precision, made in small blocks."""
    out = torch.empty(x.shape, dtype=dtype, device=x.device)
    factor = 1 / scale
    for block, part in zip(torch.split(x, 256), torch.split(out, 256), strict=True):
        part.copy_((block - mean).mul_(factor))
    return out


def preconditioner(problem: Problem) -> Float[Tensor, "C C"]:
    """The inverse of the rows' covariance, from a sample that costs no more than an iteration, but 4 rows a column."""
    rows, columns = problem.x.shape
    outputs = len(problem.labels) * problem.classes
    size = min(rows, max(4 * columns, 2 * rows * outputs // columns))
    chosen = torch.randperm(rows, generator=torch.Generator().manual_seed(0))[:size].to(problem.x.device)
    covariance = products(problem.x[chosen].float()) / size
    covariance.diagonal().add_(SHRINKAGE + problem.l2.mean() * problem.classes / rows)
    return torch.cholesky_inverse(torch.linalg.cholesky(covariance))


def products(x: Float[Tensor, "M C"]) -> Float[Tensor, "C C"]:
    """Inner products of all columns; on a CPU by NumPy, which computes half of a symmetric product."""
    return torch.from_numpy(x.numpy().T @ x.numpy()) if x.device.type == "cpu" else x.T @ x


# ----------------------------------------------------------------------------------------------------------------------
# The minimiser


def inner(a: Pair, b: Pair) -> Float[Tensor, " S"]:
    """The inner product of each target's weights and biases."""
    return (a[0] * b[0]).sum((1, 2)) + (a[1] * b[1]).sum(1)


def plus(a: Pair, b: Pair, factor: Float[Tensor, " S"]) -> Pair:
    """The sum a + factor·b, a factor a target."""
    return torch.addcmul(a[0], factor[:, None, None], b[0]), torch.addcmul(a[1], factor[:, None], b[1])


def minimise(problem: Problem, at: Pair, inverse: Tensor, tolerance: float, iterations: int) -> Pair:
    """L-BFGS from `at`."""
    rows, columns = problem.x.shape
    enough = tolerance * columns * (problem.classes - 1) / 2  # nats, all rows together
    likely = (problem.frequencies() / problem.classes).sqrt()
    history: list[tuple[Pair, Pair]] = []
    logits = problem.logits(*at)
    before: tuple[Pair, Pair] | None = None
    with tracked(None, iterations) as report:
        for done in range(iterations):
            gradient = problem.gradient(logits, at[0])
            if before is not None:
                step, old = before
                history = [*history, (step, plus(gradient, old, -torch.ones_like(old[1][:, 0])))][-MEMORY:]
            direction = two_loops(gradient, history, lambda g: precondition(g, inverse, likely, rows))
            promised = inner(gradient, direction)
            along = problem.logits(*direction).neg_()
            size = problem.line_search(logits, along, at[0], -direction[0])
            logits.addcmul_(size[:, None, None], along)
            step = (-size[:, None, None] * direction[0], -size[:, None] * direction[1])
            at, before = plus(at, step, torch.ones_like(size)), (step, gradient)
            if bool((promised <= enough).all()):
                break
            report(done + 1)
    return at


def precondition(gradient: Pair, inverse: Tensor, likely: Float[Tensor, "S K"], rows: int) -> Pair:
    """Newton's step from where no weight has been learned yet: there the curvature is covariance times frequency."""
    factor = 1 / (rows * likely)
    return (gradient[0] @ inverse) * factor.unsqueeze(-1), gradient[1] * factor


def two_loops(gradient: Pair, history: list[tuple[Pair, Pair]], precondition: Callable[[Pair], Pair]) -> Pair:
    """L-BFGS's approximation of the inverse second derivative times the gradient (Nocedal & Wright 2006, alg. 7.4).

    A pair counts for the targets along whose step the gradient has grown. For one that has converged, the change is
    rounding and may point anywhere; left in, it would turn the step against the slope.
    """
    factors, curvatures = [], [curvature(*pair) for pair in history]
    for (step, change), curved in zip(reversed(history), reversed(curvatures), strict=True):
        rho = torch.where(curved > 0, 1 / curved.clamp(min=1e-30), 0.0)
        alpha = rho * inner(step, gradient)
        gradient = plus(gradient, change, -alpha)
        factors.append((rho, alpha))
    direction = precondition(gradient)
    if history:
        change, curved = history[-1][1], curvatures[-1]
        along = inner(change, precondition(change)).clamp(min=1e-30)
        gamma = torch.where(curved > 0, curved / along, 1.0)
        direction = (direction[0] * gamma[:, None, None], direction[1] * gamma[:, None])
    for (step, change), (rho, alpha) in zip(history, reversed(factors), strict=True):
        direction = plus(direction, step, alpha - rho * inner(change, direction))
    return direction


def curvature(step: Pair, change: Pair) -> Float[Tensor, " S"]:
    """How much the gradient grew along a step, 0 where that is not above rounding."""
    curved = inner(step, change)
    return torch.where(curved > 1e-6 * (inner(step, step) * inner(change, change)).sqrt(), curved, 0.0)
