"""A trace: what an interpretation found, as named arrays whose axes are named, and a legend that says what they are."""

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_file, read_json, sha256, write_json, write_text
from glassworks.trace.legend import Legend, read_legend


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """Named arrays whose axes have names, and whose axes' ticks may have labels.

    An axis name means one thing in the whole trace: all arrays that have it have the same size along it.

    >>> trace = Trace("attention", {"pattern": np.eye(2)}, {"pattern": ("query", "key")}, {"query": ["a", "b"]})
    """

    method: str
    arrays: dict[str, np.ndarray]
    axes: dict[str, tuple[str, ...]]
    """The names of each array's axes."""
    labels: dict[str, list[str]] = field(default_factory=dict)
    """The labels of an axis' ticks, by axis name; an axis may go without."""
    meta: dict[str, str | float | int] = field(default_factory=dict)
    """Single facts. A file has no infinities: an infinite or missing number comes back from one as NaN."""
    tokens: Mapping[int, str] = field(default_factory=dict)
    """The texts of token ids, for arrays of ids; those that are not named are drawn as numbers."""
    legend: Legend = field(default_factory=Legend)
    """What its axes, arrays and numbers are, and how it is read; a page draws it from that."""

    def __post_init__(self) -> None:
        """Refuse axes and labels that do not fit the arrays, naming the array or the axis."""
        if self.arrays.keys() != self.axes.keys():
            raise ValueError(f"axes (of {sorted(self.axes)}) must name the axes of each array: {sorted(self.arrays)}")
        sizes: dict[str, int] = {}
        for name, array in self.arrays.items():
            if not isinstance(array, np.ndarray):
                raise ValueError(f"array {name!r} must be a NumPy array, not a {type(array).__name__}: np.array(...)")
            if array.dtype.hasobject:
                raise ValueError(f"array {name!r} (dtype={array.dtype}) holds Python objects: use numbers or strings")
            if array.ndim != len(self.axes[name]):
                raise ValueError(f"axes of {name!r} (={self.axes[name]}) must name {array.ndim} axes: {array.shape}")
            for axis, size in zip(self.axes[name], array.shape, strict=True):
                if sizes.setdefault(axis, size) != size:
                    raise ValueError(f"axis {axis!r} has size {size} in {name!r} and {sizes[axis]} before: rename one")
        for axis, labels in self.labels.items():
            if sizes.get(axis) != len(labels):
                raise ValueError(f"axis {axis!r} has {len(labels)} labels and size {sizes.get(axis)}: they must agree")
        self.check_legend()

    def check_legend(self) -> None:
        """Refuse an array that is to stand beside another without being numbers of the same axes, or ticks too few."""
        for name in self.arrays.keys() & self.legend.quantities.keys():
            about = self.legend.quantities[name]
            for other in {*about.controls, about.error, about.where, about.colours} & self.arrays.keys():
                if self.axes[other] != self.axes[name]:
                    raise ValueError(
                        f"{other!r} (of {self.axes[other]}) must have the axes of {name!r}: {self.axes[name]}"
                    )
                if self.arrays[other].dtype.kind not in "fiub":
                    raise ValueError(f"{other!r} (dtype={self.arrays[other].dtype}) beside {name!r} must be numbers")
            if (texts := about.captions) in self.arrays and not set(self.axes[texts]) <= set(self.axes[name]):
                raise ValueError(
                    f"{texts!r} (of {self.axes[texts]}) below {name!r} must have axes of {self.axes[name]}"
                )
        for axis, about_axis in self.legend.axes.items():
            if about_axis.ticks and axis in self.labels and len(about_axis.ticks) != len(self.labels[axis]):
                raise ValueError(
                    f"ticks ({len(about_axis.ticks)}) of the axis {axis!r} must be as many as its labels: "
                    f"{len(self.labels[axis])}"
                )

    def __repr__(self) -> str:
        """The arrays with their axes and sizes, a line each; no numbers, so that it fits a screen."""
        width = min(28, max((len(name) for name in self.arrays), default=0))
        lines = [f"Trace {self.method}"]
        for name, array in list(self.arrays.items())[:MOST]:
            sizes = [f"{axis} {size}" for axis, size in zip(self.axes[name], array.shape, strict=True)]
            lines.append(f"  {name:{width}}  {', '.join(sizes) or 'one number'}")
        if len(self.arrays) > MOST:
            lines.append(f"  and {len(self.arrays) - MOST} more")
        facts = [f"{name} {x:.6g}" if isinstance(x, float) else f"{name} {x}" for name, x in self.meta.items()]
        if facts:
            lines.append(f"  ({', '.join(facts)})")
        return "\n".join(line if len(line) <= 100 else f"{line[:99]}…" for line in lines)

    def _repr_html_(self) -> str:
        """The trace drawn, as a notebook shows it."""
        from glassworks.trace import notebook

        return notebook.trace_html(self)

    def save_html(self, path: str | Path) -> Path:
        """Write the trace drawn, as one page that opens offline; return its path."""
        from glassworks.trace import notebook

        write_text(Path(path), notebook.trace_page(self))
        return Path(path)

    def save_svg(self, path: str | Path) -> Path:
        """Write the trace's charts, heat maps, bars and maps, one below the other, as a picture; return its path.

        ValueError for a trace that is drawn as coloured text and numbers alone: `save_html` has them.
        """
        from glassworks.trace import picture

        write_text(Path(path), picture.trace_picture(self))
        return Path(path)

    def save(self, stem: Path) -> None:
        """Write `stem`.npz, then `stem`.json, each atomically; the second names the first by its digest."""
        numbers = beside(stem, ".npz")
        with atomic_file(numbers) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in self.arrays.items():  # np.savez has parameters of its own: no array could be named so
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
        write_json(
            beside(stem, ".json"),
            {
                "method": self.method,
                "axes": self.axes,
                "labels": self.labels,
                "meta": {name: plain(value) for name, value in self.meta.items()},
                "tokens": {str(id): text for id, text in self.tokens.items()},
                "legend": self.legend.plain(),
                "npz_sha256": sha256(numbers),
            },
        )

    @classmethod
    def load(cls, stem: Path) -> "Trace":
        """Read what `save` wrote; `FileDamaged` when either file is not what was written."""
        description, numbers = read_json(beside(stem, ".json")), beside(stem, ".npz")
        try:
            fields = read_fields(description)
            if sha256(numbers) != description["npz_sha256"]:
                raise ValueError(f"{numbers.name} is not the file that {stem.name}.json describes")
            with np.load(numbers, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            return cls(arrays=arrays, **fields)
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise FileDamaged(f"trace {stem} is damaged ({error}): delete it and make it again") from error


MOST = 30
"""Arrays that `repr` names."""


def read_fields(description: Any) -> dict[str, Any]:
    """The JSON part of a trace with the types that JSON loses."""
    return {
        "method": str(description["method"]),
        "axes": {name: tuple(axes) for name, axes in description["axes"].items()},
        "labels": {axis: [str(label) for label in labels] for axis, labels in description["labels"].items()},
        "meta": {name: math.nan if value is None else value for name, value in description["meta"].items()},
        "tokens": {int(id): str(text) for id, text in description.get("tokens", {}).items()},
        "legend": read_legend(description.get("legend", {})),
    }


def plain(value: Any) -> str | float | int | None:
    """A value as JSON has it: NumPy's and torch's single numbers as Python's, null for what is not finite."""
    found = value.item() if hasattr(value, "item") else value
    return None if isinstance(found, float) and not math.isfinite(found) else found


def beside(stem: Path, suffix: str) -> Path:
    """`stem` with a suffix added; a dot that is part of the name stays."""
    return stem.with_name(stem.name + suffix)
