"""One network trained, asked about the test examples, and kept; a training that was finished is read again."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor, nn

from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_folder
from glassworks.core.progress import progress
from glassworks.data.labelled.batches import Examples
from glassworks.data.labelled.prepare import Labelled
from glassworks.evaluate.labelled.predictions import predict_part
from glassworks.models.io import read_tensors, write_tensors
from glassworks.objectives.labelled import class_loss
from glassworks.optim.config import ScheduleConfig
from glassworks.optim.schedules import make_schedule
from glassworks.reproductions.deconvnet.network import Shape, clip_filters, make
from glassworks.train.fit import Every, fit

BATCH, LR = 32, 1.5e-3
SCHEDULE = ScheduleConfig("cosine", warmup=50, final=0.01)
Weights = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Trained:
    """A network at the end of its training."""

    model: nn.Sequential
    correct: Bool[np.ndarray, " N"]
    """Which of the test examples it has right."""

    @property
    def parameters(self) -> int:
        """How many it has."""
        return sum(p.numel() for p in self.model.parameters())


def untrained(shape: Shape, data: Labelled, seed: int) -> nn.Sequential:
    """The network of a seed before its first step, in evaluation mode."""
    model = make(shape, data.shape[0], len(data.classes), seed)
    model.get_submodule("normalise").set(data.mean, data.std)  # type: ignore[operator]
    return model.eval()


def trained(folder: Path, label: str, shape: Shape, data: Labelled, *, steps: int, seed: int) -> Trained:
    """Train the network of a shape and a seed, or read it from `folder`.

    Raises: KeyboardInterrupt on ctrl-C or SIGTERM, with nothing kept of this network; RunError if it diverges;
    FileDamaged for files that hold something else.
    """
    model = untrained(shape, data, seed)
    if not folder.exists():
        seen: dict[int, Weights] = {}
        with torch.random.fork_rng(devices=[]):  # dropout draws from torch's own numbers
            torch.manual_seed(seed)
            train(model, label, shape, data, steps, seed, seen)
        correct = predictions_right(model, data)
        with atomic_folder(folder) as temporary:
            for step, weights in seen.items():
                write_tensors(weights, temporary / f"step_{step:06}.safetensors")
            write_tensors({"correct": torch.from_numpy(correct)}, temporary / "correct.safetensors")
            write_tensors(model.state_dict(), temporary / "model.safetensors")
    load(model, folder / "model.safetensors")
    return Trained(model, read_tensors(folder / "correct.safetensors")["correct"].numpy())


def train(
    model: nn.Sequential, label: str, shape: Shape, data: Labelled, steps: int, seed: int, seen: dict[int, Weights]
) -> None:
    """AdamW over batches of the seed; in `seen` come the weights after 1, 4, 16, 64, ... steps."""

    def clip(step: int, net: nn.Module) -> dict[str, float]:
        if shape.clipped:
            clip_filters(net)
        if step & (step - 1) == 0 and step.bit_length() % 2:  # a power of 4
            seen[step] = {name: value.clone() for name, value in net.state_dict().items()}
        return {}

    every: Every = [(1, clip)]
    with progress(label, steps) as report:
        fit(
            model,
            Examples(data.train, BATCH, seed),
            class_loss(),
            torch.optim.AdamW(model.parameters(), LR, weight_decay=0.01, fused=True),
            steps=steps,
            schedule=make_schedule(SCHEDULE),
            every=every,
            log_every=max(1, min(50, steps // 10)),
            report=report,
        )


def predictions_right(model: nn.Sequential, data: Labelled) -> Bool[np.ndarray, " N"]:
    """Which of the test examples a network has right."""
    found = predict_part(model, data.test, label=None)
    right: np.ndarray = found.predicted == found.targets
    return right


def checkpoints(folder: Path, shape: Shape, data: Labelled, seed: int) -> list[tuple[str, nn.Sequential]]:
    """A finished training's networks on the way, each with its step, from the untrained one to the end."""
    found = [("0", untrained(shape, data, seed))]
    for file in [*sorted(folder.glob("step_*.safetensors")), folder / "model.safetensors"]:
        name = str(int(file.stem.removeprefix("step_"))) if file.stem.startswith("step_") else "end"
        found.append((name, load(untrained(shape, data, seed), file)))
    return found


def load(model: nn.Sequential, file: Path) -> nn.Sequential:
    """The network with a file's weights, in evaluation mode."""
    try:
        model.load_state_dict(read_tensors(file))
    except RuntimeError as error:
        raise FileDamaged(f"{file} does not hold this network's weights: delete the folder {file.parent}") from error
    return model.eval()
