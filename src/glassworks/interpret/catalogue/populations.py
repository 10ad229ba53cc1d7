"""Optimizers seen at work: on a test function, or on the loss of a run along two directions of its weights."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from glassworks.core.runs import ROOT, Run
from glassworks.interpret.catalogue.image_subject import open_image_subject
from glassworks.interpret.catalogue.landscapes import AnySubject, examples_of, problem, unit_of
from glassworks.interpret.catalogue.row_subject import open_row_subject
from glassworks.interpret.catalogue.subject import open_subject
from glassworks.interpret.landscapes.objective import lent
from glassworks.interpret.landscapes.population import population_on_function, population_on_network, strongest
from glassworks.optim.functions import FUNCTIONS
from glassworks.trace.trace import Trace

EXAMPLES = 64
"""Of a run's own, at most: the loss is asked for some thousand times."""


def populations(names: Sequence[str], on: str, *, generations: int = 40, seed: int = 0) -> Iterator[Trace]:
    """Each optimizer's way, one after the other.

    Args:
        names: of optimizers.
        on: a test function (`optim.functions.FUNCTIONS`), or a run of text, images or a table, whose loss on a batch
            of its own data is taken along the two directions in which it is steepest.
        generations: steps of each.
        seed: of all that is drawn at random.

    Raises: ValueError for an optimizer or a function that is none; RunError for what is no such run.
    """
    if on in FUNCTIONS:
        yield from (population_on_function(name, on, generations=generations, seed=seed) for name in names)
        return
    if not any((folder / "run.json").is_file() for folder in (Path(on), ROOT / on)):
        raise ValueError(f"on (={on!r}) is neither a run nor a test function: give one of {', '.join(FUNCTIONS)}")
    run = Run.open(on, "optimizers --on")
    subject = open_any(run)
    asked = problem(subject)
    asked = asked._replace(batch=tuple(part[:EXAMPLES] for part in asked.batch))
    with lent(*asked, seed=seed) as objective:
        plane = strongest(objective, seed)
    what = (
        f"the mean loss of the run {run.name} on {len(asked.batch[0])} {examples_of(subject)} ({unit_of(subject)}), "
        "along the two directions of its weights in which it is steepest"
    )
    for name in names:
        yield population_on_network(name, *asked, plane=plane, generations=generations, seed=seed, what=what)


def open_any(run: Run) -> AnySubject:
    """The subject of a run, of its kind."""
    if run.kind_name == "images":
        return open_image_subject(run)
    return open_row_subject(run) if run.kind_name == "table" else open_subject(str(run.path))
