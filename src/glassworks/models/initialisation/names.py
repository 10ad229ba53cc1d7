"""The schemes by name, each in a line; imports no torch."""

from typing import Literal, get_args

Scheme = Literal["default", "glorot", "he", "orthogonal", "lsuv", "fixup", "mup"]

SCHEMES: dict[Scheme, str] = {
    "default": "torch's own: uniform, variance 1 / (3 fan-in), biases as well",
    "glorot": "uniform, variance 2 / (fan-in + fan-out): between what keeps linear signals forward and back",
    "he": "normal, variance 2 / fan-in: keeps the mean square of what passes a ReLU",
    "orthogonal": "rotations times a gain: all directions are kept alike, not only their mean",
    "lsuv": "orthogonal, then each layer scaled until its outputs on a batch have variance 1",
    "fixup": "he, with residual branches scaled down by their number and their last layers 0: depth without norms",
    "mup": "variances and learning rates by width, so that a rate that is best for one width is best for all",
}
"""What each does."""

assert set(SCHEMES) == set(get_args(Scheme))
