"""Methods run on a subject: a trace, or the reason why there is none."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from glassworks.core.errors import GlassworksError
from glassworks.interpret.catalogue.image_subject import ImageSubject
from glassworks.interpret.catalogue.methods import METHODS, function
from glassworks.interpret.catalogue.row_subject import RowSubject
from glassworks.interpret.catalogue.subject import Subject
from glassworks.trace.trace import Trace


@dataclass(frozen=True)
class Outcome:
    """What became of one method."""

    name: str
    trace: Trace | None
    refusal: str
    """Why there is no trace."""
    seconds: float


def run_methods(
    subject: Subject | ImageSubject | RowSubject,
    names: Sequence[str],
    *,
    traces: Path | None = None,
    mendable: Callable[[Exception], bool] = lambda error: isinstance(error, GlassworksError | ValueError),
    tell: Callable[[str], object] = str,
) -> list[Outcome]:
    """Run some methods, one after the other.

    Args:
        subject: the model with its texts, images or rows.
        names: of `METHODS`.
        traces: a folder for <method>.json and .npz; None = they are not kept.
        mendable: whether an error is a method's refusal (a model without MLPs, a text too short for it), and not a
            bug, which is raised.
        tell: told each method as it begins.

    Raises: the first refusal, if every method refuses.
    """
    outcomes, refused = [], []
    for number, name in enumerate(names, 1):
        tell(f"{number}/{len(names)} {name}")
        started = time.perf_counter()
        trace, refusal = None, ""
        try:
            trace = function(METHODS[name])(subject)
        except Exception as error:
            if not mendable(error):
                raise
            refused.append(error)
            refusal = " ".join(str(error).split())
        outcomes.append(Outcome(name, trace, refusal, time.perf_counter() - started))
        if traces is not None and trace is not None:
            trace.save(traces / name)
    if refused and len(refused) == len(names):
        raise refused[0]
    return outcomes
