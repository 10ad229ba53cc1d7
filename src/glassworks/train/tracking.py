"""A run's metrics in the tools people have: TensorBoard's event files, trackio and wandb.

Each is a package of its own, which nothing imports before `tracking` does. metrics.jsonl stays what is resumed and
reported from; a tool is told each of its rows, once that is written.
"""

import dataclasses
import importlib
import importlib.util
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

from glassworks.core.called import install
from glassworks.core.errors import RunError
from glassworks.core.progress import say
from glassworks.core.runs import Run
from glassworks.core.types import Tracker

Log = Callable[[Mapping[str, int | float], int], object]
"""Takes the numbers of a row by name, and its step."""


def check_installed(tool: Tracker | None) -> None:
    """ValueError with the command that installs it, if a tool is not there; nothing is imported."""
    if tool is None:
        return
    spec = importlib.util.find_spec(tool)
    if spec is None or spec.origin is None:  # a mere folder of that name, such as wandb leaves where it was used
        raise ValueError(f"log (={tool}) needs the package {tool}: {install(tool)}")


@contextmanager
def tracking(run: Run, tool: Tracker | None) -> Iterator[Run]:
    """The same run, whose rows of metrics a tool is told as well while the block lasts.

        with tracking(run, "tensorboard") as run:
            fit(model, batches, loss_fn, optimizer, steps=1000, run=run)

    A run that goes on continues its series. A resumed training computes rows after its checkpoint again, to the same
    numbers: those that were written before are not told again, so no step is there twice.

    Args:
        run: the run; its name is that of its series, and its recipe the configuration beside it.
        tool: tensorboard writes event files below the run, in tensorboard/. trackio and wandb get a series in their
            project "glassworks". None = the run as it is.

    Raises: ValueError with the command that installs the tool, if it is not there; RunError if it cannot begin, as
        wandb cannot without an account.
    """
    if tool is None:
        yield run
        return
    check_installed(tool)
    last_logged = max((row.get("step", 0) for row in run.rows("metrics")), default=0)
    log, finish = event_files(run) if tool == "tensorboard" else series(run, tool, goes_on=last_logged > 0)

    def follow(row: Mapping[str, Any]) -> None:
        if row["step"] > last_logged:
            log({name: value for name, value in row.items() if name != "step" and value is not None}, row["step"])

    try:
        yield dataclasses.replace(run, follow=follow)
    finally:
        finish()


def event_files(run: Run) -> tuple[Log, Callable[[], object]]:
    """What writes a step's numbers to TensorBoard's event files, and what closes them; each time, they are one more."""
    folder = run.path / "tensorboard"
    writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(folder)

    def log(numbers: Mapping[str, int | float], step: int) -> None:
        for name, value in numbers.items():
            writer.add_scalar(name, value, step)
        writer.flush()  # so that a row is there before the next one, whenever the process is killed

    say(f"metrics go to TensorBoard, too: tensorboard --logdir {folder}")
    return log, writer.close


def series(run: Run, tool: Tracker, *, goes_on: bool) -> tuple[Log, Callable[[], object]]:
    """The same for a package with wandb's functions: `init`, `log` and `finish`. What it prints is said."""
    module = importlib.import_module(tool)
    if tool == "wandb":  # which knows a series by the id that we give it, trackio by its name
        identity = {"id": f"{run.name}-{run.record['created'].replace(':', '')}", "resume": "allow"}
    else:
        identity = {"resume": "allow" if goes_on else "never"}
    with prints_as_messages():
        try:
            module.init(project="glassworks", name=run.name, config=run.record.get("recipe", {}), **identity)
        except Exception as error:
            raise RunError(f"{tool} could not begin: {error}") from error

    def finish() -> None:
        with prints_as_messages():
            module.finish()

    return module.log, finish


@contextmanager
def prints_as_messages() -> Iterator[None]:
    """In the block what is printed is said instead: on stderr, or not at all where it is to be quiet."""
    with redirect_stdout(io.StringIO()) as printed:
        yield
    for line in filter(str.strip, printed.getvalue().splitlines()):
        say(line)
