"""What is known about the neurons of one place in a model, gathered from traces, and the view of a single one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from glassworks.core.characters import BYTES, together
from glassworks.draw.scales import minus
from glassworks.trace.trace import Trace


@dataclass(frozen=True)
class Board:
    """How numbers lie on a board of size x size squares, row by row from the top left.

    Columns are A, B, ..., rows 1, 2, ...: a square is written as "C4".
    """

    size: int
    planes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """A name such as "mine" to the feature of each square, -1 for a square without."""
    probes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """A name to the probe direction of each square, -1 for a square without."""
    tokens: Sequence[int] = ()
    """The token that stands for a move to each square, -1 for a square without."""

    def __post_init__(self) -> None:
        """Refuse lists that do not fit the board."""
        if not 1 <= self.size <= 26:
            raise ValueError(f"size (={self.size}) of a board must be between 1 and 26")
        for name, squares in [*self.planes.items(), *self.probes.items(), ("tokens", self.tokens)]:
            if len(squares) != self.size**2 and not (name == "tokens" and not squares):
                raise ValueError(f"{name} (of {len(squares)}) must have one entry for each of {self.size**2} squares")

    @property
    def rows(self) -> list[str]:
        """Labels of rows."""
        return [str(i + 1) for i in range(self.size)]

    @property
    def columns(self) -> list[str]:
        """Labels of columns."""
        return [chr(ord("A") + i) for i in range(self.size)]

    def square(self, at: int) -> str:
        """The name of a square by its number."""
        return f"{self.columns[at % self.size]}{self.rows[at // self.size]}"


@dataclass(frozen=True, eq=False)
class Neurons:
    """Traces about the neurons of one point; those that are None have no part on the pages."""

    examples: Trace
    """Of `neuron_examples`; its neurons get a page each."""
    rules: Trace | None = None
    """Of `rule_report`, which has the point among its points."""
    directions: Trace | None = None
    """Of `neuron_directions`."""
    ablation: Trace | None = None
    """Of `neuron_ablation`."""
    features: Trace | None = None
    """Of `neuron_features`."""
    board: Board | None = None
    model: str = ""
    """What the model is called."""

    def __post_init__(self) -> None:
        """Refuse traces of other methods, and of another point."""
        methods = {
            "examples": "neuron_examples",
            "rules": "neuron_rules",
            "directions": "neuron_directions",
            "ablation": "neuron_ablation",
            "features": "neuron_features",
        }
        for name, method in methods.items():
            trace = getattr(self, name)
            if trace is not None and trace.method != method:
                raise ValueError(f"{name} (a trace of {trace.method!r}) must be one of {method!r}")
            if name in ("ablation", "features") and trace is not None and trace.meta["point"] != self.point:
                raise ValueError(f"{name} (of {trace.meta['point']!r}) must be of {self.point!r}, as the examples are")
        if self.rules is not None and self.point not in self.rules.labels["point"]:
            raise ValueError(f"rules (of {self.rules.labels['point']}) must be of {self.point!r} too")

    @property
    def point(self) -> str:
        """Where the neurons are; nothing where their trace does not say."""
        return str(self.examples.meta.get("point", ""))

    @property
    def numbers(self) -> list[int]:
        """The neurons that get a page."""
        return [int(label) for label in self.examples.labels["neuron"]]

    @property
    def unit(self) -> str:
        """What they are: neurons, or latents of an autoencoder."""
        return str(self.examples.meta.get("unit", "neuron"))

    @property
    def are_words(self) -> bool:
        """Whether the texts of tokens are known, and make a text one after the other."""
        return self.board is None and ("vocabulary" in self.examples.labels or bool(self.examples.tokens))

    def token(self, id: int) -> str:
        """A token's text; its number where texts are not known."""
        names = self.examples.labels.get("vocabulary")
        return names[id] if names is not None and id < len(names) else self.examples.tokens.get(id, f"#{id}")


@dataclass(frozen=True, eq=False)
class Neuron:
    """One neuron's part of the traces."""

    of: Neurons
    number: int

    def at(self, trace: Trace | None) -> int | None:
        """Its place along a trace's axis neuron; None where it is not in it."""
        if trace is None:
            return None
        labels = trace.labels.get("neuron")
        if labels is None:  # a trace of all neurons
            size = next(
                array.shape[axes.index("neuron")]
                for array, axes in ((trace.arrays[name], trace.axes[name]) for name in trace.arrays)
                if "neuron" in axes
            )
            return self.number if self.number < size else None
        return labels.index(str(self.number)) if str(self.number) in labels else None

    def array(self, trace: Trace | None, name: str) -> np.ndarray | None:
        """Its part of an array, without the axis neuron; None where there is none."""
        place = self.at(trace)
        if trace is None or place is None or name not in trace.arrays:
            return None
        return np.asarray(trace.arrays[name].take(place, trace.axes[name].index("neuron")))

    def value(self, trace: Trace | None, name: str, *index: int) -> float:
        """One number; NaN where there is none."""
        array = self.array(trace, name)
        return math.nan if array is None else float(array[index])

    def statistic(self, name: str, split: int = 0) -> float:
        """A number of its examples' trace, of the ranked inputs."""
        return self.value(self.of.examples, name, split)

    def score(self, name: str, row: str = "trees") -> float:
        """R² or F1 of its rules on held-out inputs, or of a control's; NaN where there is none."""
        rules = self.of.rules
        if rules is None or row not in rules.labels["row"]:
            return math.nan
        return self.value(rules, name, rules.labels["row"].index(row), rules.labels["point"].index(self.of.point))

    def examples(self, kind: str, split: int = 0) -> list["Example"]:
        """Its examples of a kind ("top", "quantile", ...), those that there are."""
        trace = self.of.examples
        names = trace.labels["example"]
        activation, row, position = (self.array(trace, name) for name in ("activation", "row", "position"))
        windows, tokens = self.array(trace, "window_activation"), self.array(trace, "window_token")
        assert activation is not None
        assert row is not None
        assert position is not None
        assert windows is not None
        before = -int(trace.labels["offset"][0])
        return [
            Example(
                name=names[e],
                value=float(activation[split, e]),
                row=int(row[split, e]),
                position=int(position[split, e]),
                activations=windows[split, e].tolist(),
                tokens=[] if tokens is None else tokens[split, e].tolist(),
                before=before,
            )
            for e in range(len(names))
            if names[e].split(" ")[0] == kind and row[split, e] >= 0
        ]

    def strongest_tokens(self, most: int = 3) -> list[str]:
        """The different tokens at its strongest places, the strongest first."""
        examples = [one for one in self.examples("top") if one.tokens and one.value > 0]
        texts = dict.fromkeys(text for one in examples for _, _, text, here in self.read(one) if here)
        return list(texts)[:most]

    def read(self, one: "Example") -> list[tuple[int, int, str, bool]]:
        """The text of an example: first and last + 1 of the tokens of each character, it, and whether it is there."""
        places = [i for i, id in enumerate(one.tokens) if id >= 0]
        texts = whole(together(self.of.token(one.tokens[i]) for i in places))
        begins = [k for k, text in enumerate(texts) if text or k == 0][: len(texts)]
        return [
            (places[a], places[b - 1] + 1, texts[a], places[a] <= one.before <= places[b - 1])
            for a, b in pairwise([*begins, len(texts)])
        ]

    @property
    def reach(self) -> float:
        """The largest size of its activations, ranked or held out: where colours end."""
        sizes = [abs(self.statistic(name, split)) for name in ("lowest", "highest") for split in (0, 1)]
        return max([size for size in sizes if math.isfinite(size)], default=0.0) or 1.0


@dataclass(frozen=True)
class Example:
    """A place with what is around it: activations and tokens of a window, whose entry `before` is the place itself."""

    name: str
    value: float
    row: int
    position: int
    activations: list[float]
    tokens: list[int]
    before: int


def whole(texts: list[str]) -> list[str]:
    """The characters of a window, a sign for those that it cuts apart at its ends."""
    first = next((i for i, text in enumerate(texts) if not BYTES.fullmatch(text)), len(texts))
    last = next((i for i in reversed(range(first, len(texts))) if texts[i]), first)
    end = ["…"] if last > first and BYTES.fullmatch(texts[last]) else texts[last : last + 1]
    return [*(["…", *[""] * (first - 1)] if first else []), *texts[first:last], *end, *texts[last + 1 :]]


# ----------------------------------------------------------------------------------------------------------------------
# Numbers as these pages write them


def percent(share: float) -> str:
    """A share as a percentage, with decimals where it is small."""
    if not math.isfinite(share):
        return "–"
    shown = 100 * share
    return f"{shown:.0f}\u00a0%" if shown >= 10 or shown == 0 else f"{shown:.2g}\u00a0%"


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign."""
    return minus(f"{value:+.{digits}g}") if math.isfinite(value) else "–"
