"""Files that are either whole or absent: written under a temporary name, then renamed."""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from glassworks.core.errors import FileDamaged
from glassworks.core.text import check_text


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` if the block succeeds, remove it if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        with named(path, temporary):
            mode = usual_mode(temporary)
            yield temporary
            sync(temporary)
            temporary.chmod(mode)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new temporary folder; rename it to `path` (replacing an older one) if the block succeeds.

    Raises: NotADirectoryError for a file of that name, which stays; ValueError for no name.
    """
    if not path.name:
        raise ValueError(f"folder (={str(path)!r}) must have a name: give one")
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    path = path.resolve() if path.is_symlink() else path  # what a link leads to is replaced, and not the link
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        with named(path, temporary):
            mode = usual_mode(temporary / "mode")
            (temporary / "mode").unlink()
            yield temporary
            for inside in (temporary, *temporary.rglob("*")):
                if inside.is_file():
                    sync(inside)
                inside.chmod(mode | (mode & 0o444) >> 2 if inside.is_dir() else mode)  # who may read may look inside
            put(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put(new: Path, path: Path) -> None:
    """Give a folder the name of another, which has the new one's afterwards; at once, where the system can do that.

    Elsewhere a kill at the wrong moment leaves both, under names that begin with a dot.
    """
    try:
        new.replace(path)  # over nothing, or an empty folder
    except OSError:
        if not path.is_dir():
            raise
    else:
        return
    if not exchanged(new, path):
        old = temporary_name(path).with_suffix(".old")  # which `sweep` leaves alone
        path.replace(old)
        try:
            new.replace(path)
        except BaseException:
            old.replace(path)
            raise
        old.replace(new)


def exchanged(a: Path, b: Path) -> bool:
    """Whether the system let two names change places, as Linux does on most of its file systems."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    return rename is not None and rename(here, os.fsencode(a), here, os.fsencode(b), exchange) == 0


@contextmanager
def named(path: Path, written: Path | None = None) -> Iterator[None]:
    """Let an error of the system in the block name the file that is to be `path`, wherever it is `written` first.

    Of a full disk the system says no name at all.
    """
    try:
        yield
    except OSError as error:
        at = written or path
        where = Path(error.filename) if isinstance(error.filename, str | os.PathLike) else at
        if error.errno is not None and where.is_relative_to(at):
            error.filename = str(path / where.relative_to(at))
        raise


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
    except FileNotFoundError:  # the folder is there, and takes no files: /proc
        raise PermissionError(errno.EPERM, f"no file can be made in {folder}", str(path)) from None
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None


def at_home(name: str | os.PathLike[str]) -> Path:
    """A path with the home folder for its ~; as it is where there is no such user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def temporary_name(path: Path) -> Path:
    """Where a file is written before it has its name: nobody else writes there, on this machine or another."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


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
    except (ValueError, RecursionError) as error:
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


def end_line(table: BinaryIO) -> None:
    """Let what is appended to a table begin a line: a last row cut off by a kill or a full disk is taken away."""
    size = table.seek(0, os.SEEK_END)
    if size == 0 or (table.seek(size - 1), table.read(1))[1] == b"\n":
        return
    table.seek(0)
    content = table.read()
    torn = content[content.rfind(b"\n") + 1 :]
    try:
        json.loads(torn)
        table.write(b"\n")  # nothing but the line's end is missing
    except ValueError:
        table.truncate(size - len(torn))


def last_line(path: Path) -> bytes:
    """The last line that has its end, of which only the file's end is read; empty where there is none."""
    with path.open("rb") as file:
        size, read = file.seek(0, os.SEEK_END), 2**16
        while True:
            start = file.seek(max(0, size - read))
            lines = file.read(size - start).split(b"\n")[1 if start else 0 : -1]  # whole ones
            if lines or start == 0:
                return lines[-1] if lines else b""
            read *= 4


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a file of this name for the block; yield whether it was had. It ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as lock:
        if wait:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield wait or take(lock)


def take(file: IO[bytes]) -> bool:
    """Take the lock of an open file if nobody holds it; whether it was had."""
    for pause in (0, 0.05):  # who only looks (`is_locked`) is gone by the second time
        time.sleep(pause)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return True
    return False


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a file of this name."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # nobody has made it yet, or it is not for us to know
        return False
    return False


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
