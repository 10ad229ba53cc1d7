"""Files that are either whole or absent: written under a temporary name, then renamed."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glassworks.core.errors import FileDamaged
from glassworks.core.text import check_text


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` if the block succeeds, remove it if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        mode = usual_mode(temporary)
        yield temporary
        sync(temporary)
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new temporary folder; rename it to `path` (replacing an older one) if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        mode = usual_mode(temporary / "mode")
        (temporary / "mode").unlink()
        yield temporary
        for inside in (temporary, *temporary.rglob("*")):
            if inside.is_file():
                sync(inside)
            inside.chmod(mode | (mode & 0o444) >> 2 if inside.is_dir() else mode)  # who may read may look inside
        if path.exists():
            path.replace(temporary / "replaced")
        temporary.replace(path)
        shutil.rmtree(path / "replaced", ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder: Path, name: str = "*") -> None:
    """Remove what killed processes left in `folder` of writing `name`; call it where nobody else writes that."""
    for left in folder.glob(f".{name}.*tmp"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def refuse_unwritable(path: Path) -> None:
    """The error that writing this file would end in, before the work that it is for: by writing one beside it.

    A folder that is not there yet is not made; the nearest one that is must take files.

    Raises: OSError, with the path, as the system says it; ValueError if there is something that is no file.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a file: choose another name")
    folder = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    trial = temporary_name(folder / path.name)
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None


def temporary_name(path: Path) -> Path:
    """Where a file is written before it has its name."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def usual_mode(path: Path) -> int:
    """The permissions that a new file has here, by making this one: some libraries make theirs for the owner alone."""
    path.touch()
    return stat.S_IMODE(path.stat().st_mode)


def sync(path: Path) -> None:
    """Make sure the bytes are on the disk, so that a rename never gets ahead of them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically; `ValueError` names the file if UTF-8 cannot write the text."""
    check_text(text, f"{path}: text")
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_text(path: Path) -> str:
    """Read a text file, with a byte-order mark or without; `FileDamaged` says which file is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileDamaged(f"{path} is not a text in UTF-8 ({error}): restore or delete it") from error


def read_json(path: Path) -> Any:
    """Read a JSON file, with a byte-order mark or without; `FileDamaged` says which file is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FileDamaged(f"{path} is not valid JSON ({error}): restore or delete it") from error


def write_sealed_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object with the SHA-256 of itself inside, so that any change to it is seen."""
    write_json(path, value | {"sha256": seal(value)})


def read_sealed_json(path: Path, remedy: str) -> dict[str, Any]:
    """The reverse; `FileDamaged`, with the remedy, if it is not as it was written."""
    value = read_json(path)
    if not isinstance(value, dict) or value.pop("sha256", None) != seal(value):
        raise FileDamaged(f"{path} is damaged: {remedy}")
    return value


def seal(value: dict[str, Any]) -> str:
    """SHA-256 of a JSON object's content."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a file of this name for the block; yield whether it was had. It ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
