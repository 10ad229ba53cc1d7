"""Small contrasts: a comparison is run again with more digits where rounding would show in its effects.

An effect is a change of the metric divided by the *contrast*, its mean on the clean run less that on the corrupt one.
Both are differences of rounded numbers: at a contrast of 4e-7 between logits around 3 nothing of an effect in float32
is the model's own. So the contrast is held against what rounding does to the metric (`rounding`). Where it is less than
`STEADY` times as large, everything is computed anew with a copy of the model in float32 (of a bfloat16 model) and then
in float64, whose products are the same on all machines but for the last digits. A contrast that is rounding even there
is none: effects are plain changes of the metric, as they are between identical inputs.
"""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.checks import check_room
from glassworks.interpret.causes.metrics import AtPosition, Metric

STEADY = 4000
"""A contrast so many times its rounding is known to more than three digits."""
ULPS = 4
"""Units in the last place of the largest output by which a network's outputs are off: a few, whatever its depth."""


@dataclass(frozen=True)
class Contrast:
    """How far apart two runs' metrics are, and how far off that number is."""

    size: float
    """Mean metric of the clean run less that of the corrupt one."""
    rounding: float
    """About how far rounding moves it."""

    @property
    def is_steady(self) -> bool:
        """Whether its first three digits are the model's own."""
        return abs(self.size) >= STEADY * self.rounding

    @property
    def exists(self) -> bool:
        """Whether it is more than rounding."""
        return abs(self.size) > 2 * self.rounding

    @property
    def scale(self) -> float:
        """What effects are divided by: the contrast, or 1 if there is none but rounding."""
        return self.size if self.exists else 1.0


def contrast_of(
    metric: Metric,
    logits: tuple[Float[Tensor, "B ..."], Float[Tensor, "B ..."]],
    values: tuple[Float[Tensor, " B"], Float[Tensor, " B"]],
) -> Contrast:
    """The contrast of a clean and a corrupt run, by their outputs and the metric of them."""
    clean, corrupt = (what_is_read(metric, x) for x in logits)
    if clean.equal(corrupt):
        return Contrast(0.0, 0.0)
    size = float(values[0].double().mean() - values[1].double().mean())
    return Contrast(size, max(rounding(metric, x) for x in logits))


@torch.no_grad()
def rounding(metric: Metric, outputs: Float[Tensor, "B ..."]) -> float:
    """About how far rounding moves a metric's mean: how it moves when outputs do, by some of their last digits.

    Outputs are large sums, so each is off by units in the last place of the largest. They are moved alike in all rows;
    the largest of three random moves counts.
    """
    judge = metric.function if isinstance(metric, AtPosition) else metric
    read = what_is_read(metric, outputs)
    generator = torch.Generator().manual_seed(0)
    step = ULPS * digits(read) * read.abs().amax()
    plain, moved = judge(read).double().mean(), []
    for _ in range(3):
        noise = torch.randn(read.shape[-1:], generator=generator).to(read)
        moved.append(float((judge(read + step * noise).double().mean() - plain).abs()))
    return max(moved)


def what_is_read(metric: Metric, outputs: Float[Tensor, "B ..."]) -> Tensor:
    """The outputs that a metric depends on: those of one position, if it says which."""
    return outputs[:, metric.position] if isinstance(metric, AtPosition) else outputs


def digits(x: Tensor) -> float:
    """The relative size of the last digit of products in this precision, as torch computes them now."""
    own = torch.finfo(x.dtype).eps
    if x.dtype is torch.float32:  # its products may be allowed fewer digits than it has
        own = {"highest": own, "high": 2**-10, "medium": 2**-8}[torch.get_float32_matmul_precision()]
    return own


# ----------------------------------------------------------------------------------------------------------------------
# More digits


@runtime_checkable
class Compared(Protocol):
    """What was computed of two runs."""

    @property
    def contrast(self) -> Contrast:
        """That of their metrics."""
        ...


C = TypeVar("C", bound=Compared)
M = TypeVar("M", bound=nn.Module)


def steady(model: M, compare: Callable[[M], C]) -> C:
    """What `compare` makes of the model, in the narrowest of its own dtype, float32 and float64 that suffices.

    `compare` is given the model, or a copy of it in another dtype. Where that cannot be done, as with a metric that
    takes no float64, the first numbers are returned with a warning that says how far off they may be.
    """
    compared = compare(model)
    own = max((p.dtype for p in model.parameters() if p.is_floating_point()), key=lambda d: d.itemsize, default=None)
    for dtype in (torch.float32, torch.float64):
        if compared.contrast.is_steady or own is None or dtype.itemsize <= own.itemsize:
            continue
        try:
            compared = compare(widened(model, dtype))
        except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
            size, off = compared.contrast.size, compared.contrast.rounding
            warnings.warn(
                f"the two inputs give nearly the same answer: the metric's difference is {size:.2g}, of which rounding "
                f"may be {off:.1g}, and it cannot be computed in {dtype} ({error}): choose inputs or a metric that "
                "differ more",
                stacklevel=2,
            )
            break
    return compared


def widened(model: M, dtype: torch.dtype) -> M:
    """A copy of a model in another dtype, in evaluation mode; hooks on it are the model's."""
    root = getattr(model, "_orig_mod", model)
    size = sum(p.numel() for p in root.parameters()) * dtype.itemsize
    check_room(size, next(root.parameters()).device, "give inputs or a metric that differ more")
    found: M = copy.deepcopy(root).to(dtype).eval()
    return found
