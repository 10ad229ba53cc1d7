"""Small networks, batches and trainings for the tests of rules."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.core.runs import Run
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.train.checkpoint import load_checkpoint, save_checkpoint
from glassworks.train.fit import fit


def loss(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def blobs(step: int, *, rows: int = 32, width: int = 12, classes: int = 3) -> tuple[Tensor, Tensor]:
    """Points around a few centres: a batch that is a function of the step."""
    centres = torch.randn(classes, width, generator=torch.Generator().manual_seed(0)) * 2
    generator = torch.Generator().manual_seed(1000 + step)
    targets = torch.randint(classes, (rows,), generator=generator)
    return centres[targets] + torch.randn(rows, width, generator=generator), targets


def images(step: int) -> tuple[Tensor, Tensor]:
    """Images of 16 × 16 with a bright row that says the class."""
    generator = torch.Generator().manual_seed(1000 + step)
    targets = torch.randint(3, (16,), generator=generator)
    x = torch.rand(16, 1, 16, 16, generator=generator) * 0.5
    x[torch.arange(16), 0, 4 * targets + 2] += 1.0
    return x, targets


def vision(architecture: str, **more: Any) -> nn.Module:
    config = VisionConfig(architecture, shape=(1, 16, 16), outputs=3, **more)  # type: ignore[arg-type]
    return make_model(config, mean=[0.3], std=[0.3])


def mlp(seed: int = 0, *, width: int = 16) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 3))


def accuracy(model: nn.Module, batches: Any = blobs) -> float:
    model.eval()
    x, targets = batches(10_000)
    with torch.no_grad():
        found = float((model(x).argmax(1) == targets).float().mean())
    model.train()
    return found


def resumed_like_whole(make: Any, optimizer: Any, batches: Any, folder: Path, steps: int = 3) -> None:
    """2 · steps in one go are, to the bit, as many with a checkpoint between that is read by new objects."""
    torch.manual_seed(3)
    whole = make()
    fit(whole, batches, loss, optimizer(whole), steps=2 * steps)
    run = Run.create(folder / "run", kind="test", command=["test"], recipe={}, seed=0)
    torch.manual_seed(3)
    half = make()
    first = optimizer(half)
    fit(half, batches, loss, first, steps=steps)
    kept = save_checkpoint(run, steps, {"model": half}, first)
    torch.manual_seed(3)
    other = make()
    second = optimizer(other)
    load_checkpoint(kept, {"model": other}, second)
    fit(other, batches, loss, second, steps=2 * steps, start=steps)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
