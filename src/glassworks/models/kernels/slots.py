"""Where a pass stands in a cache: apart from the loops, since those load numba."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Slots(NamedTuple):
    """The places of a cache that some rows of new tokens take in.

    Row b of them is the cache's row `first` + b and sees nothing of its first `padding[b]` places.
    """

    kv: NDArray[np.float32]  # (L, 2, rows, K, S, D): the keys and values of all tokens so far
    first: int
    start: int  # the place of the first new token
    padding: NDArray[np.int64]  # (B,)
