"""Loops compiled by numba on their first call, for the few places where NumPy and torch are too slow.

numba takes a while to load, so the modules that stand on this one are imported where they are first used.
"""

import inspect
from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a function, releasing the GIL while it runs; the machine code is kept for later processes.

    It is kept beside the source or in the user's cache folder; where neither can be written, every process compiles
    anew. Types are numba's to check, so the checks that tests wrap around a function are taken off.
    """
    plain = inspect.unwrap(function)
    try:
        return njit(cache=True, nogil=True, error_model="numpy", **options)(plain)
    except RuntimeError:  # no folder for the cache
        return njit(nogil=True, error_model="numpy", **options)(plain)
