"""Shares of a population in forked processes: the same losses, and nothing left over whatever happens."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.evaluate import losses_of
from glassworks.optim.gradient_free.evaluation import ways
from glassworks.optim.gradient_free.evaluation.processes import in_processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")


def squares(candidates: Tensor) -> Tensor:
    return torch.stack([(candidates**2).sum(1), torch.ones(len(candidates))], 1)


def population(P: int = 9) -> Tensor:
    return torch.randn(P, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("P", [1, 8, 9])
@pytest.mark.parametrize("workers", [1, 3])
def test_shares_in_processes_are_the_whole(P: int, workers: int) -> None:
    assert torch.equal(in_processes(squares, population(P), workers), squares(population(P)).double())


def test_a_generation_that_takes_long_may_go_to_processes_and_has_the_same_losses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 3))
    x, y = torch.randn(12, 6), torch.randint(3, (12,))
    weights = list(model.parameters())
    candidates = vector.read(weights) + 0.1 * torch.randn(8, sum(p.numel() for p in weights))

    def losses(found: dict[str, list[object]]) -> Tensor:
        return losses_of(lambda: F.cross_entropy(model(x), y), weights, candidates, seed=1, ways=found)

    expected = losses({})
    monkeypatch.setattr(ways, "LONG", 0.0)
    monkeypatch.setattr(ways, "SHORT", 0.0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr("glassworks.optim.gradient_free.evaluate.CHOSEN", {})
    monkeypatch.setattr(
        "glassworks.optim.gradient_free.evaluate.best",
        lambda times: next(way for way in times if way.where == "processes"),
    )
    found: dict[str, list[object]] = {}
    torch.testing.assert_close(losses(found), expected)
    assert [way[2:] for way in found.values()] == [["processes", 2]]


def once(path: Path, then: Callable[[], None]) -> Callable[[Tensor], Tensor]:
    """The squares; but the first process that comes here does something else."""

    def evaluate(candidates: Tensor) -> Tensor:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return squares(candidates)
        then()
        return squares(candidates)

    return evaluate


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_share_whose_process_was_killed_is_evaluated_again(tmp_path: Path) -> None:
    found = in_processes(once(tmp_path / "mark", killed), population(), 2)
    assert torch.equal(found, squares(population()).double())


def test_a_share_that_is_killed_again_is_one_clear_error() -> None:
    def evaluate(candidates: Tensor) -> Tensor:
        killed()
        return squares(candidates)

    with pytest.raises(RuntimeError, match=r"evaluated 4 of 9 candidates was killed twice, by signal 9: memory may be"):
        in_processes(evaluate, population(), 2)
    no_children()


def test_what_a_process_raises_is_raised_here() -> None:
    def evaluate(candidates: Tensor) -> Tensor:
        raise ValueError("batch (=None) must be something")

    with pytest.raises(ValueError, match="must be something"):
        in_processes(evaluate, population(), 2)
    no_children()


def no_children() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_nothing_runs_on_when_a_training_is_stopped(stop: signal.Signals, tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, sys, time, torch
        from pathlib import Path
        from glassworks.optim.gradient_free.evaluation.processes import in_processes

        def evaluate(candidates):
            Path(sys.argv[1], str(os.getpid())).touch()
            time.sleep(60)

        in_processes(evaluate, torch.zeros(4, 1), 2)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stderr=subprocess.DEVNULL)
    until(lambda: len(list(tmp_path.iterdir())) == 2)
    process.send_signal(stop)
    process.wait()
    workers = [int(path.name) for path in tmp_path.iterdir()]
    until(lambda: not any(alive(pid) for pid in workers))


def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("that never came")


def alive(pid: int) -> bool:
    """Whether a process still runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
