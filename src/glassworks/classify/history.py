"""The network of a run as it was on the way: after 1, 4, 16, 64, ... steps, to see how its features came to be.

    runs/<name>/history/step_000016.safetensors     weights alone, the averaged ones where there are some

Features of the first layers are there within a few steps, so the steps lie close together at the beginning.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from torch import nn

from glassworks.core.errors import FileDamaged
from glassworks.core.files import atomic_file
from glassworks.core.runs import Run
from glassworks.models.io import read_tensors, write_tensors


def remembering(run: Run, judged: nn.Module) -> Callable[[int, nn.Module], dict[str, float]]:
    """What `fit` is to call after every step, so that the weights of some are kept."""

    def remember(step: int, _: nn.Module) -> dict[str, float]:
        if step & (step - 1) == 0 and step.bit_length() % 2:  # a power of 4
            with atomic_file(file_of(run, step)) as temporary:
                write_tensors(judged.state_dict(), temporary)
        return {}

    return remember


def file_of(run: Run, step: int) -> Path:
    """Where the weights after some step are."""
    return run.path / "history" / f"step_{step:06}.safetensors"


def history(run: Run, begin: Callable[[], nn.Module], end: nn.Module) -> Iterator[tuple[int, nn.Module]]:
    """The steps that are kept, with the network at each, from the untrained one to the finished one.

    Args:
        run: whose steps.
        begin: makes the network as it was before the first step.
        end: the finished one.

    Raises: FileDamaged for a file that does not hold its weights.
    """
    yield 0, begin()
    steps = sorted(int(file.stem.removeprefix("step_")) for file in (run.path / "history").glob("step_*.safetensors"))
    for step in steps:
        if step < (run.steps or 0):
            model, file = begin(), file_of(run, step)
            try:
                model.load_state_dict(read_tensors(file))
            except RuntimeError as error:
                raise FileDamaged(f"{file} does not hold this network's weights: delete it") from error
            yield step, model
    yield run.steps or 0, end
