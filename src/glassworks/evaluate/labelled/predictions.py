"""What a network says of every example of a part, with memory for what it says and one batch of inputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from glassworks.core.errors import RunError
from glassworks.core.progress import tracked
from glassworks.data.labelled.changes import as_pixels
from glassworks.models.modes import evaluating
from glassworks.objectives.metrics.classification import log_softmax

Array = np.ndarray
BATCH = 256
"""Examples at a time: LeNet to ResNet-20 are no sooner with more."""
LOOK = 10_000
"""Examples that are looked at during training, at most."""


@runtime_checkable
class PartLike(Protocol):
    """What is read of a part of labelled data (`data.labelled.prepare.Part`)."""

    def __len__(self) -> int:
        """How many there are."""

    def inputs(self, indices: Any, /) -> Array:
        """Those of some: uint8 images (n, C, H, W), or float32 rows (n, F)."""

    @property
    def targets(self) -> Array:
        """(N,) int64 classes, or float64 numbers."""

    def names(self, indices: Any, /) -> list[str]:
        """What some are called."""

    @property
    def groups(self) -> Array | None:
        """(N,) int64, or None."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What is predicted of the examples of a part, of classes or of numbers; and what is true."""

    targets: Array
    """(N,) int64 classes, or float64 numbers."""
    log_probabilities: Float[Array, "N K"] | None = None
    """float64, of the classes. -inf where a predictor excludes one."""
    values: Float[Array, " N"] | None = None
    """The numbers."""
    groups: Int[Array, " N"] | None = None
    names: Callable[[Sequence[int]], list[str]] = field(default=lambda indices: [str(i) for i in indices], repr=False)
    """What some examples are called."""

    @cached_property
    def probabilities(self) -> Float[Array, "N K"]:
        """Of the classes, float64."""
        assert self.log_probabilities is not None
        found: Array = np.exp(self.log_probabilities)
        return found

    @cached_property
    def predicted(self) -> Int[Array, " N"]:
        """The likeliest class of each; of several, the first."""
        assert self.log_probabilities is not None
        found: Array = self.log_probabilities.argmax(1)
        return found

    @cached_property
    def confidence(self) -> Float[Array, " N"]:
        """The probability of the predicted class."""
        found: Array = self.probabilities[np.arange(len(self)), self.predicted]
        return found

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self.targets)

    def at(self, temperature: float) -> "Predictions":
        """The same with another temperature: softmax(log p / T)."""
        assert self.log_probabilities is not None
        return Predictions(
            self.targets, log_softmax(self.log_probabilities / temperature), groups=self.groups, names=self.names
        )


def predict_part(
    model: nn.Module,
    part: PartLike,
    *,
    indices: Int[Array, " n"] | None = None,
    batch_size: int = BATCH,
    label: str | None = "measure the network",
) -> Predictions:
    """Run a model in evaluation mode over a part, once.

    Args:
        model: images (B, C, H, W) in [0, 1], or rows (B, F), to logits (B, K), or to numbers (B, 1). Its mode is
            restored; it computes where its parameters are.
        part: the examples; those with integer targets are of classes.
        indices: which of them; None = all, in their order.
        batch_size: examples at a time.
        label: under which a command tells how far it is; None = not at all.

    Raises: ValueError for a part without examples or outputs of another number; RunError for an output that is not
    finite, with the name of the example.
    """
    chosen = np.arange(len(part)) if indices is None else indices
    if not len(chosen):
        raise ValueError("the part has no example to predict: hold out more")
    parameter = next(model.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    outputs: Array | None = None
    with tracked(label, len(chosen)) as report, evaluating(model), torch.no_grad():
        for start in range(0, len(chosen), batch_size):
            batch = chosen[start : start + batch_size]
            found = model(as_tensor(part.inputs(batch)).to(device)).float().cpu().numpy()
            if not np.isfinite(found).all():
                wrong = int(np.isfinite(found.reshape(len(batch), -1)).all(1).argmin())
                name = part.names([int(batch[wrong])])[0]
                raise RunError(
                    f"the output for {name} is not finite: the weights have diverged, go back to a checkpoint"
                )
            if outputs is None:  # one array from the start: small ones kept between batches would tear the heap apart
                outputs = np.empty((len(chosen), *found.shape[1:]), np.float32)
            outputs[start : start + len(batch)] = found
            report(start + len(batch))
    assert outputs is not None
    found, targets = outputs, part.targets[chosen]
    groups = None if part.groups is None else part.groups[chosen]

    def names(places: Sequence[int]) -> list[str]:
        return part.names(chosen[np.asarray(places, np.int64)])

    if np.issubdtype(targets.dtype, np.integer):
        if targets.max() >= found.shape[1]:
            raise ValueError(f"targets have class {targets.max()}: the model tells only {found.shape[1]} apart")
        return Predictions(targets, log_softmax(found), groups=groups, names=names)
    if found.size != len(chosen):
        raise ValueError(f"the model gives {found.shape[1:]} numbers an example: one is wanted, of a target")
    return Predictions(targets, values=found.reshape(-1).astype(np.float64), groups=groups, names=names)


def as_tensor(inputs: Array) -> torch.Tensor:
    """Inputs as models take them: pixels in [0, 1] of bytes, all else as it is, in float32."""
    return as_pixels(inputs) if inputs.dtype == np.uint8 else torch.from_numpy(inputs).float()


def validation(model: nn.Module, part: PartLike, *, most: int = LOOK) -> dict[str, float]:
    """A look during training, at `most` examples spread evenly, always the same ones.

    Of classes: `val_loss` in nats an example, and `val_accuracy`; of numbers `val_rmse` and `val_mae`, in their units.
    Nothing of a part without examples.
    """
    if not len(part):
        return {}
    indices = None if len(part) <= most else np.linspace(0, len(part) - 1, most).astype(np.int64)
    found = predict_part(model, part, indices=indices, label="evaluate")
    if found.log_probabilities is None:
        errors = found.values - found.targets
        return {"val_rmse": float(np.sqrt(np.square(errors).mean())), "val_mae": float(np.abs(errors).mean())}
    losses = -found.log_probabilities[np.arange(len(found)), found.targets]
    return {"val_loss": float(losses.mean()), "val_accuracy": float((found.predicted == found.targets).mean())}
