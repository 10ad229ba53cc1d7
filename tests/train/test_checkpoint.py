"""Checkpoints bring back everything that decides the next step, or say which file is damaged."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from glassworks.core.errors import FileDamaged, RunError
from glassworks.core.runs import Run
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.optim.config import OptimizerConfig
from glassworks.optim.groups import make_optimizer
from glassworks.train.checkpoint import complete_checkpoints, load_checkpoint, newest_checkpoint, save_checkpoint
from glassworks.train.fit import fit

SHAPE = GPTConfig(vocab_size=11, n_ctx=8, n_layer=1, n_head=2, n_embd=16)


def trained(steps: int, config: OptimizerConfig, model: GPT | None = None, optimizer=None):  # type: ignore[no-untyped-def]
    model = model or GPT(SHAPE)
    optimizer = optimizer or make_optimizer(model, config)
    for step in range(steps):
        x = torch.randint(0, 11, (4, 8), generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x).flatten(0, 1), x.flatten()).backward()
        optimizer.step()
    return model, optimizer


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_training_goes_on_bit_for_bit(tmp_path: Path, name: str) -> None:
    run, config = Run.create(tmp_path / "r"), OptimizerConfig(name=name)  # type: ignore[arg-type]
    model, optimizer = trained(3, config)
    folder = save_checkpoint(run, 3, {"model": model}, optimizer)
    again = GPT(SHAPE, seed=5)
    restored = make_optimizer(again, config)
    assert load_checkpoint(folder, {"model": again}, restored) == 3
    trained(2, config, model, optimizer)
    trained(2, config, again, restored)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    "make",
    [
        lambda weights: torch.optim.LBFGS(weights, lr=torch.tensor(0.1), max_iter=3, history_size=2),
        lambda weights: torch.optim.AdamW(weights, lr=torch.tensor(1e-2), foreach=False),
        lambda weights: torch.optim.RMSprop(weights, lr=1e-2, momentum=0.9, centered=True),
    ],
)
def test_torchs_other_optimizers_go_on_bit_for_bit(
    tmp_path: Path, make: Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]
) -> None:
    """LBFGS keeps lists of tensors, and a learning rate may be a tensor."""
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))

    def go_on(model: nn.Module, optimizer: torch.optim.Optimizer, start: int, steps: int) -> None:
        loss = lambda net, batch: (net(batch) - batch.sum(1, keepdim=True)).square().mean()  # noqa: E731
        fit(model, lambda step: x, loss, optimizer, start=start, steps=steps)

    run, model, again = Run.create(tmp_path / "r"), nn.Linear(3, 1), nn.Linear(3, 1)
    optimizer, restored = make(model.parameters()), make(again.parameters())
    go_on(model, optimizer, 0, 3)
    folder = save_checkpoint(run, 3, {"model": model}, optimizer)
    load_checkpoint(folder, {"model": again}, restored)
    assert isinstance(restored.param_groups[0]["lr"], type(optimizer.param_groups[0]["lr"]))
    for net, how in ((model, optimizer), (again, restored)):
        go_on(net, how, 3, 6)
    assert torch.equal(model.weight, again.weight)


def test_random_state_comes_back(tmp_path: Path) -> None:
    run, (model, optimizer) = Run.create(tmp_path / "r"), trained(1, OptimizerConfig())
    folder = save_checkpoint(run, 1, {"model": model}, optimizer)
    first = torch.rand(3)
    load_checkpoint(folder, {"model": model}, optimizer)
    assert torch.equal(torch.rand(3), first)


def test_tied_weights_are_stored_once_and_come_back(tmp_path: Path) -> None:
    shape = GPTConfig("gpt2", vocab_size=11, n_ctx=8, n_layer=1, n_head=2, n_embd=16)
    model, run = GPT(shape), Run.create(tmp_path / "r")
    folder = save_checkpoint(run, 1, {"model": model}, make_optimizer(model, OptimizerConfig()))
    again = GPT(shape, seed=1)
    load_checkpoint(folder, {"model": again})
    assert torch.equal(model.embed.weight, again.head.weight)


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    run, (model, optimizer) = Run.create(tmp_path / "r"), trained(1, OptimizerConfig())
    for step in (1, 2, 10, 30):
        save_checkpoint(run, step, {"model": model}, optimizer)
    assert [path.name for path in complete_checkpoints(run)] == ["step_000010", "step_000030"]


def test_a_folder_without_meta_is_not_a_checkpoint(tmp_path: Path) -> None:
    run, (model, optimizer) = Run.create(tmp_path / "r"), trained(1, OptimizerConfig())
    folder = save_checkpoint(run, 1, {"model": model}, optimizer)
    (folder / "meta.json").unlink()
    assert newest_checkpoint(run) is None


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "rng.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_every_damaged_file_is_named_with_the_remedy(tmp_path: Path, name: str, damage: str) -> None:
    run, (model, optimizer) = Run.create(tmp_path / "r"), trained(1, OptimizerConfig())
    folder = save_checkpoint(run, 1, {"model": model}, optimizer)
    path = folder / name
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "truncate":
        path.write_bytes(content[:-7])
    else:
        path.unlink()
    with pytest.raises(FileDamaged, match=f"{name}.*delete .*step_000001"):
        load_checkpoint(folder, {"model": model}, optimizer)


def test_any_changed_bit_of_meta_is_named(tmp_path: Path) -> None:
    run, (model, optimizer) = Run.create(tmp_path / "r"), trained(1, OptimizerConfig())
    folder = save_checkpoint(run, 1, {"model": model}, optimizer)
    content = (folder / "meta.json").read_bytes()
    for bit in range(0, 8 * len(content), 7):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        (folder / "meta.json").write_bytes(changed)
        with suppress(FileDamaged):
            assert load_checkpoint(folder, {"model": model}) == 1  # white space may change


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    run, (model, optimizer) = Run.create(tmp_path / "r"), trained(1, OptimizerConfig())
    folder = save_checkpoint(run, 1, {"model": model}, optimizer)
    other = GPT(GPTConfig(vocab_size=12, n_ctx=8, n_layer=1, n_head=2, n_embd=16))
    with pytest.raises(RunError, match="does not fit this model"):
        load_checkpoint(folder, {"model": other})


def test_a_write_that_fails_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, (model, optimizer) = Run.create(tmp_path / "r"), trained(1, OptimizerConfig())
    save_checkpoint(run, 1, {"model": model}, optimizer)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("glassworks.train.checkpoint.write_json", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(run, 2, {"model": model}, optimizer)
    assert [p.name for p in (run.path / "checkpoints").iterdir()] == ["step_000001"]


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_weights_with_channels_last_go_on_bit_for_bit(tmp_path: Path, name: str) -> None:
    """A file knows nothing of strides, and fused kernels take weights and moments for arrays of one order."""

    def begun() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Flatten(), nn.Linear(8 * 16, 3))
        model: nn.Module = layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model, make_optimizer(model, OptimizerConfig(name=name))  # type: ignore[arg-type]

    def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
        for step in steps:
            images = torch.randn(5, 4, 6, 6, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            model(images).square().mean().backward()
            optimizer.step()

    run, whole, (broken, optimizer) = Run.create(tmp_path / "r"), begun(), begun()
    train(*whole, range(6))
    train(broken, optimizer, range(3))
    folder = save_checkpoint(run, 3, {"model": broken}, optimizer)
    again = begun()
    load_checkpoint(folder, {"model": again[0]}, again[1])
    train(*again, range(3, 6))
    for expected, found in zip(whole[0].parameters(), again[0].parameters(), strict=True):
        assert torch.equal(expected, found)
