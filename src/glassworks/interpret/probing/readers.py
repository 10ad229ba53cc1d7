"""Probes as modules: a reader at each point, linear or with a hidden layer, and their files."""

from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


class Probes(nn.Module):
    """A probe at each point: (N, width) activations to logits (N, targets, classes).

    `readers[i]` belongs to `points[i]`: one linear map, or, if `hidden`, a ReLU layer that all targets share before it.
    """

    common: Tensor
    """(targets,) the most common class among the labels seen in fitting: what the majority row answers."""

    def __init__(
        self, widths: dict[str, int], targets: int, classes: int, *, hidden: int | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        if hidden is not None and hidden < 1:
            raise ValueError(f"hidden (={hidden}) must be at least 1 unit; None is a linear probe")
        self.widths, self.targets, self.classes, self.hidden = dict(widths), targets, classes, hidden
        generator = torch.Generator().manual_seed(seed)
        self.readers = nn.ModuleList(reader(w, hidden, targets * classes, generator) for w in widths.values())
        self.register_buffer("common", torch.zeros(targets, dtype=torch.int64))

    @property
    def points(self) -> list[str]:
        """The points that have a probe, in the model's order."""
        return list(self.widths)

    def forward(self, point: str, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N S K"]:
        """Logits of each target's classes."""
        logits: Tensor = self.reader(point)(x.float())
        return logits.view(*x.shape[:-1], self.targets, self.classes)

    def predict(self, point: str, x: Float[Tensor, "*N C"]) -> Int[Tensor, "*N S"]:
        """The most probable class of each target."""
        return self(point, x).argmax(-1)  # type: ignore[no-any-return]

    def reader(self, point: str) -> nn.Module:
        """The probe of a point; ValueError if it has none."""
        if point not in self.widths:
            raise ValueError(f"point (={point!r}) has no probe: choose from {', '.join(self.widths)}")
        return self.readers[self.points.index(point)]

    def linear(self, point: str) -> nn.Linear:
        """A point's probe, if it is a linear map; ValueError if it is an MLP."""
        reader = self.reader(point)
        if not isinstance(reader, nn.Linear):
            raise ValueError(f"hidden (={self.hidden}): an MLP probe has no single direction; fit with hidden=None")
        return reader

    def weight(self, point: str) -> Float[Tensor, "S K C"]:
        """A linear probe's weights."""
        return self.linear(point).weight.detach().view(self.targets, self.classes, -1)

    def bias(self, point: str) -> Float[Tensor, "S K"]:
        """A linear probe's biases."""
        return self.linear(point).bias.detach().view(self.targets, self.classes)

    def direction(self, point: str, target: int, towards: int, away: int | None = None) -> Float[Tensor, " C"]:
        """The unit vector along which a class' logit rises fastest, against that of `away` or the mean of the others.

        Adding it to the activations is a probe edit (Nanda et al. 2023, section 4).
        """
        weight = self.weight(point)
        for name, value, number in (("target", target, self.targets), ("towards", towards, self.classes)):
            if not 0 <= value < number:
                raise ValueError(f"{name} (={value}) must be between 0 and {number - 1}")
        if away is not None and (not 0 <= away < self.classes or away == towards):
            raise ValueError(f"away (={away}) must be a class other than {towards}, from 0 to {self.classes - 1}")
        rows = weight[target]
        others = rows[away] if away is not None else (rows.sum(0) - rows[towards]) / (self.classes - 1)
        return F.normalize(rows[towards] - others, dim=0)

    def save(self, path: Path) -> None:
        """Write one safetensors file, with what is needed to build the probes again."""
        shape = {"targets": str(self.targets), "classes": str(self.classes), "hidden": str(self.hidden or "")}
        tensors = {name: x.contiguous() for name, x in self.state_dict().items()}
        save_file(tensors, path, shape | {f"width/{name}": str(width) for name, width in self.widths.items()})

    @classmethod
    def load(cls, path: Path) -> "Probes":
        """Read what `save` wrote."""
        with safe_open(path, "pt") as file:
            notes = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        widths = {name.removeprefix("width/"): int(w) for name, w in notes.items() if name.startswith("width/")}
        probes = cls(widths, int(notes["targets"]), int(notes["classes"]), hidden=int(notes["hidden"] or 0) or None)
        probes.load_state_dict(tensors)
        return probes


def reader(width: int, hidden: int | None, outputs: int, generator: torch.Generator) -> nn.Module:
    """One point's probe: zeros if linear (the problem is convex), He-normal hidden weights if not."""
    if hidden is None:
        linear = nn.Linear(width, outputs)
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        return linear
    first, last = nn.Linear(width, hidden), nn.Linear(hidden, outputs)
    nn.init.normal_(first.weight, 0, (2 / width) ** 0.5, generator)
    for zero in (first.bias, last.weight, last.bias):
        nn.init.zeros_(zero)
    return nn.Sequential(Standard(width), first, nn.ReLU(), last)


class Standard(nn.Module):
    """Each number less its mean, divided by its standard deviation, as found in the first block of rows."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def set(self, x: Float[Tensor, "N C"]) -> None:
        """Take mean and deviation from these rows; a number that never changes is only shifted."""
        scale = x.std(0, correction=0)
        self.mean, self.scale = x.mean(0), torch.where(scale > 0, scale, 1)

    def forward(self, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N C"]:
        """Standardise."""
        return (x - self.mean) / self.scale
