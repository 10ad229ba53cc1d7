import ctypes
import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numba import types

from glassworks.core.machine import openmp, team
from glassworks.core.machine.team import OWN, SHARES, Loop, add_one, bounds, int64s, next_share, task_of, wait

ROUNDS = 200
SIGINT = int(signal.SIGINT)


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


raise_signal = types.ExternalFunction("raise", types.int32(types.int32))


@Loop
def interrupted(task: Any) -> None:
    """Press ctrl-C, and count the shares that are done; each later one takes longer."""
    share = next_share(task)
    raise_signal(SIGINT)
    for _ in range(share * 10**6):
        add_one(task, OWN + 1)
    add_one(task, OWN)


@pytest.fixture(params=["torch's threads", "new threads"])
def whose(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "new threads":
        monkeypatch.setattr(team, "torch_threads", lambda: None)
    elif team.torch_threads() is None:
        pytest.skip("this torch has no threads of GNU's OpenMP")


whoever = pytest.mark.usefixtures("whose")


@whoever
@pytest.mark.parametrize(("size", "shares"), [(0, 1), (1, 1), (1, 3), (10, 3), (1000, 2)])
def test_each_share_is_done_once(size: int, shares: int) -> None:
    out = np.full(size, -1)
    mark(task_of(size, out.ctypes.data), shares)
    wanted = [i for i in range(shares) for _ in range(size * i // shares, size * (i + 1) // shares)]
    assert out.tolist() == wanted


@whoever
@pytest.mark.parametrize("shares", [1, 2, 5])
def test_shares_wait_for_one_another(shares: int) -> None:
    task = task_of(0, -1)
    in_step(task, shares)
    assert task[OWN:].tolist() == [ROUNDS * shares, -1]


@pytest.fixture
def library() -> Iterator[ctypes.CDLL]:
    """torch's OpenMP, whose settings are put back."""
    found = openmp.openmp()
    if found is None:
        pytest.skip("this torch has no OpenMP of GNU's")
    team.torch_threads.cache_clear()
    dynamic, levels = found.omp_get_dynamic(), found.omp_get_max_active_levels()
    yield found
    found.omp_set_dynamic(dynamic)
    found.omp_set_max_active_levels(levels)
    team.torch_threads.cache_clear()


@pytest.mark.parametrize(("setting", "value"), [("dynamic", 1), ("max_active_levels", 0)])
def test_where_openmp_may_start_fewer_threads_it_is_not_asked_to(library, setting, value) -> None:
    getattr(library, f"omp_set_{setting}")(value)
    task = task_of(0, -1)
    in_step(task, 5)
    assert task[OWN:].tolist() == [5 * ROUNDS, -1]
    assert team.torch_threads() is None


def test_where_openmp_has_a_limit_it_is_not_asked_to(library, monkeypatch) -> None:
    assert team.torch_threads() is not None
    team.torch_threads.cache_clear()
    monkeypatch.setattr(library, "omp_get_thread_limit", lambda: 1)
    monkeypatch.setattr(team, "openmp", lambda: library)
    assert team.torch_threads() is None


def test_shares_wait_for_one_another_within_a_team_of_somebody_else(library) -> None:
    tasks: list[Any] = []

    def inside(_: None) -> None:
        tasks.append(task := task_of(0, -1))
        in_step(task, 2)

    library.GOMP_parallel(ctypes.CFUNCTYPE(None, ctypes.c_void_p)(inside), None, 2, 0)
    assert [task[OWN:].tolist() for task in tasks] == [[2 * ROUNDS, -1]] * 2


def test_without_any_threads_a_loop_is_one_share(monkeypatch) -> None:
    task = task_of(0, -1)
    in_step(task)  # compiled while the system has its name
    monkeypatch.setattr(team, "torch_threads", lambda: None)
    monkeypatch.setattr(team.os, "name", "nt")
    in_step(task := task_of(0, -1), 3)
    assert task[OWN:].tolist() == [ROUNDS, -1]


@whoever
def test_ctrl_c_waits_for_all_shares() -> None:
    """The memory that they write to is free only then."""
    task = task_of(0, 0)
    with pytest.raises(KeyboardInterrupt):
        interrupted(task, 3)
        time.sleep(1)  # in which it would be raised at the latest
    assert task[OWN] == 3


@whoever
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    in_step(task_of(0, -1), 2)  # the parent's are running
    if (child := os.fork()) == 0:
        task = task_of(0, -1)
        in_step(task, 2)
        os._exit(0 if task[OWN:].tolist() == [2 * ROUNDS, -1] and openmp.openmp() is None else 1)
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
