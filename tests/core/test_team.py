import os
import signal
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from glassworks.core import team
from glassworks.core.team import OWN, SHARES, Loop, add_one, bounds, int64s, next_share, task_of, wait

ROUNDS = 200


@Loop
def mark(task: Any) -> None:
    """Write a share's number to its part of `size` numbers at an address."""
    share = next_share(task)
    low, high = bounds(task[OWN], share, task[SHARES])
    out = int64s(task[OWN + 1], (task[OWN],))
    for i in range(low, high):
        out[i] = share


@Loop
def in_step(task: Any) -> None:
    """Count rounds that every share begins only after all others have done the one before; the first that did not."""
    next_share(task)
    for turn in range(ROUNDS):
        done = add_one(task, OWN)
        if done // task[SHARES] != turn:
            task[OWN + 1] = turn
        wait(task, task[SHARES], turn + 1)


@pytest.fixture(params=["torch's threads", "Python's threads"], autouse=True)
def whose(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "Python's threads":
        monkeypatch.setattr(team, "torch_threads", lambda: None)
    elif team.torch_threads() is None:
        pytest.skip("this torch has no threads of GNU's OpenMP")


@pytest.mark.parametrize(("size", "shares"), [(0, 1), (1, 1), (1, 3), (10, 3), (1000, 2)])
def test_each_share_is_done_once(size: int, shares: int) -> None:
    out = np.full(size, -1)
    mark(task_of(size, out.ctypes.data), shares)
    wanted = [i for i in range(shares) for _ in range(size * i // shares, size * (i + 1) // shares)]
    assert out.tolist() == wanted


@pytest.mark.parametrize("shares", [1, 2, 5])
def test_shares_wait_for_one_another(shares: int) -> None:
    task = task_of(0, -1)
    in_step(task, shares)
    assert task[OWN:].tolist() == [ROUNDS * shares, -1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    in_step(task_of(0, -1), 2)  # the parent's are running
    if (child := os.fork()) == 0:
        task = task_of(0, -1)
        in_step(task, 2)
        os._exit(0 if task[OWN:].tolist() == [2 * ROUNDS, -1] else 1)
    for _ in range(1000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert (done, status) == (child, 0)


def test_bounds_fall_on_whole_steps_and_cover_everything() -> None:
    for size in (0, 1, 15, 16, 17, 100):
        parts = [bounds(size, share, 3, 16) for share in range(3)]
        assert parts[0][0] == 0
        assert parts[-1][1] == size
        assert all(left[1] == right[0] and left[1] % 16 in (0, size % 16) for left, right in pairwise(parts))
