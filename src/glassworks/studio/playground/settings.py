"""What a playground is of: data, features, network, loss, optimizer. All of it fits into a link, and follows from it.

The same settings give the same points, weights and batches; with the edits of a hand and a number of steps they give
the same trained network. So nothing has to be kept: what was forgotten is trained again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_type_hints

from glassworks.core.config import check_types, from_dict, options
from glassworks.optim.catalogue import METHODS
from glassworks.optim.config import OptimizerConfig, ScheduleConfig, settings_of

SETS: dict[str, str] = {
    "circles": "a circle within another",
    "xor": "a class where both coordinates have the same sign",
    "gaussians": "two round clouds",
    "spirals": "two arms around each other",
    "moons": "two half circles, interleaved",
    "blobs": "four round clouds, four classes",
    "plane": "numbers that rise along a diagonal",
    "hills": "numbers with six hills and hollows",
    "own": "points of your own",
}
"""The data sets, each in words; the numbers of `plane` and `hills` are those of TensorFlow's playground."""
NUMBERS = ("plane", "hills")
FEATURES: dict[str, str] = {
    "x1": "x₁",
    "x2": "x₂",
    "x1x1": "x₁²",
    "x2x2": "x₂²",
    "x1x2": "x₁x₂",
    "sin1": "sin x₁",
    "sin2": "sin x₂",
}
ACTIVATIONS = ("tanh", "relu", "sigmoid", "sine", "linear")
MOST_LAYERS, MOST_WIDTH = 6, 16
OWN = ("momentum", "population", "sigma")
RATES = {"sgd": 0.03, "adamw": 0.01}
"""Learning rates of the playground, where a method's own is for larger networks."""


@dataclass(frozen=True)
class Settings:
    """Every control, by the name that it has in a link."""

    data: str = "circles"
    """One of `SETS`."""
    points: int = 500
    """How many are drawn, in all."""
    noise: int = 5
    """Standard deviation of what is added to each coordinate, in percent of the set's radius."""
    share: int = 50
    """Percent of the points that are for training; the others are the test."""
    batch: int = 10
    seed: int = 0
    features: tuple[str, ...] = ("x1", "x2")
    layers: tuple[int, ...] = (4, 2)
    """Neurons of each hidden layer."""
    activation: Literal["tanh", "relu", "sigmoid", "sine", "linear"] = "tanh"
    loss: Literal["squares", "entropy"] = "squares"
    """Of two classes: squares = one output, half the squared error of its tanh to -1 or 1, as TensorFlow's playground;
    entropy = a logit for each class and their cross-entropy. Numbers have squares, more classes entropy."""
    optimizer: str = "sgd"
    lr: float | None = None
    """None = 0.03 of sgd, 0.01 of adamw, the method's own of others."""
    momentum: float = 0.0
    """Of sgd and muon."""
    population: int | None = None
    sigma: float | None = None
    penalty: Literal["none", "l1", "l2"] = "none"
    """Added to the loss for each weight, biases apart: l1 its size, l2 half its square."""
    strength: float = 0.0
    """Of the penalty."""
    schedule: Literal["constant", "cosine", "wsd"] = "constant"
    horizon: int = 5000
    """The steps that a schedule spans; from there on the rate stays."""
    own: str = ""
    """Points of your own, as `points.encoded` writes them."""

    def __post_init__(self) -> None:
        """Refuse what is none, naming the field, its value and the remedy."""
        check_types(self)
        for name, low, high in (
            ("points", 10, 5000),
            ("noise", 0, 100),
            ("share", 10, 90),
            ("batch", 1, 5000),
            ("seed", 0, 2**31 - 1),
            ("horizon", 1, 10**6),
            ("population", 1, 1000),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} (={value}) must be from {low:,} to {high:,}")
        for name, known in (("data", SETS), ("optimizer", METHODS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} (={getattr(self, name)!r}) must be one of {', '.join(known)}")
        if wrong := [name for name in self.features if name not in FEATURES]:
            raise ValueError(f"features (with {wrong[0]!r}) must be some of {', '.join(FEATURES)}")
        if not self.features or len(set(self.features)) < len(self.features):
            raise ValueError(f"features (={', '.join(self.features)}) must be one or more, each once")
        if len(self.layers) > MOST_LAYERS or not all(1 <= width <= MOST_WIDTH for width in self.layers):
            raise ValueError(
                f"layers (={','.join(map(str, self.layers))}) must be at most {MOST_LAYERS}, of 1 to {MOST_WIDTH} "
                "neurons"
            )
        if not 0 <= self.strength <= 10:
            raise ValueError(f"strength (={self.strength}) must be from 0 to 10")
        self.optimizer_config()

    def optimizer_config(self) -> OptimizerConfig:
        """The optimizer, told what it takes of the settings."""
        taken = settings_of(self.optimizer)
        given: dict[str, Any] = {name: getattr(self, name) for name in OWN if name in taken}
        if "lr" in taken:
            given["lr"] = RATES.get(self.optimizer) if self.lr is None else self.lr
        if self.lr is not None and not math.isfinite(self.lr):
            raise ValueError(f"lr (={self.lr}) must be a finite number")
        return OptimizerConfig(self.optimizer, **given)

    def schedule_config(self) -> ScheduleConfig:
        """The schedule."""
        return ScheduleConfig(self.schedule)


def settings_from(link: Mapping[str, Any]) -> Settings:
    """Settings from the texts of a link; what it does not say is as it is by default, what it says beside is not read.

    >>> settings_from({"layers": "8,8", "lr": "0.1"}).layers
    (8, 8)
    """
    hints = get_type_hints(Settings)
    return from_dict(Settings, {name: read(hints[name], text, name) for name, text in link.items() if name in hints})


def read(hint: Any, text: Any, name: str) -> Any:
    """A field's value from its text."""
    if not isinstance(text, str):
        return text
    if hint in (tuple[str, ...], tuple[int, ...]):
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return tuple(read(int, part, name) for part in parts) if hint == tuple[int, ...] else tuple(parts)
    kinds = options(hint)
    if type(None) in kinds and not text.strip():
        return None
    for kind, words in ((int, "a whole number"), (float, "a number")):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError:
                raise ValueError(f"{name} (={text!r}) must be {words}") from None
    return text


def changed(settings: Settings) -> dict[str, Any]:
    """What differs from the defaults."""
    return {
        field.name: getattr(settings, field.name)
        for field in fields(Settings)
        if getattr(settings, field.name) != field.default
    }
