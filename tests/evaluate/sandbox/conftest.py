"""Sandboxes behind all walls, and behind some alone, so that each wall is tried by itself."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from glassworks.evaluate.sandbox.layers import LAYERS
from glassworks.evaluate.sandbox.sandbox import Sandbox

WALLS = {
    "all walls": tuple(LAYERS),
    "without namespaces": ("process", "limits", "landlock", "seccomp"),
    "namespaces alone": ("process", "limits", "namespaces"),
}


def behind(layers: tuple[str, ...]) -> Iterator[Sandbox]:
    """A sandbox of one server, of which nothing is left over; skipped where the machine lacks a layer."""
    with Sandbox(workers=1, lowest=0, layers=layers) as sandbox:
        lacking = [name for name in layers if name not in sandbox.layers]
        if lacking:
            pytest.skip(f"this machine's sandbox lacks {', '.join(lacking)}: {sandbox}")
        peers = [sandbox.peers.get()]
        sandbox.peers.put(peers[0])
        yield sandbox
    assert not Path(peers[0].folder).exists()
    gone(peers[0].process.pid)


def gone(group: int) -> None:
    """Waits until a server's whole session has ended."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError(f"session {group} is left over")


@pytest.fixture(scope="module", params=list(WALLS))
def walled(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    yield from behind(WALLS[request.param])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """What holds here, whatever that is."""
    with Sandbox(workers=1, lowest=0) as found:
        yield found
