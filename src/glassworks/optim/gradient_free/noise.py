"""Normal numbers of which any part can be had by itself: row i, column j is a function of a key, i and j alone.

What is drawn in one go, in parts, by several threads or by other processes is the same to the bit, and no two numbers,
of one key or of two, share a place in a stream. On a CPU they take a third of the time of torch's, which come one after
the other.

Sources: Salmon et al. 2011 (Philox4x32-10, https://doi.org/10.1145/2063384.2063405), and Box & Muller 1958.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.core.machine.jit import compiled
from glassworks.core.machine.team import OWN, SHARES, Loop, bounds, float32s, next_share, task_of
from glassworks.optim.gradient_free.search import mixed

fast = partial(compiled, fastmath={"contract", "nsz", "arcp"})  # infinities and the order of sums are kept
inside = partial(fast, inline="always")  # else LLVM does not make vectors of the loop around it

real, whole, word = np.float32, np.int32, np.uint64

LANES = 64
"""Counters that are worked on at once. Each gives four numbers, which stand that far apart."""
TILE = 4 * LANES

LOW, HALF = word(0xFFFFFFFF), word(32)
FACTORS = word(0xD2511F53), word(0xCD9E8D57)
WEYL = word(0x9E3779B9), word(0xBB67AE85)

ROOT_HALF, MANTISSA, SIGN = whole(0x3F3504F3), whole(23), whole(-(2**31))
ONE, TWO_LOGS, LOG_2 = real(1), real(-2), real(0.6931471805599453)

L0, L1, L2, L3 = (
    real(0.333339107698747),
    real(-0.25001337015843844),
    real(0.19963062291022773),
    real(-0.165775860116888),
)
L4, L5, L6 = real(0.14914787014155742), real(-0.14267476301030507), real(0.08700359958917472)
"""(log(1 + f) - f + f^2 / 2) / f^3 from 1 / sqrt 2 to sqrt 2, to 3e-8 of the logarithm. These and those below have the
smallest greatest error of their degree, by least squares weighted anew with the errors until all are equal (Lawson)."""
C0, C1, C2, C3 = (
    real(0.7071067616868737),
    real(-0.8723555247030162),
    real(0.17932132093724143),
    real(-0.014430884437386),
)
S0, S1, S2, S3 = (
    real(1.110720731125615),
    real(-0.4567651561462273),
    real(0.0563424295908976),
    real(-0.003254230557471432),
)
"""cos(t pi / 2) / sqrt 2 and sin(t pi / 2) / (t sqrt 2) for t from -1/2 to 1/2, to 2e-8 and 3e-9, by powers of t^2."""


def normals(key: int, rows: range, columns: int, device: torch.device | str = "cpu") -> Float[Tensor, "rows columns"]:
    """Some rows of a table of normal numbers, float32. `key`, below 2^64, names the table.

    On other devices than a CPU each row has a generator's seed of its own, and the numbers are others than a CPU's.
    """
    if torch.device(device).type == "cpu":
        out = torch.empty(len(rows), columns)
        task = task_of(len(rows), columns, rows.start, key - ((key >> 63) << 64), out.data_ptr())
        fill_rows(task, max(1, min(torch.get_num_threads(), len(rows), out.numel() // SHARE)))
        return out
    out = torch.empty(len(rows), columns, device=device)
    generator = torch.Generator(device)
    for i, row in enumerate(rows):
        out[i].normal_(generator=generator.manual_seed(mixed(key, row)))
    return out


SHARE = 2**14
"""Numbers that are worth a thread of their own."""


# ----------------------------------------------------------------------------------------------------------------------
# The loop


@Loop
def fill_rows(task: Any) -> None:
    """A share of some rows of normal numbers: rows, columns, the first row's number, the key, and where they go."""
    rows, columns, first = task[OWN], task[OWN + 1], task[OWN + 2]
    low, high = bounds(rows, next_share(task), task[SHARES])
    out, rest = float32s(task[OWN + 4], (rows, columns)), np.empty(TILE, real)
    full = columns // TILE
    for row in range(low, high):
        for tile in range(full):
            fill_tile(out[row, tile * TILE : (tile + 1) * TILE], word(tile), word(first + row), word(task[OWN + 3]))
        if columns > full * TILE:
            fill_tile(rest, word(full), word(first + row), word(task[OWN + 3]))
            for j in range(columns - full * TILE):
                out[row, full * TILE + j] = rest[j]


@fast
def fill_tile(out: Any, tile: Any, row: Any, key: Any) -> None:
    """TILE normal numbers of a row."""
    k0, k1 = key & LOW, key >> HALF
    for lane in range(LANES):
        c = philox(tile * word(LANES) + word(lane), row, k0, k1)
        r, s = radius(c[0]), radius(c[2])
        x, y = direction(c[1])
        out[lane], out[LANES + lane] = r * x, r * y
        x, y = direction(c[3])
        out[2 * LANES + lane], out[3 * LANES + lane] = s * x, s * y


@inside
def philox(block: Any, row: Any, k0: Any, k1: Any) -> Any:
    """Four numbers of 32 bits of a counter (block, row) and a key's halves: ten rounds, each with a key of its own."""
    c = block & LOW, block >> HALF, row & LOW, row >> HALF
    c = turned(c, k0, k1)
    c = turned(c, (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW)
    c = turned(c, (k0 + word(2) * WEYL[0]) & LOW, (k1 + word(2) * WEYL[1]) & LOW)
    c = turned(c, (k0 + word(3) * WEYL[0]) & LOW, (k1 + word(3) * WEYL[1]) & LOW)
    c = turned(c, (k0 + word(4) * WEYL[0]) & LOW, (k1 + word(4) * WEYL[1]) & LOW)
    c = turned(c, (k0 + word(5) * WEYL[0]) & LOW, (k1 + word(5) * WEYL[1]) & LOW)
    c = turned(c, (k0 + word(6) * WEYL[0]) & LOW, (k1 + word(6) * WEYL[1]) & LOW)
    c = turned(c, (k0 + word(7) * WEYL[0]) & LOW, (k1 + word(7) * WEYL[1]) & LOW)
    c = turned(c, (k0 + word(8) * WEYL[0]) & LOW, (k1 + word(8) * WEYL[1]) & LOW)
    return turned(c, (k0 + word(9) * WEYL[0]) & LOW, (k1 + word(9) * WEYL[1]) & LOW)


@inside
def turned(c: Any, k0: Any, k1: Any) -> Any:
    """A round of Philox: the halves of two products, crossed, with the other half of the counter and the key."""
    a, b = FACTORS[0] * c[0], FACTORS[1] * c[2]
    return (b >> HALF) ^ c[1] ^ k0, b & LOW, (a >> HALF) ^ c[3] ^ k1, a & LOW


@inside
def radius(bits: Any) -> Any:
    """sqrt(-2 log u) with u in (0, 1] of 32 bits: u is m 2^e with m from 1 / sqrt 2 to sqrt 2, and f is m - 1."""
    u = real(np.uint32(bits)) * real(2.0**-32) + real(2.0**-33)
    pattern = real(u).view(whole)
    e = whole(pattern - ROOT_HALF) >> MANTISSA
    f = whole(pattern - whole(e << MANTISSA)).view(real) - ONE
    p = (((((L6 * f + L5) * f + L4) * f + L3) * f + L2) * f + L1) * f + L0
    log = f + f * f * (f * p - real(0.5)) + real(e) * LOG_2
    return np.sqrt(max(TWO_LOGS * log, real(0)))


@inside
def direction(bits: Any) -> Any:
    """A point of the circle: 30 of 32 bits say where on a quarter of it, and the first two which quarter."""
    bits = whole(np.uint32(bits))
    t = real(whole(bits << whole(2)) >> whole(2)) * real(2.0**-30)
    q = t * t
    c = ((C3 * q + C2) * q + C1) * q + C0
    s = (((S3 * q + S2) * q + S1) * q + S0) * t
    x = whole(real(c - s).view(whole) ^ whole(bits & SIGN)).view(real)
    y = whole(real(c + s).view(whole) ^ whole(whole(bits << whole(1)) & SIGN)).view(real)
    return x, y
