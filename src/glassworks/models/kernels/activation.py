"""GELU and its derivative on a CPU, as loops that numba compiles: a third of the time of torch's, which goes by a tanh.

Of float32 numbers, and of bfloat16 ones as their bits, which are the upper half of a float32's.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glassworks.core.machine.team import OWN, SHARES, Loop, bounds, float32s, next_share, task_of, uint16s
from glassworks.models.kernels.layers import ONE, exp, fast, real
from glassworks.models.kernels.product import Array

Bits = NDArray[np.uint16]
word = np.uint32

LINEAR, CUBIC = (real(-math.sqrt(8 / math.pi) * factor) for factor in (1, 0.044715))
SLOPE = real(3 * float(CUBIC))

ENDS = real(16)
"""Beyond them GELU is 0 or x, and its derivative 0 or 1, to 1e-36."""

SHARE = 2**14
"""Numbers that are worth a thread of their own."""


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


@Loop
def float32_forward(task: Any) -> None:
    """A share of `gelu`: a size, and the addresses of x and of what is to be filled."""
    low, high = bounds(task[OWN], next_share(task), task[SHARES])
    gelu(float32s(task[OWN + 1], high)[low:], float32s(task[OWN + 2], high)[low:])


@Loop
def float32_backward(task: Any) -> None:
    """A share of `gelu_backward`: a size, and the addresses of x, of dy and of what is to be filled."""
    low, high = bounds(task[OWN], next_share(task), task[SHARES])
    x, dy, out = float32s(task[OWN + 1], high), float32s(task[OWN + 2], high), float32s(task[OWN + 3], high)
    gelu_backward(x[low:], dy[low:], out[low:])


@Loop
def bfloat16_forward(task: Any) -> None:
    """`float32_forward` of bfloat16 numbers."""
    low, high = bounds(task[OWN], next_share(task), task[SHARES])
    gelu_bits(uint16s(task[OWN + 1], high)[low:], uint16s(task[OWN + 2], high)[low:])


@Loop
def bfloat16_backward(task: Any) -> None:
    """`float32_backward` of bfloat16 numbers."""
    low, high = bounds(task[OWN], next_share(task), task[SHARES])
    x, dy, out = uint16s(task[OWN + 1], high), uint16s(task[OWN + 2], high), uint16s(task[OWN + 3], high)
    gelu_bits_backward(x[low:], dy[low:], out[low:])


FORWARD = {torch.float32: float32_forward, torch.bfloat16: bfloat16_forward}
BACKWARD = {torch.float32: float32_backward, torch.bfloat16: bfloat16_backward}


def run(loops: dict[torch.dtype, Loop], *tensors: Tensor) -> Tensor:
    """The loop for the tensors' dtype over all their numbers, shared among as many threads as torch has."""
    out = torch.empty_like(tensors[0])
    task = task_of(out.numel(), *(x.data_ptr() for x in (*tensors, out)))
    loops[out.dtype](task, max(1, min(torch.get_num_threads(), out.numel() // SHARE)))
    return out
