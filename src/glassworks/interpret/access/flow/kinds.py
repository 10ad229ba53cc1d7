"""What a call of torch's functions computes, as numbers that are enough to compute it again by hand.

conv       weight (O, I/groups, h, w), bias (O) or None, stride, padding, dilation: (rows, columns), groups
linear     weight (O, I), bias (O) or None: over the last axis
norm       (x - mean) / √(variance + eps) · weight + bias; each one number a channel, or one a number of the value
pointwise  chain: of each number by itself, in order, {"op", "by": a number or an array, "numbers": its settings}
pool       how: max or mean; rows, columns: for each of its own, those of the input's that it reads (outside: padding)
move       source: for each number, which of the inputs' it is, one input behind the other; -1: a constant
combine    op: add, sub, mul, ...: of two values, number by number, spread where one is smaller
softmax    over the last axis; log: whether its logarithm
opaque     nothing
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from glassworks.interpret.access.flow.layers import CALLS, OPAQUE, Known
from glassworks.interpret.access.flow.moves import moved, pair

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "linear": ("input", "weight", "bias"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "instance_norm": ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps"),
    "group_norm": ("input", "num_groups", "weight", "bias", "eps"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "max_pool2d": ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "avg_pool2d": (
        *("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    ),
    "adaptive_avg_pool2d": ("input", "output_size"),
    "adaptive_max_pool2d": ("input", "output_size"),
    "mean": ("input", "dim", "keepdim"),
    "softmax": ("input", "dim"),
    "log_softmax": ("input", "dim"),
    "leaky_relu": ("input", "negative_slope"),
    "elu": ("input", "alpha"),
    "celu": ("input", "alpha"),
    "softplus": ("input", "beta", "threshold"),
    "hardtanh": ("input", "min_val", "max_val"),
    "clamp": ("input", "min", "max"),
    "clamp_min": ("input", "min"),
    "prelu": ("input", "by"),
}
"""The names of arguments that are given by their places."""
SETTINGS = ("negative_slope", "alpha", "beta", "threshold", "min_val", "max_val", "min", "max", "approximate")

ALONE = {
    "relu", "relu6", "tanh", "sigmoid", "gelu", "silu", "mish", "elu", "celu", "selu", "leaky_relu", "softplus",
    "softsign", "hardtanh", "hardswish", "hardsigmoid", "logsigmoid", "exp", "log", "log1p", "sqrt", "rsqrt",
    "square", "abs", "neg", "reciprocal", "sin", "cos", "erf", "sign", "clamp", "clamp_min",
}  # fmt: skip
"""Functions of one number."""
PAIRS = {
    "add", "sub", "rsub", "mul", "div", "rdiv", "pow", "maximum", "minimum", "prelu",
}  # fmt: skip
"""Functions of two: with a number or a parameter, pointwise; with another value, a combination."""
MOVES = {
    "flatten", "reshape", "view", "view_as", "permute", "transpose", "t", "squeeze", "unsqueeze", "getitem", "get",
    "pad", "flip", "narrow", "select", "expand", "movedim", "swapaxes", "roll", "cat", "concat", "concatenate",
    "stack", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "interpolate", "repeat", "unflatten",
}  # fmt: skip
"""What puts numbers elsewhere."""
SAME = {
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "clone",
    "contiguous", "to", "float", "detach", "type",
}  # fmt: skip
"""What leaves numbers as they are, in evaluation mode."""
OTHER_NAMES = {
    "iadd": "add", "radd": "add", "imul": "mul", "rmul": "mul", "multiply": "mul", "isub": "sub", "subtract": "sub",
    "truediv": "div", "itruediv": "div", "true_divide": "div", "divide": "div", "rtruediv": "rdiv", "clip": "clamp",
    "max_pool2d_with_indices": "max_pool2d",
}  # fmt: skip


def canonical(func: Callable[..., Any]) -> str:
    """A function's name, one for all its forms: of operators, in place, under other names."""
    name = str(getattr(func, "__name__", type(func).__name__)).strip("_")
    return OTHER_NAMES.get(name, name)


def describe(
    func: Callable[..., Any],
    name: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    sources: Sequence[Tensor],
    output: Tensor,
) -> Known:
    """What a call computed of values that come of the input (`sources`); opaque where it is none of the above."""
    if name in MOVES:
        return moved(func, args, kwargs, sources, output)
    if name in PAIRS:
        return pair(name, args, kwargs, sources, output)
    if len(sources) != 1:
        return OPAQUE
    given = {**dict(zip(ARGUMENTS.get(name, ("input",)), args, strict=False)), **kwargs}
    if given.get("input") is not sources[0]:
        return OPAQUE
    if name in SAME:
        return Known("same")
    if name in ALONE:
        numbers = {key: given[key] for key in SETTINGS if isinstance(given.get(key), int | float | str)}
        return Known("pointwise", {"chain": [{"op": name, "by": None, "numbers": numbers}]})
    return CALLS[name](given, sources[0], output) if name in CALLS else OPAQUE


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two values are the same numbers in the same shape."""
    return a.shape == b.shape and torch.equal(a, b)
