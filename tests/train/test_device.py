"""Subnormal numbers: flushed while a training runs, in every thread, and not before or after."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from glassworks.core.machine.openmp import openmp
from glassworks.train import device
from glassworks.train.device import flushing_subnormals
from glassworks.train.fit import fit

CPU = torch.device("cpu")


def count(first: str) -> None:
    """Print how many of many subnormal numbers are not zero before, in and after a block, on two threads.

    `first` is a module to import after torch: it may bring an OpenMP of its own.
    """
    __import__(first)
    torch.set_num_threads(2)
    smallest = torch.ones(2**20, dtype=torch.int32).view(torch.float32)
    before = int((smallest * 1).count_nonzero())  # by two threads, which are there from now on
    with flushing_subnormals(CPU):
        inside = int((smallest * 1).view(torch.int32).count_nonzero())
    print(before, inside, int((smallest * 1).count_nonzero()))


@pytest.mark.parametrize("first", ["torch", "sklearn.cluster"])
def test_all_threads_flush_subnormal_numbers_in_the_block(first: str) -> None:
    if openmp() is None or not torch.set_flush_denormal(False):
        pytest.skip("this torch cannot let its threads go, or cannot flush")
    script = "import sys; sys.path.insert(0, sys.argv[1]); import test_device; test_device.count(sys.argv[2])"
    command = [sys.executable, "-c", script, str(Path(__file__).parent), first]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(2**20), "0", str(2**20)]


def test_subnormal_numbers_are_zero_while_a_training_runs_on_a_cpu_and_no_longer() -> None:
    def product() -> float:
        return float(torch.tensor(1e-38) * torch.tensor(0.01))

    before = product()
    possible = torch.set_flush_denormal(False)
    with flushing_subnormals(CPU):
        assert (product() == 0) == possible
        with flushing_subnormals(CPU):
            assert (product() == 0) == possible
        assert (product() == 0) == possible
    with flushing_subnormals(torch.device("cuda")):
        assert product() == before
    assert product() == before > 0

    model, seen = torch.nn.Linear(2, 2), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loss_fn(net: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
        seen.append(product())
        if len(seen) == 3:
            raise ValueError("in the midst of it")
        return net(batch).sum()

    with pytest.raises(ValueError, match="midst"):
        fit(model, lambda step: torch.ones(1, 2), loss_fn, optimizer, steps=5)
    assert len(seen) == 3
    assert all(value == 0 for value in seen) == possible
    assert product() == before


@pytest.mark.parametrize(("times", "dtype"), [(0.5, torch.float32), (1.2, torch.float32), (2.0, torch.bfloat16)])
def test_bfloat16_is_chosen_where_it_is_sooner_and_the_instruction_alone_is_not_enough(
    times: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    peaks = {torch.float32: 300e9, torch.bfloat16: times * 300e9}
    monkeypatch.setattr(device, "matmul_peak", lambda _, kind, budget: peaks[kind])
    device.bfloat16_pays.cache_clear()
    assert device.pick_precision("auto", CPU, 128) is dtype
    assert device.pick_precision("auto", CPU, 64) is torch.float32
    assert device.pick_precision("bfloat16", CPU, 64) is torch.bfloat16
    device.bfloat16_pays.cache_clear()
