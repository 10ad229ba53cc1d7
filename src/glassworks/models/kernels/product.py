"""Products of small matrices, for loops that numba compiles: a few rows by a few vectors of the result at a time.

LLVM makes vectors of long loops by itself, but loads and stores each sum at every step. Here the sums of a *tile* of
the result stay in registers, in LLVM's own language. A sum is made one product after the other, whatever the tile, so
that what a row comes to does not depend, to the last bit, on the rows beside it, or on which columns are asked for.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled

Array = NDArray[np.float32]

LANES = 16 if "+avx512f" in get_host_cpu_features().split(",") else 8  # type: ignore[no-untyped-call]
"""Numbers of a vector."""

WORD = 4
"""Bytes of a number."""

DEPTH = 32
"""Rows of a matrix that are read for all rows of the result before the next ones: they stay in the caches."""


@compiled
def affine(x: Array, weights: Array, out: Array, low: int, high: int) -> None:
    """Write columns `low` to `high` of x @ weights, with their last row as a bias: (M, I), (I + 1, O) to (M, O)."""
    for m in range(len(out)):
        out[m, low:high] = weights[-1, low:high]
    add_product(x, weights[:-1], out, low, high)


@compiled
def add_affine(x: Array, weights: Array, out: Array, low: int, high: int) -> None:
    """Add columns `low` to `high` of x @ weights, with their last row as a bias: (M, I), (I + 1, O) to (M, O)."""
    for m in range(len(out)):
        row, bias = out[m, low:high], weights[-1, low:high]
        for j in range(len(row)):
            row[j] += bias[j]
    add_product(x, weights[:-1], out, low, high)


@compiled
def add_product(x: Array, weights: Array, out: Array, low: int, high: int) -> None:
    """Add columns `low` to `high` of x @ weights to `out`: (M, I), (I, O) and (M, O)."""
    M, I = x.shape
    wide, whole = high - (high - low) % (8 * LANES), high - (high - low) % LANES
    x_row, row = WORD * I, WORD * weights.shape[1]
    for i in range(0, I, DEPTH):
        depth = min(DEPTH, I - i)
        y = weights.ctypes.data + i * row
        for m in range(0, M - 7, 8):
            a, c = x.ctypes.data + m * x_row + WORD * i, out.ctypes.data + m * row
            for j in range(low, whole, LANES):
                add_8x1(a, x_row, y + WORD * j, row, c + WORD * j, row, depth)
        for m in range(M - M % 8, M):
            a, c = x.ctypes.data + m * x_row + WORD * i, out.ctypes.data + m * row
            for j in range(low, wide, 8 * LANES):
                add_1x8(a, x_row, y + WORD * j, row, c + WORD * j, row, depth)
            for j in range(wide, whole, LANES):
                add_1x1(a, x_row, y + WORD * j, row, c + WORD * j, row, depth)
        for m in range(M):
            a, c = x.ctypes.data + m * x_row + WORD * i, out.ctypes.data + m * row
            for j in range(whole, high):
                add_one(a, x_row, y + WORD * j, row, c + WORD * j, row, depth)


def tile(rows: int, vectors: int, lanes: int = LANES) -> Any:
    """A function that loops may call: add x @ y to `out`, of so many rows, and columns in so many vectors.

    Its arguments are the address of x and how far apart its rows are, in bytes, the same of y and of `out`, and the
    depth: how many numbers of a row of x there are. All are float32.
    """
    vector, index = ir.VectorType(ir.FloatType(), lanes), ir.IntType(32)
    signature = types.none(*[types.int64] * 7)

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        x, x_row, y, y_row, out, out_row, depth = arguments

        def place(start: Any, row: Any, width: Any, offset: Any, kind: Any) -> Any:
            address = builder.add(builder.add(start, builder.mul(row, width)), offset)
            return builder.inttoptr(address, kind.as_pointer())

        offsets = [x.type(WORD * lanes * v) for v in range(vectors)]
        places = [place(out, x.type(m), out_row, offset, vector) for m in range(rows) for offset in offsets]
        loads = [builder.load(one, align=WORD) for one in places]
        sums = [cgutils.alloca_once_value(builder, load) for load in loads]  # type: ignore[no-untyped-call]
        with cgutils.for_range(builder, depth) as loop:
            right = [builder.load(place(y, loop.index, y_row, offset, vector), align=WORD) for offset in offsets]
            for m in range(rows):
                number = place(x, x.type(m), x_row, builder.mul(loop.index, x.type(WORD)), ir.FloatType())
                first = builder.insert_element(vector(ir.Undefined), builder.load(number, align=WORD), index(0))
                left = builder.shuffle_vector(first, first, ir.VectorType(index, lanes)([0] * lanes))
                for total, numbers in zip(sums[m * vectors : (m + 1) * vectors], right, strict=True):
                    product = builder.fmul(left, numbers, flags=("contract",))
                    builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
        for one, total in zip(places, sums, strict=True):
            builder.store(builder.load(total), one, align=WORD)
        return context.get_dummy_value()

    @intrinsic  # takes machine words, and no record of them
    def add(context: Any, x: Any, x_row: Any, y: Any, y_row: Any, out: Any, out_row: Any, depth: Any) -> Any:
        return signature, generate

    return add


add_8x1, add_1x8, add_1x1, add_one = tile(8, 1), tile(1, 8), tile(1, 1), tile(1, 1, lanes=1)
