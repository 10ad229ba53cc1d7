"""Loops compiled by numba on their first call, for the few places where NumPy and torch are too slow.

numba takes a while to load, so the modules that stand on this one are imported where they are first used.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a function, releasing the GIL while it runs; the machine code is kept for later processes.

    It is kept beside the source or in the user's cache folder; where neither can be written, every process compiles
    anew. It is compiled anew after any file of the source's folder has changed, since a function has those that it
    calls in it. Types are numba's to check, so the checks that tests wrap around a function are taken off.
    """
    plain = inspect.unwrap(function)
    try:
        kept = njit(cache=True, nogil=True, error_model="numpy", **options)(plain)
    except RuntimeError:  # no folder for the cache
        return njit(nogil=True, error_model="numpy", **options)(plain)
    if hasattr(kept, "_cache"):  # not with NUMBA_DISABLE_JIT
        kept._cache._cache_file._source_stamp = stamp(Path(inspect.getfile(plain)).parent)  # numba: of one file only
    return kept


def stamp(folder: Path) -> tuple[float, int]:
    """When the newest source of a folder was changed, and the size of all."""
    files = [file.stat() for file in folder.glob("*.py")]
    return max((file.st_mtime for file in files), default=0.0), sum(file.st_size for file in files)
