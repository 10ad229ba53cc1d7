"""Random numbers without a generator: each depends on a seed and on what it is for, and on nothing else."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassworks.core.machine.jit import compiled

WORD = np.uint64


@compiled
def begin(
    state: NDArray[Any], which: NDArray[Any], episodes: NDArray[Any], seed: int, low: NDArray[Any], high: NDArray[Any]
) -> None:
    """Draw the beginnings of some environments' next episodes, uniformly between two ends."""
    for i in range(len(which)):
        if which[i]:
            episodes[i] += 1
            for k in range(len(low)):
                share = uniform(WORD(seed), WORD(i), WORD(episodes[i]), WORD(k))
                state[k, i] = low[k] + share * (high[k] - low[k])


@compiled
def uniform(seed: Any, a: Any, b: Any, c: Any) -> float:
    """A number in [0, 1) that depends on four others and on nothing else."""
    bits = mixed(seed + WORD(0x9E3779B97F4A7C15))
    for part in (a, b, c):
        bits = mixed(bits ^ (part + WORD(0x9E3779B97F4A7C15)))
    return float(bits >> WORD(11)) * 2.0**-53


@compiled
def mixed(bits: Any) -> Any:
    """64 bits, each of which depends on all (splitmix64; Steele, Lea & Flood 2014)."""
    bits = (bits ^ (bits >> WORD(30))) * WORD(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> WORD(27))) * WORD(0x94D049BB133111EB)
    return bits ^ (bits >> WORD(31))
