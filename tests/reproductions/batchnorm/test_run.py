"""The batch norm reproduction whole, with few steps of tiny networks: what is kept, compared and drawn."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import glassworks.reproductions.batchnorm.networks as networks
import glassworks.reproductions.batchnorm.run as batchnorm
import glassworks.reproductions.batchnorm.training as training
from glassworks.core.errors import FileDamaged, RunError
from glassworks.report.finding import write_finding_page
from glassworks.reproductions.batchnorm.networks import ALONE, BATCH, NOISY, NONE, ORDERS, SIDE_BY_SIDE, deep_linear
from glassworks.reproductions.batchnorm.page import NAMES
from glassworks.reproductions.finding import Finding
from glassworks.trace.trace import Trace


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patches:
        for name, value in {"WIDTH": 2, "DEPTH": 4, "POINTS": 16, "EXAMPLES": 16, "PROBE": 16}.items():
            patches.setattr(networks, name, value)
        patches.setattr(batchnorm, "QUICK_LOOKS", 1)
        patches.setattr(batchnorm, "QUICK_SEEDS", 1)
        yield


@pytest.fixture(scope="module")
def done(small: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finding]:
    """A finished reproduction."""
    folder = tmp_path_factory.mktemp("runs") / "batchnorm"
    return folder, batchnorm.run(folder=folder, quick=True, steps=2)


def test_the_finding_is_saved_as_it_is_returned_and_names_every_row_once(done: tuple[Path, Finding]) -> None:
    assert Finding.load(done[0] / "finding.json") == done[1]
    assert len({row.what for row in done[1].rows}) == len(done[1].rows)


def test_both_theorems_hold_to_1e_9_in_the_trained_networks(done: tuple[Path, Finding]) -> None:
    rows = [row for row in done[1].rows if row.what.startswith("Theorem")]
    assert [row.verdict for row in rows] == ["agrees", "agrees"]
    assert all(row.ours is not None and 0 < row.ours < 1e-9 for row in rows)


def test_curves_begin_at_the_untrained_network_and_end_at_the_last_step(done: tuple[Path, Finding]) -> None:
    for name in ("vgg_curves", "lower_curves", "linear_curves"):
        trace = Trace.load(done[0] / "traces" / name)
        assert trace.labels["network"] == list(SIDE_BY_SIDE)
        assert trace.labels["step"] == ["0", "2"]
        assert np.isfinite(trace.arrays["beta"][:3]).all()
        assert np.isnan(trace.arrays["beta"][3]).all()  # noise alone is trained, and not looked at closely
    layers = Trace.load(done[0] / "traces" / "linear_layers")
    assert layers.labels["layer"] == ["linear2", "linear3", "linear4"]


def test_what_is_finished_is_read_again_and_what_is_not_is_trained(
    done: tuple[Path, Finding], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(done[0].parent, tmp_path / "runs")
    copy = tmp_path / "runs" / "batchnorm"
    asked = []
    train = training.train
    monkeypatch.setattr(training, "train", lambda *about: asked.append(about[1:3]) or train(*about))
    (copy / "trainings" / "deep-linear-noisy-batch-norm-seed-0.json").unlink()
    assert batchnorm.run(folder=copy, quick=True, steps=2) == done[1]
    assert asked == [(NOISY, 0)]


def test_a_damaged_training_is_refused_by_name(done: tuple[Path, Finding], tmp_path: Path) -> None:
    shutil.copytree(done[0].parent, tmp_path / "runs")
    copy = tmp_path / "runs" / "batchnorm"
    (copy / "trainings" / "vgg-none-seed-0.json").write_text('{"rows": []}', encoding="utf-8")
    with pytest.raises(FileDamaged, match=r"vgg-none-seed-0.json is not a training"):
        batchnorm.run(folder=copy, quick=True, steps=2)


def test_other_settings_and_impossible_ones_are_refused(done: tuple[Path, Finding], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="steps 2, now 3.*choose another --name"):
        batchnorm.run(folder=done[0], quick=True, steps=3)
    with pytest.raises(ValueError, match=r"steps \(=1\) must be at least 2"):
        batchnorm.run(folder=tmp_path / "new", steps=1)
    with pytest.raises(ValueError, match="give images of classes"):
        batchnorm.run("moons", folder=tmp_path / "new")
    assert not (tmp_path / "new" / "run.json").exists()


def test_the_page_draws_every_trace(done: tuple[Path, Finding]) -> None:
    text = write_finding_page(done[0]).read_text(encoding="utf-8")
    assert all(title in text for title in NAMES.values())
    assert ">nan<" not in text


def matrices(model: nn.Module) -> list[torch.Tensor]:
    return [layer.weight for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def test_networks_of_all_norms_begin_with_the_same_weights(small: None) -> None:
    task = deep_linear(lr=0.1, steps=2)
    first = matrices(task.network(NONE, 3))
    for name in (BATCH, NOISY, ALONE, *ORDERS):
        assert all(torch.equal(a, b) for a, b in zip(first, matrices(task.network(name, 3)), strict=True))


def test_noise_alone_is_another_in_each_pass_of_training_and_none_in_evaluation(small: None) -> None:
    task = deep_linear(lr=0.1, steps=2)
    noisy, clean = task.network(ALONE, 0), task.network(NONE, 0)
    x = task.probe(0)[0]
    assert not torch.equal(noisy(x), noisy(x))
    assert torch.equal(noisy.eval()(x), clean.eval()(x))
