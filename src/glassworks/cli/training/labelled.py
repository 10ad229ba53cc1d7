"""A training on images or a table, at the command line: what is told on the way, and what to do with the model."""

from torch import nn

from glassworks.classify import run as labelled
from glassworks.core.called import command
from glassworks.core.progress import Report, say
from glassworks.core.runs import Run
from glassworks.data.labelled.prepare import Labelled
from glassworks.evaluate.labelled.predictions import validation
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every
from glassworks.train.pace import Often


def train(run: Run, place: Ranks, report: Report) -> bool:
    """From wherever the run stands to its last step; whether it got there."""
    arrived = labelled.train(run, watch=watch, ranks=place, report=report)
    kept = run.record.get("kept")
    if arrived and place.first and kept is not None and kept["step"] != run.steps:
        say(f"kept the weights after step {kept['step']:,}, the best of the validation split: --keep last keeps others")
    return arrived


def further(run: Run) -> list[tuple[str, str]]:
    """What can be done with the model."""
    return [("predict", command("predict", run.path, "FILES"))]


def watch(examples: Labelled, judged: nn.Module, often: Often) -> Every:
    """Evaluation, for the training loop."""

    def validate(step: int, model: object) -> dict[str, float]:
        scores = validation(judged, examples.validation)
        words = ", ".join(f"{name.removeprefix('val_').replace('_', ' ')} {x:.4g}" for name, x in scores.items())
        say(f"step {step:,}: of the validation split, {words}")
        return scores

    return [(often, validate)]
