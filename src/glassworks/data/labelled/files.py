"""What readers of files share: which files they are, so that a change is seen, and how many examples a block holds."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from glassworks.core.text import RENAME, check_text

BLOCK = 256
"""Examples of a block, at most."""
BLOCK_BYTES = 1 << 25
"""Of a block's inputs, unless one alone is larger: memory stays flat, whatever the size of an image."""


def fingerprint(files: Iterable[Path], *settings: object) -> str:
    """Changes when a file does, by its path, size or time of change, or one of the settings."""
    digest = hashlib.sha256(repr(settings).encode())
    for path in files:
        status = path.stat()
        digest.update(f"\n{path.absolute()} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()


def block_size(bytes_each: int) -> int:
    """How many examples of so many bytes a block holds."""
    return max(1, min(BLOCK, BLOCK_BYTES // max(1, bytes_each)))


def checked_name(path: Path | str, what: str = "path") -> str:
    """A file's name for messages and for what is kept, which UTF-8 can write."""
    name = os.fspath(path)
    check_text(name, what, RENAME)
    return name


def inside(path: Path, folder: Path, where: str) -> Path:
    """`path` within `folder`, which it must not leave, links and .. followed: data sets come from strangers.

    Raises: ValueError, which begins with `where`.
    """
    real = Path(os.path.realpath(folder / path))
    if not real.is_relative_to(os.path.realpath(folder)):
        raise ValueError(f"{where} leaves the folder {folder} (to {real}): copy the file into it")
    return folder / path
