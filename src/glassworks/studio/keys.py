"""The browsers that a studio has let in, remembered over its starts: tabs go on after it was killed or ended.

    <runs>/.studio/<port>.json    SHA-256 of each browser's key, readable by the user of the runs alone

The token that a start prints is its own, and worth nothing at the next one. Whoever comes with it is given a key, as a
cookie that ends with the browser; the next start over the same runs, at the same port, knows it again. Who may write a
file as the user could as well train and read as the user, and a file of anybody else is not believed.
"""

import hashlib
import json
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

FOLDER = ".studio"
MOST = 32
"""Keys that are remembered, the last ones given."""


class Keys:
    """Who has been let in."""

    def __init__(self, path: Path | None = None) -> None:
        """`path` is where they are remembered; None = nowhere."""
        self.path = path
        self.known = [] if path is None else remembered(path)

    def new(self) -> str:
        """The key of a browser that is let in."""
        key = secrets.token_urlsafe(24)
        self.add(key)
        return key

    def add(self, key: str) -> None:
        """Know it from now on; where nothing can be written, until the studio ends."""
        self.known = [*self.known, hashed(key)][-MOST:]
        if self.path is not None:
            with suppress(OSError):
                remember(self.path, self.known)

    def know(self, key: str) -> bool:
        """Whether somebody was given that key. What is compared are hashes, whose parts tell nothing of it."""
        return hashed(key) in self.known


def keys_of(root: Path, port: int) -> Keys:
    """Those of the studio over a folder of runs, at a port."""
    return Keys(root / FOLDER / f"{port}.json")


def hashed(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def remembered(path: Path) -> list[str]:
    """The hashes in a file of our own; none of one that others could have written, or that is a link or damaged."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.getuid() or status.st_mode & 0o077 or not stat.S_ISREG(status.st_mode):
                return []
            found = json.loads(file.read(2**16))
    except (OSError, ValueError, RecursionError):
        return []
    return [one for one in found if isinstance(one, str)][-MOST:] if isinstance(found, list) else []


def remember(path: Path, known: list[str]) -> None:
    """Write the hashes so that nobody else can read them, in a folder of runs that is there."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_suffix(f".{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            json.dump(known, file)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
