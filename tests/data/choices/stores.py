"""Stores of the tests: a file of their own, or a database of its own on a server that the tests start on loopback."""

import os
import pwd
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from glassworks.data.choices.comparison import Choice, Comparison, Option

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")


def tool(name: str) -> str | None:
    """Where a program of PostgreSQL is; Debian keeps the server's own off the path."""
    found = shutil.which(name)
    own = [path for pattern in PLACES for path in Path("/").glob(f"{pattern[1:]}/{name}")]
    return found or (str(own[-1]) if own else None)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of its own in a folder: the URL of its database. Skips where there is none to start."""
    pytest.importorskip("sqlalchemy", reason="a store by its URL needs SQLAlchemy: pip install 'glassworks[postgres]'")
    pytest.importorskip("pg8000", reason="a store by its URL needs pg8000: pip install 'glassworks[postgres]'")
    if tool("initdb") is None or tool("postgres") is None:
        pytest.skip("there is no PostgreSQL on this machine: `apt-get install postgresql` brings one")
    as_whom = owner(folder)
    data = folder / "data"
    begin = [tool("initdb"), "-D", str(data), "-U", "glassworks", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(begin, check=True, capture_output=True, **as_whom)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    child = subprocess.Popen(
        [tool("postgres"), "-D", str(data), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_whom
    )
    try:
        ready = ["pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run([tool(ready[0]), *ready[1:]], check=False).returncode:
            assert child.poll() is None
        yield f"postgresql://glassworks@127.0.0.1:{port}/postgres"
    finally:
        child.terminate()
        child.wait(30)


def owner(folder: Path) -> dict[str, object]:
    """As whom the server runs: it refuses to run as root, who lends it the folder."""
    if os.geteuid() != 0:
        return {}
    try:
        who = pwd.getpwnam("postgres")
    except KeyError:
        who = pwd.getpwnam("nobody")
    os.chown(folder, who.pw_uid, who.pw_gid)
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == 0 and parent.stat().st_mode & 0o011 != 0o011 and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": [], "cwd": folder}


def pair(i: int = 0, prompt: str | None = None) -> Comparison:
    """A comparison of two texts."""
    return Comparison.of(prompt or f"prompt {i}", [Option({"text": f"a{i}"}, "x"), Option({"text": f"b{i}"}, "y")])[0]


def said(comparison: int, best: int | None = 0, annotator: str = "ada", **more: object) -> Choice:
    """A choice among two; `best` None is a tie."""
    how = {"verdict": "tie"} if best is None else {"verdict": "ranked", "ranking": ((best,),)}
    return Choice(uuid.uuid4().hex, comparison, annotator, **{"shown": (0, 1), "seconds": 2.0} | how | more)
