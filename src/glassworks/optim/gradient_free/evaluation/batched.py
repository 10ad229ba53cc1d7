"""Many candidates at once, as one more axis of the weights."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.evaluation.left import Ran, reseed
from glassworks.optim.gradient_free.evaluation.loops import Local

FEW = 32
"""Classes."""


def batched(
    local: Local,
    weights: Sequence[Tensor],
    candidates: Float[Tensor, "P D"],
    seed: int,
    ran: Ran,
    *,
    chunk: int,
) -> Float[Tensor, "P 2"]:
    """`chunk` candidates at a time by one `torch.func.vmap`, all with the same random numbers.

    Where the second half of the candidates mirrors the first about one mean, both of a pair go together.

    Raises RuntimeError, or what else torch raises, for what cannot be done so: data-dependent control flow, writing
    into what was made outside of the closure, weights that no module which ran holds.
    """
    holders = ran.holders(weights)
    if {i for _, _, i in holders} != set(range(len(weights))):
        raise RuntimeError("some weights are held by no module that the closure has run")
    mean = middle(candidates)
    means = None if mean is None else vector.views(mean, weights)
    sides = [candidates] if mean is None else list(candidates.chunk(2))
    each = max(1, chunk // len(sides))

    def of(*values: Sequence[Tensor]) -> Tensor:
        sums = []
        with Batched(means, values):
            for side in values:
                reseed(seed)
                with held(holders, side):
                    sums.append(local())
        return torch.stack(sums)

    found = []
    with (
        warnings.catch_warnings()
    ):  # what has no rule is done one by one, as the loop does; that is timed, not warned of
        warnings.filterwarnings("ignore", "There is a performance drop")
        for i in range(0, len(sides[0]), each):
            parts = [laid_out(side[i : i + each], weights) for side in sides]
            found.append(torch.func.vmap(of, randomness="same")(*parts))  # (each, sides, 2)
            ran.put_back()
    return torch.cat(found).transpose(0, 1).flatten(0, 1)


def laid_out(candidates: Float[Tensor, "*P D"], weights: Sequence[Tensor]) -> list[Tensor]:
    """Each weight of some candidates, in its own precision."""
    return [part.to(p.dtype) for part, p in zip(vector.views(candidates, weights), weights, strict=True)]


@contextmanager
def held(holders: Sequence[tuple[nn.Module, str, int]], values: Sequence[Tensor]) -> Iterator[None]:
    """In the block modules hold other tensors in place of their weights."""
    before = [module._parameters[name] for module, name, _ in holders]
    try:
        for module, name, i in holders:
            module._parameters[name] = values[i]  # type: ignore[assignment]
        yield
    finally:
        for (module, name, _), p in zip(holders, before, strict=True):
            module._parameters[name] = p


def middle(candidates: Float[Tensor, "P D"]) -> Float[Tensor, " D"] | None:
    """The mean about which the second half mirrors the first; None where there is none.

    Looked for in every row, at some sixty weights: no noise is mirrored there by chance.
    """
    P, D = candidates.shape
    if P % 2 or P < 4:
        return None
    some = candidates[:, :: max(1, D // 64)]
    sums = some[: P // 2] + some[P // 2 :]
    if not sums.isfinite().all():
        return None
    if not torch.allclose(sums, sums[:1], rtol=1e-5, atol=float(4e-7 * some.abs().max())):
        return None
    return (candidates[0] + candidates[P // 2]) / 2


class Batched(TorchFunctionMode):
    """What is done otherwise for many candidates than torch.func.vmap does it, or than one would.

    - Where all share the input, as that of a first layer or of one above layers that are not trained, its products with
      all their weights are one; those of a mirrored candidate follow from its twin's, x (m - e) = 2 x m - x (m + e).
    - Batch norm in training does not count what candidates bring about: that is put back anyway.
    - Few classes are summed over with the classes first.
    """

    def __init__(self, means: Sequence[Tensor] | None, sides: Sequence[Sequence[Tensor]]) -> None:
        super().__init__()
        self.means, self.sides = means, sides
        self.twins: dict[Any, tuple[Tensor, Tensor]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is F.linear and not kwargs and not its_own(args[0]) and all(map(its_own, args[1:])):
            return self.product(*args)
        if func is F.batch_norm and kwargs.get("training"):
            args = (args[0], None, None, *args[3:])
        if func is F.cross_entropy and few_classes(*args):
            return classes_first(*args, **kwargs)
        return func(*args, **kwargs)

    def product(self, x: Tensor, *layer: Tensor) -> Tensor:
        """The product of x and each candidate's weight, with its bias if it has one."""
        for side in self.sides if self.means is not None else ():
            numbers = tuple(i for own in layer for i, weight in enumerate(side) if weight is own)
            if len(numbers) == len(layer):
                return self.mirrored(x, numbers, layer)
        return cast(Tensor, OneProduct.apply(x, *layer))  # type: ignore[no-untyped-call]

    def mirrored(self, x: Tensor, numbers: tuple[int, ...], layer: Sequence[Tensor]) -> Tensor:
        """The same from the product of the twin, where that is known."""
        key = x.data_ptr(), x._version, x.shape, x.stride(), numbers
        if key in self.twins and layer[0] is self.sides[1][numbers[0]]:
            assert self.means is not None
            return 2 * F.linear(x, *(self.means[i].to(layer[0].dtype) for i in numbers)) - self.twins[key][1]
        product = cast(Tensor, OneProduct.apply(x, *layer))  # type: ignore[no-untyped-call]
        self.twins[key] = x, product  # x is kept, so that its memory holds nothing else meanwhile
        return product


class OneProduct(torch.autograd.Function):
    """F.linear; of one input and the weights of many candidates one product of matrices, not one each."""

    @staticmethod
    def forward(x: Tensor, *layer: Tensor) -> Tensor:
        """Of one candidate."""
        return F.linear(x, *layer)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing: there are no gradients."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, *layer: Tensor) -> tuple[Tensor, int]:
        """Of many."""
        stacked = [own.movedim(dim, 0).flatten(0, 1) for own, dim in zip(layer, in_dims[1:], strict=True)]
        return F.linear(x, *stacked).view(*x.shape[:-1], info.batch_size, -1), x.ndim - 1


def its_own(x: Any) -> bool:
    """Whether each candidate has a tensor of its own."""
    return isinstance(x, Tensor) and bool(torch._C._functorch.is_batchedtensor(x))


def few_classes(logits: Tensor, target: Tensor, *_: Any) -> bool:
    """Whether there are so few classes that a register would not be full of those of one example."""
    return logits.ndim == 2 and target.ndim == 1 and logits.shape[1] <= FEW


def classes_first(logits: Float[Tensor, "N K"], target: Tensor, *others: Any, **settings: Any) -> Tensor:
    """F.cross_entropy with the classes first: many examples in a register."""
    losses = F.cross_entropy(logits.mT.contiguous()[None], target[None], *others, **settings)
    return losses[0] if losses.ndim else losses
