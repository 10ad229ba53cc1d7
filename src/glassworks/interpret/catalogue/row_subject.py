"""What a method is tried on where networks read rows of a table: a model, and rows of the run's own test split.

subject = open_row_subject("runs/flats")
hessian(subject.model, loss, subject.some(256))
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from glassworks.classify.run import checkpoints_of
from glassworks.core.errors import RunError
from glassworks.core.runs import Run
from glassworks.interpret.catalogue.image_subject import places_of
from glassworks.train.opening import OpenedLabelled, open_run


@dataclass(frozen=True, eq=False)
class RowSubject:
    """A model and rows for it, as it takes them: scaled numbers."""

    model: nn.Module
    rows: Float[Tensor, "N F"]
    """Of the test split, in random order."""
    targets: Shaped[Tensor, " N"]
    """Their classes, or their numbers."""
    classes: Sequence[str]
    """Names of the classes; () where the model says a number."""
    checkpoints: Callable[[], Iterator[tuple[int, nn.Module]]] = lambda: iter(())
    """The run's model as it was at some steps."""
    name: str = "model"
    folder: Path | None = None
    """The run's."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What "data" is, in a sentence."""
    seed: int = 0
    """Of all that is drawn at random."""

    def some(self, count: int) -> tuple[Float[Tensor, "M F"], Shaped[Tensor, " M"]]:
        """Some of the rows with their targets."""
        return self.rows[:count], self.targets[:count]


def open_row_subject(name: str | Path | Run, *, seed: int = 0) -> RowSubject:
    """A run of a table (by path or name), on the CPU, with the rows of its test split.

    Args:
        name: the run.
        seed: of what is drawn at random.

    Raises: RunError for what is no run of a table.
    """
    opened = open_run(name, use="look")
    if not isinstance(opened, OpenedLabelled) or not opened.is_table:
        raise RunError(f"{opened.path} has no network that reads rows of a table")
    if opened.run is None:
        raise RunError(f"{opened.path} is a model without rows of its own: give the run that it is of")
    run, part = opened.run, opened.data.test
    places = places_of(part)
    return RowSubject(
        model=opened.model,
        rows=torch.from_numpy(part.inputs(places)).float(),
        targets=torch.from_numpy(np.array(part.targets[places])),
        classes=opened.classes,
        checkpoints=lambda: checkpoints_of(run),
        name=run.name,
        folder=run.path,
        notes={"data": f"Numbers are of the run's own test split ({len(places):,} of its {len(part):,} rows)."},
        seed=seed,
    )
