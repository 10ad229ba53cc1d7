"""Files that are whole or absent, with the permissions that any other file of the user's has."""

import errno
import fcntl
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from glassworks.core import files
from glassworks.core.files import (
    atomic_file,
    atomic_folder,
    is_locked,
    locked,
    read_json,
    refuse_unwritable,
    write_json,
)


@pytest.mark.parametrize(
    ("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)]
)
def test_all_files_have_the_permissions_that_the_umask_leaves(
    tmp_path: Path, mask: int, file: int, folder: int
) -> None:
    """Safetensors' library makes its files for the owner alone."""
    old = os.umask(mask)
    try:
        with atomic_folder(tmp_path / "made") as made:
            (made / "inner").mkdir()
            save_file({"x": np.zeros(2)}, made / "inner" / "weights.safetensors")
            (made / "text").write_text("", encoding="utf-8")
        with atomic_file(tmp_path / "one.safetensors") as one:
            save_file({"x": np.zeros(2)}, one)
    finally:
        os.umask(old)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name: path.stat().st_mode & 0o777 for path in files} == {
        "weights.safetensors": file,
        "text": file,
        "one.safetensors": file,
    }
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("made", "made/inner")] == [folder, folder]


def full() -> OSError:
    """What the system says where a disk is full: no name."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_of_a_full_disk_the_file_is_named_that_was_to_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as of_file, atomic_file(tmp_path / "a.txt"):
        raise full()
    with pytest.raises(OSError, match="No space") as of_folder, atomic_folder(tmp_path / "b"):
        raise full()
    with (
        pytest.raises(OSError, match="No space") as inside,
        atomic_folder(tmp_path / "b") as temporary,
        atomic_file(temporary / "c" / "d.txt"),
    ):
        raise full()
    named = [error.value.filename for error in (of_file, of_folder, inside)]
    assert named == [str(tmp_path / name) for name in ("a.txt", "b", "b/c/d.txt")]
    with pytest.raises(OSError, match="not there") as another, atomic_folder(tmp_path / "b"):
        raise FileNotFoundError(errno.ENOENT, "not there", "elsewhere.txt")
    assert another.value.filename == "elsewhere.txt"
    assert not list(tmp_path.iterdir())


def test_who_looks_at_a_lock_takes_it_from_nobody(tmp_path: Path) -> None:
    path = tmp_path / "runs" / ".lock"
    assert not is_locked(path)
    assert not path.exists()
    with locked(path, wait=False) as had, locked(path, wait=False) as had_twice:
        assert (had, had_twice) == (True, False)
        assert is_locked(path)
        assert is_locked(path)
    assert not is_locked(path)
    with path.open("rb") as looking:  # as long as it takes to look
        fcntl.flock(looking, fcntl.LOCK_SH)
        gone = threading.Timer(0.01, lambda: fcntl.flock(looking, fcntl.LOCK_UN))
        gone.start()
        with locked(path, wait=False) as had:
            assert had
        gone.join()


def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, error in (
        ("", IsADirectoryError),
        ("file/page.html", NotADirectoryError),
        ("x" * 300, OSError),
        ("pipe", ValueError),
    ):
        with pytest.raises(error):
            refuse_unwritable(tmp_path / name)
    refuse_unwritable(tmp_path / "new" / "folder" / "page.html")
    refuse_unwritable(tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pipe"]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_of_a_folder_that_takes_no_files_it_is_said() -> None:
    with pytest.raises(PermissionError, match="no file can be made in /proc"):
        refuse_unwritable(Path("/proc/run/report.html"))


def test_a_device_is_never_replaced() -> None:
    """Root may rename a file over /dev/null, and then nothing on the machine works."""
    with pytest.raises(ValueError, match="/dev/null is not a file"):
        refuse_unwritable(Path("/dev/null"))


def test_threads_that_write_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.json", [list(range(500)), list(range(500, 1000))]

    def write(value: list[int]) -> None:
        for _ in range(40):
            write_json(path, value)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, 2 * whole))
    assert read_json(path) in whole
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_folder_takes_anothers_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    if not at_once:
        monkeypatch.setattr(files, "exchanged", lambda a, b: False)
    for content in "ab":
        with atomic_folder(tmp_path / "x") as made:
            (made / content).touch()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "old").touch()
    (tmp_path / "link").symlink_to("real")
    with atomic_folder(tmp_path / "link") as made:
        (made / "new").touch()
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]
    assert (tmp_path / "link").is_symlink()


def test_two_that_make_one_new_folder_both_do(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "x") as late:
        (late / "late").touch()
        with atomic_folder(tmp_path / "x") as early:
            (early / "early").touch()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["late"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_folder_that_cannot_get_its_name_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def replace(self: Path, target: Path) -> None:
        if target == path and self.suffix == ".tmp":
            raise OSError(errno.EIO, "gone")
        self.rename(target)

    path = tmp_path / "x"
    (path / "old").mkdir(parents=True)
    monkeypatch.setattr(files, "exchanged", lambda a, b: False)
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OSError, match="gone"), atomic_folder(path):
        pass
    assert [inside.name for inside in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]
