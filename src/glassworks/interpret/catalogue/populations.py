"""Optimizers seen at work: on a test function, or on the loss of a run along two directions of its weights."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from glassworks.core.runs import ROOT, Run
from glassworks.interpret.catalogue.image_subject import open_image_subject
from glassworks.interpret.catalogue.landscapes import problem
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
        on: a test function (`optim.functions.FUNCTIONS`), or a run of text or of images, whose loss on a batch of its
            own data is taken along the two directions in which it is steepest.
        generations: steps of each.
        seed: of all that is drawn at random.

    Raises: ValueError for an optimizer or a function that is none; RunError for what is no such run.
    """
    if on in FUNCTIONS:
        yield from (population_on_function(name, on, generations=generations, seed=seed) for name in names)
        return
    if not any((folder / "run.json").is_file() for folder in (Path(on), ROOT / on)):
        raise ValueError(f"on (={on!r}) is neither a run nor a test function: give one of {', '.join(FUNCTIONS)}")
    run = Run.open(on, "look")
    subject = open_image_subject(on) if run.kind_name == "images" else open_subject(on)
    asked = problem(subject)
    asked = asked._replace(batch=tuple(part[:EXAMPLES] for part in asked.batch))
    with lent(*asked, seed=seed) as objective:
        plane = strongest(objective, seed)
    for name in names:
        yield population_on_network(name, *asked, plane=plane, generations=generations, seed=seed)
