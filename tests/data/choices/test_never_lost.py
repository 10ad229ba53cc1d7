"""What was acknowledged is in the file, whatever ends the process that wrote it; and the file is whole."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.data.choices.stores import pair, said

from glassworks.data.choices.comparison import Choice
from glassworks.data.choices.store import Store

WRITER = """
import sys
from tests.data.choices.stores import pair, said
from glassworks.data.choices.store import Store
store = Store(sys.argv[1])
print("ready", flush=True)
while True:
    choice = said(1, annotator=sys.argv[2])
    store.append([choice])
    print(choice.id, flush=True)
"""


def writers(path: Path, names: str, tests: Path) -> list[subprocess.Popen[str]]:
    """Processes that choose without end, and print each id once it is stored."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")])}
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name], stdout=subprocess.PIPE, text=True, env=environment
        )
        for name in names
    ]


def test_two_processes_that_are_killed_at_any_moment_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "choices.sqlite", list[str]()
    Store(path).add([pair()])
    chance = random.Random(0)
    for _ in range(2):
        children = writers(path, "ab", Path(__file__).parents[3])
        for child in children:
            assert child.stdout.readline() == "ready\n"
        for child in children:
            acknowledged += [child.stdout.readline().strip() for _ in range(chance.randint(1, 12))]
            os.kill(child.pid, signal.SIGKILL)
        for child in children:
            acknowledged += [line.strip() for line in child.communicate()[0].splitlines(True) if line.endswith("\n")]
    store = Store(path, create=False)
    there = [choice.id for choice in store.choices()]
    assert set(acknowledged) <= set(there)
    assert len(there) <= len(acknowledged) + 4  # of each killed process at most the one that was under way
    assert [event.number for event in store.events()] == list(range(1, len(there) + 1))
    with sqlite3.connect(path) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    file.close()
    store.append([said(1)])


def test_what_a_killed_process_was_writing_is_taken_back_by_the_next(tmp_path: Path) -> None:
    """It dies within its transaction, with half of it in the file: the journal beside it brings the file back."""
    path = tmp_path / "choices.sqlite"
    store = Store(path)
    (number,) = store.add([pair()])
    store.append([said(number)])
    dies = (
        "import os, sys; from glassworks.data.choices.store import Store; store = Store(sys.argv[1])\n"
        "with store.database.write() as execute:\n"
        "    execute('PRAGMA cache_size = 1')\n"
        "    for i in range(2000):\n"
        "        execute('INSERT INTO settings (name, value) VALUES (:n, :v)', {'n': str(i), 'v': 'x' * 500})\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", dies, str(path)], check=False).returncode == -signal.SIGKILL
    assert path.with_name("choices.sqlite-journal").exists()
    assert len(store.choices()) == 1
    assert list(store.settings) == ["id"]
    assert [one.name for one in tmp_path.iterdir()] == ["choices.sqlite"]


def test_a_full_disk_is_said_keeps_what_was_there_and_takes_the_same_choice_later(tmp_path: Path) -> None:
    path = tmp_path / "choices.sqlite"
    store = Store(path)
    (number,) = store.add([pair()])
    store.append([said(number)])
    late = said(number, rewrite="long " * 20_000)
    full = (
        "import resource, sys; from tests.data.choices.test_never_lost import sent\n"
        "size = __import__('os').path.getsize(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))\n"
        "sent(sys.argv[1], sys.argv[2])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])}
    command = [sys.executable, "-c", full, str(path), late.id]
    said_of_it = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert said_of_it.returncode == 1
    assert "OSError: [Errno" in said_of_it.stderr
    assert str(path) in said_of_it.stderr.splitlines()[-1]
    assert len(store.choices()) == 1
    store.append([late])
    assert [len(one.rewrite) for one in store.choices()] == [0, 100_000]


def sent(path: str, id: str) -> None:
    """Store a long choice."""
    Store(path).append([Choice(id, 1, "ada", "tie", rewrite="long " * 20_000)])


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/proc/mounts").exists(), reason="only root can mount a small disk")
def test_on_a_disk_that_is_really_full_it_is_the_same(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        store = Store(small / "choices.sqlite")
        (number,) = store.add([pair()])
        store.append([said(number)])
        (small / "other").write_bytes(b"x" * 150_000)
        with pytest.raises(OSError, match="No space left on device"):
            store.append([said(number, rewrite="long " * 20_000)])
        assert len(store.choices()) == 1
        (small / "other").unlink()
        store.append([said(number, rewrite="long " * 10_000)])
        assert len(store.choices()) == 2
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
