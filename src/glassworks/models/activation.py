"""GELU and its derivative on a CPU, as loops that numba compiles: a third of the time of torch's, which goes by a tanh.

Of float32 numbers, and of bfloat16 ones as their bits, which are the upper half of a float32's.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glassworks.models.kernel import ONE, Array, exp, fast, real

Bits = NDArray[np.uint16]
word = np.uint32

LINEAR, CUBIC = (real(-math.sqrt(8 / math.pi) * factor) for factor in (1, 0.044715))
SLOPE = real(3 * float(CUBIC))

ENDS = real(16)
"""Beyond them GELU is 0 or x, and its derivative 0 or 1, to 1e-36."""

SHARE = 2**18
"""Numbers that are worth a thread of their own, which takes about 40 us to wake."""


@fast
def gelu(x: Array, out: Array) -> None:
    """X / (1 + exp(-2u)) with u = sqrt(2 / pi) (x + 0.044715 x^3) (Hendrycks and Gimpel 2016, section 2)."""
    for i in range(len(x)):
        out[i] = value(x[i])


@fast
def gelu_backward(x: Array, dy: Array, out: Array) -> None:
    """Dy times the derivative of GELU at x."""
    for i in range(len(x)):
        out[i] = dy[i] * derivative(x[i])


@fast
def gelu_bits(x: Bits, out: Bits) -> None:
    """`gelu` of bfloat16 numbers."""
    for i in range(len(x)):
        out[i] = narrow(value(wide(x[i])))


@fast
def gelu_bits_backward(x: Bits, dy: Bits, out: Bits) -> None:
    """`gelu_backward` of bfloat16 numbers."""
    for i in range(len(x)):
        out[i] = narrow(wide(dy[i]) * derivative(wide(x[i])))


@fast
def value(x: np.float32) -> np.float32:
    """GELU; 0 far below."""
    x = max(x, -ENDS)
    y: np.float32 = x / (ONE + exp(x * (LINEAR + CUBIC * x * x)))
    return y


@fast
def derivative(x: np.float32) -> np.float32:
    """S + s (1 - s) x d(2u)/dx with s = 1 / (1 + exp(-2u)); it is 0 or 1 long before +-16."""
    x = min(max(x, -ENDS), ENDS)
    square = x * x
    s = ONE / (ONE + exp(x * (LINEAR + CUBIC * square)))
    slope: np.float32 = s + s * (s - ONE) * x * (LINEAR + SLOPE * square)
    return slope


@fast
def wide(bits: np.uint16) -> np.float32:
    """The float32 whose upper half these bits are."""
    x: np.float32 = word(word(bits) << word(16)).view(real)
    return x


@fast
def narrow(x: np.float32) -> np.uint16:
    """The upper half of a float32, rounded to the nearest, ties to even. NaN stays NaN."""
    bits = real(x).view(word)
    if x != x:
        return np.uint16(0x7FC0)
    return np.uint16((bits + word(0x7FFF) + ((bits >> word(16)) & word(1))) >> word(16))


def run(loops: dict[torch.dtype, Any], *tensors: Tensor) -> Tensor:
    """The loop for the tensors' dtype over all their numbers, shared among as many threads as torch has."""
    out = torch.empty_like(tensors[0])
    flat = [bits_of(x) for x in (*tensors, out)]
    size, loop = out.numel(), loops[out.dtype]
    shares = max(1, min(torch.get_num_threads(), size // SHARE))
    bounds = [size * i // shares for i in range(shares + 1)]
    parts: Callable[[int, int], None] = lambda low, high: loop(*(x[low:high] for x in flat))  # noqa: E731
    others = pool(shares - 1).map(parts, bounds[1:-1], bounds[2:]) if shares > 1 else ()
    parts(*bounds[:2])
    list(others)  # waits for them
    return out


def bits_of(x: Tensor) -> NDArray[Any]:
    """A contiguous tensor's numbers in a row, bfloat16 ones as their bits."""
    return (x.view(torch.uint16) if x.dtype is torch.bfloat16 else x).view(-1).numpy()


@cache
def pool(size: int) -> ThreadPoolExecutor:
    """Threads beside this one."""
    return ThreadPoolExecutor(size)


FORWARD = {torch.float32: gelu, torch.bfloat16: gelu_bits}
BACKWARD = {torch.float32: gelu_backward, torch.bfloat16: gelu_bits_backward}
