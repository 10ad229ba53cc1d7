"""Loops compiled by numba on their first call, for the few places where NumPy and torch are too slow.

numba takes a while to load, so the modules that stand on this one are imported where they are first used.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from numba import njit, types
from numba.core import event
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

from glassworks.core.progress import tell

HERE = Path(__file__).parent
"""Where the functions are that loops of all folders call."""


def compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a function, releasing the GIL while it runs; the machine code is kept for later processes.

    It is kept beside the source or in the user's cache folder; where neither can be written, every process compiles
    anew. It is compiled anew after any file of the source's room, or of this folder, has changed, since a function has
    those that it calls in it. Types are numba's to check, so the checks that tests wrap around it are taken off.
    """
    plain = inspect.unwrap(function)
    code = njit(nogil=True, error_model="numpy", **options)(plain)
    if code is not plain:  # as it is with NUMBA_DISABLE_JIT
        keep(code, plain)
    return code


def callback(function: Callable[..., None], **options: Any) -> Any:
    """Compile a function of a pointer to integers at once, for callers that know C: it has an `address`."""
    plain = inspect.unwrap(function)
    signature = normalize_signature(types.void(types.CPointer(types.int64)))  # type: ignore[no-untyped-call]
    code: Any = CFunc(plain, signature, {}, {"nopython": True, "error_model": "numpy", **options})
    keep(code, plain)
    code._compile_uncached = announced(code._compile_uncached)  # of which numba tells nobody
    code.compile()
    return code


@cache
def tell_of_compiling() -> None:
    """One line, the first time that something is compiled: it takes seconds in which nothing else happens."""
    tell("compiling loops for this machine: some seconds, and only the first time")


def announced(compiles: Callable[[], Any]) -> Callable[[], Any]:
    """The same, and one line before."""

    def announcing() -> Any:
        tell_of_compiling()
        return compiles()

    return announcing


class Compiling(event.Listener):
    """Hears of what `compiled` made, where it is not in its cache."""

    def on_start(self, event: Any) -> None:
        """It is about to be compiled."""
        tell_of_compiling()

    def on_end(self, event: Any) -> None:
        """It is compiled."""


event.register("numba:compile", Compiling())  # type: ignore[no-untyped-call]


def keep(code: Any, function: Callable[..., Any]) -> None:
    """Have machine code kept, if there is a folder for it, and hold while `HERE` and the function's room are as now."""
    try:
        code.enable_caching()
    except RuntimeError:
        return
    cache = code._cache
    cache._cache_file._source_stamp = stamp(HERE, room_of(Path(inspect.getfile(function))))
    cache._guard_against_spurious_io_errors = partial(doing_without, cache)


@contextmanager
def doing_without(cache: Any) -> Iterator[None]:
    """Go on without what a cache cannot take, or has lost: after a crash its files may be empty. It is then emptied."""
    with suppress(OSError):
        try:
            yield
        except EOFError:
            cache.flush()


def room_of(file: Path) -> Path:
    """The folder of a file that lies directly in its package, or the file's own if that is the package."""
    packages = [folder for folder in file.parents if (folder / "__init__.py").exists()]
    return packages[max(0, len(packages) - 2)] if packages else file.parent


def stamp(*folders: Path) -> tuple[float, int]:
    """When the newest source of some folders was changed, and the size of all."""
    files = [file.stat() for folder in folders for file in folder.rglob("*.py")]
    return max((file.st_mtime for file in files), default=0.0), sum(file.st_size for file in files)
