"""The losses of points on lines and planes through the weights, in whatever way is the fastest for the network.

A layer that reads the batch itself is linear in its weights: x (w + a u + b v) = x w + a x u + b x v. Its three
products are computed once; at each point of a plane they are added up, which takes a fraction of a product.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, _get_current_function_mode

from glassworks.interpret.landscapes.objective import Objective
from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.evaluate import losses_of
from glassworks.optim.gradient_free.evaluation.batched import held, its_own, laid_out

PRODUCTS: tuple[Callable[..., Tensor], ...] = (F.linear, F.conv1d, F.conv2d, F.conv3d)
"""What is linear in its weight and its bias."""
EXACT = (torch.float32, torch.float64)
"""Of less than these, sums of products and products of sums are too far apart."""


def losses_on(objective: Objective, across: Float[Tensor, "K D"], places: Float[Tensor, "P K"]) -> Float[Tensor, " P"]:
    """The losses at `objective.point + places @ across`; weights are left as they were."""
    moved = OnPlane(objective, across)
    moved.find_known(places[0])
    try:
        return losses_of(moved, [moved.where], places, seed=objective.seed)
    finally:
        objective.move(objective.point)


class OnPlane(nn.Module):
    """A network whose weights are where its one parameter says, along directions. Called, it is the loss there."""

    def __init__(self, objective: Objective, across: Float[Tensor, "K D"]) -> None:
        super().__init__()
        self.model, self.objective, self.across = objective.net, objective, across
        self.where = nn.Parameter(across.new_zeros(len(across)), requires_grad=False)
        self.parts = [objective.parts, objective.weights]
        number = {id(p): i for i, p in enumerate(objective.weights)}
        self.holders = [
            (module, name, number[id(p)])
            for module in objective.net.modules()
            for name, p in module._parameters.items()
            if id(p) in number
        ]
        self.known: dict[int, tuple[int, torch.Size]] = {}
        """Products that read the same everywhere: which of all, to the number of their weight and what they read."""
        self.terms: dict[Any, list[Tensor]] = {}
        """Of each such product, that with the weights as they are, then one for each direction."""
        self.row: dict[Any, tuple[list[float], Tensor]] = {}
        """Of sums, where along all directions but the first it was last, and the sum up to there: rows share it."""

    @property
    def net(self) -> nn.Module:
        """What `losses_of` looks through for the weights that it moves: the place is its own."""
        return self

    def forward(self) -> Tensor:
        """The loss at the place: one is written into the weights, several at once are held by modules instead."""
        objective = self.objective
        at = self.total("weights", [objective.point, *self.across])
        if its_own(at):
            values = laid_out(at, objective.weights)
            with held(self.holders, values), Products(self, values):
                return objective()
        vector.write(at, objective.weights)
        with Products(self, objective.weights):
            return objective()

    def find_known(self, place: Float[Tensor, " K"]) -> None:
        """Find the products that read what no weight changes: no gradient passes it, and it is the same elsewhere."""
        objective = self.objective
        here, there = Inputs(objective.weights), Inputs(objective.weights)
        try:
            with torch.enable_grad(), here:
                objective()
            vector.write(objective.point + place @ self.across, objective.weights)
            with torch.no_grad(), there:
                objective()
        except RuntimeError:  # what has a loss need not have a gradient
            return
        finally:
            vector.write(objective.point, objective.weights)
        for n, (x, i) in here.seen.items():
            if not x.requires_grad and n in there.seen and torch.equal(x, there.seen[n][0]) and x.dtype in EXACT:
                self.known[n] = i, x.shape

    def product(self, n: int, of: Callable[[Sequence[Tensor], bool], Tensor]) -> Tensor:
        """One of those that are known, at the place; `of` gives it with weights, or with what is added to them."""
        mode = _get_current_function_mode()  # type: ignore[no-untyped-call]
        key = n, type(mode)  # which says how maps lie in memory
        if key not in self.terms:
            middle, *sides = (vector.views(x, self.objective.weights) for x in (self.objective.point, *self.across))
            self.terms[key] = [of(middle, False), *(of(side, True) for side in sides)]
        return self.total(key, self.terms[key])

    def total(self, key: Any, terms: Sequence[Tensor]) -> Tensor:
        """The first term, and of each other one as much as the place is along its direction."""
        middle, *sides = terms
        if its_own(self.where):
            return middle + (self.where @ torch.stack(sides).flatten(1)).view(middle.shape)
        first, *others = self.where.detach().tolist()
        if key not in self.row or self.row[key][0] != others:
            for share, side in zip(others, sides[1:], strict=True):
                middle = torch.add(middle, side, alpha=share)
            self.row[key] = others, middle
        return torch.add(self.row[key][1], sides[0], alpha=first)


class Inputs(TorchFunctionMode):
    """What products of moved weights read, and with which weight, by their number among all products."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.number = {id(p): i for i, p in enumerate(weights)}
        self.count = 0
        self.seen: dict[int, tuple[Tensor, int]] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in PRODUCTS:
            if len(args) > 1 and id(args[1]) in self.number:
                self.seen[self.count] = args[0], self.number[id(args[1])]
            self.count += 1
        return func(*args, **(kwargs or {}))


class Products(TorchFunctionMode):
    """Products that are known are added up from their terms; all else is computed."""

    def __init__(self, plane: OnPlane, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.plane, self.number = plane, {id(p): i for i, p in enumerate(weights)}
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in PRODUCTS:
            return func(*args, **kwargs)
        n, self.count = self.count, self.count + 1
        known = self.plane.known.get(n)
        if known is None or known != (self.number.get(id(args[1])), args[0].shape) or its_own(args[0]):
            return func(*args, **kwargs)

        def of(weights: Sequence[Tensor], is_side: bool) -> Tensor:
            def swapped(x: Any) -> Any:
                i = self.number.get(id(x))
                if i is not None:
                    return weights[i].to(x.dtype)
                return None if is_side and isinstance(x, Tensor) else x  # a bias that is not moved

            given = {name: swapped(x) for name, x in kwargs.items()}
            return cast(Tensor, func(args[0], *map(swapped, args[1:]), **given))

        return self.plane.product(n, of)
