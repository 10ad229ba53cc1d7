import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numba.core.caching
import numpy as np
import pytest

from glassworks.core.machine import jit
from glassworks.core.machine.jit import callback, compiled
from glassworks.core.progress import showing

CALLER = (
    "from glassworks.core.machine.jit import compiled\nfrom room.helper import half\n\n@compiled\ndef quarter(x):\n"
)
CALLER += "    return half(half(x))\n"
HELPER = "from glassworks.core.machine.jit import compiled\n\n@compiled\ndef half(x):\n    return x / {}\n"


def refused(*args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def plus_one(x: int) -> int:
    return x + 1


def first_plus_one(numbers: Any) -> None:
    numbers[0] += 1


def test_without_a_folder_for_the_cache_it_is_compiled_all_the_same(monkeypatch) -> None:
    assert compiled(plus_one)(1) == 2
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    assert compiled(plus_one)(2) == 3


@pytest.mark.parametrize("how", [compiled, callback])
def test_that_something_is_compiled_is_told_once_and_not_where_it_is_kept(
    how: Callable[..., Any], tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    said = []
    for _ in range(2):  # compiled; from the cache, as in another process
        jit.tell_of_compiling.cache_clear()
        with showing(True):
            for _ in range(2):
                code = how(first_plus_one)
                code(np.zeros(1, np.int64)) if how is compiled else None
        said.append(capsys.readouterr().err)
    assert said == ["compiling loops for this machine: some seconds, and only the first time\n", ""]


@pytest.mark.parametrize("kind", ["*.nbi", "*.nbc"])
def test_a_damaged_cache_is_made_anew(kind: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    hits = []
    for number in range(3):
        code = compiled(plus_one)
        assert code(number) == number + 1
        hits.append(sum(code.stats.cache_hits.values()))
        if number == 0:
            for file in tmp_path.rglob(kind):
                file.write_bytes(b"")
    assert hits == [0, 0, 1]


def test_where_there_is_no_room_for_the_cache_it_is_done_without(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    code = compiled(plus_one)
    monkeypatch.setattr(code._cache._cache_file, "_save_data", refused)
    assert code(1) == 2


def test_machine_code_follows_the_functions_that_it_calls(tmp_path: Path) -> None:
    """Each process has its own imports, and the machine code of the one before it."""
    room = tmp_path / "room"
    room.mkdir()
    (room / "__init__.py").touch()
    (room / "caller.py").write_text(CALLER)
    results = []
    for number in (2.0, 2.0, 20.0):
        (room / "helper.py").write_text(HELPER.format(number))
        if number == 2.0:
            os.utime(room / "helper.py", (1, 1))
        code = "from room.caller import quarter; print(quarter(8.0), sum(quarter.stats.cache_hits.values()))"
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        )
        results.append(done.stdout.split())
    assert results == [["2.0", "0"], ["2.0", "1"], ["0.02", "0"]]


def test_machine_code_follows_the_functions_that_all_folders_call(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(jit, "HERE", tmp_path)
    before = compiled(plus_one)._cache._cache_file._source_stamp
    (tmp_path / "team.py").write_text("changed")
    assert compiled(plus_one)._cache._cache_file._source_stamp != before


def test_the_room_of_a_file_is_the_folder_in_its_package(tmp_path: Path) -> None:
    inner = tmp_path / "package" / "room" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent, inner.parent.parent):
        (folder / "__init__.py").touch()
    assert jit.room_of(inner / "file.py") == inner.parent == jit.room_of(inner.parent / "file.py")
    assert jit.room_of(inner.parent.parent / "file.py") == inner.parent.parent
    assert jit.room_of(tmp_path / "file.py") == tmp_path
    before = jit.stamp(inner.parent)
    (inner / "file.py").write_text("changed")
    assert jit.stamp(inner.parent) != before


def test_loops_run_as_python_where_numba_is_told_not_to_compile() -> None:
    code = "from glassworks.core.machine.jit import compiled; print(compiled(lambda x: x + 1)(1))"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "2\n", done.stderr
