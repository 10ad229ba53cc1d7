"""What layers compute: sums by weights, norms, pools, shares; see `kinds.py` for what the facts of each are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Known:
    """A call's kind, and the numbers that belong to it."""

    kind: str
    facts: dict[str, Any] = field(default_factory=dict)


OPAQUE = Known("opaque")


def two(value: Any) -> tuple[int, int]:
    """A setting of rows and columns."""
    first, *rest = value if isinstance(value, Sequence) else (value,)
    return int(first), int(rest[0] if rest else first)


# ----------------------------------------------------------------------------------------------------------------------
# Weighted sums


def convolution(given: Mapping[str, Any], _x: Tensor, _output: Tensor) -> Known:
    """A convolution of maps; `padding` is what lies above and left."""
    weight, padding = given["weight"], given.get("padding", 0)
    dilation, stride = two(given.get("dilation", 1)), two(given.get("stride", 1))
    if padding == "same":
        padding = [dilation[i] * (weight.size(i + 2) - 1) // 2 for i in range(2)]
    facts = {"stride": stride, "padding": two(0 if padding == "valid" else padding), "dilation": dilation}
    return Known("conv", {"weight": weight, "bias": given.get("bias"), **facts, "groups": int(given.get("groups", 1))})


def linear(given: Mapping[str, Any], _x: Tensor, _output: Tensor) -> Known:
    """A matrix."""
    return Known("linear", {"weight": given["weight"], "bias": given.get("bias")})


# ----------------------------------------------------------------------------------------------------------------------
# Norms


def batch_norm(given: Mapping[str, Any], x: Tensor, _output: Tensor) -> Known:
    """By the statistics of training, or where there are none by the channel's own over its places."""
    mean, variance = given.get("running_mean"), given.get("running_var")
    if mean is None or variance is None or given.get("use_input_stats", given.get("training", False)):
        mean, variance = moments(x.flatten(2) if x.ndim > 2 else x[..., None])
    return norm("batch", mean, variance, given)


def group_norm(given: Mapping[str, Any], x: Tensor, _output: Tensor) -> Known:
    """By the mean of groups of channels over all their places."""
    groups, channels = int(given["num_groups"]), x.size(1)
    found = moments(x.reshape(1, groups, -1))
    mean, variance = (m.repeat_interleave(channels // groups) for m in found)
    return norm("group", mean, variance, given)


def layer_norm(given: Mapping[str, Any], x: Tensor, _output: Tensor) -> Known:
    """By the mean of all numbers of an example."""
    shape = tuple(given["normalized_shape"])
    if shape != tuple(x.shape[1:]):
        return OPAQUE
    mean, variance = (m.expand(x.size(1)) for m in moments(x.reshape(1, 1, -1)))
    return norm("layer", mean, variance, given)


def moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each row of (1, rows, numbers)."""
    return rows[0].mean(1), rows[0].var(1, unbiased=False)


def norm(what: str, mean: Tensor, variance: Tensor, given: Mapping[str, Any]) -> Known:
    """A norm by its statistics."""
    parameters = {name: None if given.get(name) is None else given[name].flatten() for name in ("weight", "bias")}
    return Known(
        "norm", {"what": what, "mean": mean, "variance": variance, "eps": float(given.get("eps", 1e-5)), **parameters}
    )


# ----------------------------------------------------------------------------------------------------------------------
# Pools


def pool(given: Mapping[str, Any], x: Tensor, output: Tensor, how: str) -> Known:
    """Windows of a size, one every stride."""
    if given.get("divisor_override") is not None or x.ndim != 4:
        return OPAQUE
    kernel = two(given["kernel_size"])
    stride = two(given.get("stride") or kernel)
    padding, dilation = two(given.get("padding", 0)), two(given.get("dilation", 1))
    edge = padding if how == "mean" and given.get("count_include_pad", True) else (0, 0)
    spans = []
    for axis in range(2):
        size = x.size(axis + 2)
        starts = [i * stride[axis] - padding[axis] for i in range(output.size(axis + 2))]
        reach = range(0, kernel[axis] * dilation[axis], dilation[axis])
        spans.append([[s + k for k in reach if -edge[axis] <= s + k < size + edge[axis]] for s in starts])
    return Known("pool", {"how": how, "rows": spans[0], "columns": spans[1]})


def adaptive_pool(_given: Mapping[str, Any], x: Tensor, output: Tensor, how: str) -> Known:
    """As many windows as are asked for, about equally large."""
    if x.ndim != 4:
        return OPAQUE
    spans = []
    for axis in (2, 3):
        size, count = x.size(axis), output.size(axis)
        spans.append([list(range(i * size // count, -(-(i + 1) * size // count))) for i in range(count)])
    return Known("pool", {"how": how, "rows": spans[0], "columns": spans[1]})


def mean(given: Mapping[str, Any], x: Tensor, _output: Tensor) -> Known:
    """The mean of all places of each map."""
    dim = given.get("dim")
    dims = sorted(d % x.ndim for d in (dim if isinstance(dim, Sequence) else [dim])) if dim is not None else []
    if x.ndim != 4 or dims != [2, 3]:
        return OPAQUE
    return Known("pool", {"how": "mean", "rows": [list(range(x.size(2)))], "columns": [list(range(x.size(3)))]})


# ----------------------------------------------------------------------------------------------------------------------
# Number by number


def softmax(given: Mapping[str, Any], x: Tensor, _output: Tensor, log: bool) -> Known:
    """Shares of the last axis."""
    dim = given.get("dim")
    return Known("softmax", {"log": log}) if isinstance(dim, int) and dim % x.ndim == x.ndim - 1 else OPAQUE


CALLS: dict[str, Callable[[Mapping[str, Any], Tensor, Tensor], Known]] = {
    "conv2d": convolution,
    "linear": linear,
    "batch_norm": batch_norm,
    "instance_norm": batch_norm,
    "group_norm": group_norm,
    "layer_norm": layer_norm,
    "max_pool2d": partial(pool, how="max"),
    "avg_pool2d": partial(pool, how="mean"),
    "adaptive_max_pool2d": partial(adaptive_pool, how="max"),
    "adaptive_avg_pool2d": partial(adaptive_pool, how="mean"),
    "mean": mean,
    "softmax": partial(softmax, log=False),
    "log_softmax": partial(softmax, log=True),
}
"""What describes a call of one value."""
