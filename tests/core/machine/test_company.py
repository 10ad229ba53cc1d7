"""Whether there is company, from the times of our threads; and that what is done about it changes no number."""

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from glassworks.core.machine import company, openmp
from glassworks.core.machine.company import Company
from glassworks.train.fit import fit


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done about company, in words, instead of doing it."""
    said: list[str] = []

    def crowd(library: object) -> object:
        said.append("crowd")
        return lambda: said.append("leave")

    monkeypatch.setattr(openmp, "openmp", lambda: "a library")
    monkeypatch.setattr(openmp, "crowd", crowd)
    return said


def looks(*periods: tuple[float, float]) -> None:
    """Look at two threads after each period in which they (ran, waited) so many seconds together."""
    total = [0, 0]
    watched = Company({"1": (0, 0), "2": (0, 0)})
    for period in periods:
        total = [before + int(1e9 * more) for before, more in zip(total, period, strict=True)]
        watched.look({"1": (total[0] // 2, 0), "2": (total[0] - total[0] // 2, total[1])})


def test_threads_that_wait_for_cores_have_company_until_they_wait_no_more(kept: list[str]) -> None:
    looks((0.5, 0.005), (0.33, 0.17), (0.25, 0.12), (0.31, 0.003))
    assert kept == ["crowd", "leave"]


def test_between_the_bounds_all_stays_as_it_is(kept: list[str]) -> None:
    looks((0.5, 0.03), (0.3, 0.2), (0.5, 0.03))
    assert kept == ["crowd"]


def test_who_hardly_runs_learns_nothing_of_company(kept: list[str]) -> None:
    looks((0.001, 0.01), (0.3, 0.2), (0.0, 0.0), (0.01, 0.0))
    assert kept == ["crowd"]


def test_threads_that_came_or_went_since_do_not_count(kept: list[str]) -> None:
    watched = Company({"1": (0, 0), "2": (9 * 10**9, 10**9)})
    watched.look({"1": (10**9, 0), "3": (10**9, 9 * 10**9)})
    assert kept == []


def test_times_are_those_of_our_own_threads() -> None:
    times = company.times()
    if not times:
        pytest.skip("this system does not tell")
    assert str(os.getpid()) in times
    assert all(ran > 0 for ran, _ in times.values())


def test_where_nothing_is_told_nobody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company, "TASKS", tmp_path / "nowhere")
    assert company.times() == {}
    company.look_again_and_again()  # returns
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "schedstat").write_text("not numbers")
    monkeypatch.setattr(company, "TASKS", tmp_path)
    assert company.times() == {}


def test_training_and_looking_into_a_model_are_watched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    monkeypatch.setattr(company, "watcher", None)
    monkeypatch.setattr(company, "look_again_and_again", lambda: started.append(1))

    class Alive:
        def is_alive(self) -> bool:
            return True

    company.watch()
    assert company.watcher is not None
    company.watcher.join()
    monkeypatch.setattr(company, "watcher", Alive())
    model = torch.nn.Linear(2, 1)
    fit(model, lambda s: torch.ones(1, 2), lambda m, x: m(x).sum(), torch.optim.SGD(model.parameters(), 0.1), steps=1)
    assert started == [1]


def crowded() -> None:
    """Print whether the threads' number is counted up and down again, and sums before, in and after the crowd."""
    torch.set_num_threads(2)
    library = openmp.openmp()
    assert library is not None
    x = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))

    def tasks() -> int:
        return len(company.times())

    def settled(count: int) -> bool:
        return any(tasks() == count or os.sched_yield() for _ in range(10**6))

    sums, before = [float(x.sum())], tasks()
    leave = openmp.crowd(library)
    grown = settled(before + (os.cpu_count() or 1) + 1)
    sums.append(float(x.sum()))
    leave()
    print(grown, settled(before), len({*sums, float(x.sum())}))


def test_a_crowd_of_idle_threads_comes_and_goes_and_changes_no_number() -> None:
    if openmp.openmp() is None or not company.times():
        pytest.skip("this torch has another OpenMP, or another system")
    script = "import sys; sys.path.insert(0, sys.argv[1]); import test_company; test_company.crowded()"
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", "1"]


def test_openmp_is_nobodys_before_torch_is_there() -> None:
    script = (
        "import sys; from glassworks.core.machine import company, openmp; company.watch(); "
        "print(openmp.openmp(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["None", "False"]


def test_no_crowd_where_threads_are_not_to_be_had_or_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    library = ctypes.CDLL(None)  # which has no such function to call
    monkeypatch.setattr(openmp, "cores", lambda: openmp.MOST)
    assert openmp.crowd(library) is None
    monkeypatch.setattr(openmp, "cores", lambda: 2)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    before = threading.active_count()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert openmp.crowd(library) is None
    assert openmp.can_start(3)
    assert threading.active_count() == before


def test_cores_are_those_that_this_process_may_run_on() -> None:
    code = "import os; os.sched_setaffinity(0, {0}); from glassworks.core.machine.openmp import cores; print(cores())"
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system binds no processes to cores")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "1\n"
