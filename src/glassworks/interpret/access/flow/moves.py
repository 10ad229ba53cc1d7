"""What functions of pairs of numbers compute, and where numbers come from that are only moved."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from glassworks.interpret.access.flow.layers import OPAQUE, Known


def pair(
    name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], sources: Sequence[Tensor], output: Tensor
) -> Known:
    """A function of two numbers, one of which may be a constant."""
    first, second = (*args, *kwargs.values())[:2] if len(args) + len(kwargs) >= 2 else (None, None)
    if kwargs.get("alpha", 1) != 1 or kwargs.get("rounding_mode") is not None:
        return OPAQUE
    if len(sources) == 2:
        return Known("combine", {"op": name}) if first is sources[0] and second is sources[1] else OPAQUE
    if first is second:
        return Known("combine", {"op": name, "twice": True})
    if second is sources[0]:
        reverse = {"add": "add", "mul": "mul", "sub": "rsub", "div": "rdiv", "maximum": "maximum", "minimum": "minimum"}
        if name not in reverse:
            return OPAQUE
        name, first, second = reverse[name], second, first
    by = operand(second, output)
    return (
        OPAQUE
        if by is None or first is not sources[0]
        else Known("pointwise", {"chain": [{"op": name, "by": by, "numbers": {}}]})
    )


def operand(value: Any, output: Tensor) -> float | Tensor | None:
    """The other number of a pair: a constant, one for each channel, or one for each number; None = neither."""
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return None
    if value.numel() == 1:
        return float(value)
    try:
        whole = value.detach().expand(output.shape)
    except RuntimeError:
        return None
    channels = whole.flatten(2)[0] if output.ndim > 2 else whole[0][:, None]
    return channels[:, 0].clone() if bool((channels == channels[:, :1]).all()) else whole.flatten().clone()


# ----------------------------------------------------------------------------------------------------------------------
# Moves


def moved(
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    sources: Sequence[Tensor],
    output: Tensor,
) -> Known:
    """Where each number comes from: the same call moves the places' numbers, twice, which tells what is constant."""
    first, second = (run_on_places(func, args, kwargs, sources, start) for start in (0, 1 << 40))
    if first is None or second is None or first.shape != output.shape:
        return OPAQUE
    source = torch.where(second - first == 1 << 40, first, -1).flatten().long()
    flat = torch.cat([x.detach().flatten() for x in sources])
    if source.max() >= len(flat) or not torch.equal(flat[source[source >= 0]], output.detach().flatten()[source >= 0]):
        return OPAQUE  # it computed with them, as a resize between pixels does
    identical = len(flat) == len(source) and bool((source == torch.arange(len(source))).all())
    return Known("move", {"source": None if identical and len(sources) == 1 else source.int()})


def run_on_places(
    func: Callable[..., Any], args: Any, kwargs: Any, sources: Sequence[Tensor], start: int
) -> Tensor | None:
    """The call with the places' own numbers in the place of values; None where it computes with them."""
    places: dict[int, Tensor] = {}
    for x in sources:
        places[id(x)] = torch.arange(start, start + x.numel(), dtype=torch.float64).view(x.shape)
        start += x.numel()
    put: Callable[[Any], Any]
    put = lambda v: (  # noqa: E731
        places.get(id(v), v) if isinstance(v, Tensor)
        else type(v)(put(x) for x in v) if type(v) in (list, tuple)
        else v
    )  # fmt: skip
    try:
        found = func(*put(args), **{key: put(value) for key, value in kwargs.items()})
    except (RuntimeError, TypeError):
        return None
    return found if isinstance(found, Tensor) else None
