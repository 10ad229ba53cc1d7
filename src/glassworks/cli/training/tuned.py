"""A tuning, at the command line: what is told on the way, and what can be done with the model."""

from torch import nn

from glassworks.core.called import command
from glassworks.core.progress import Report, say
from glassworks.core.runs import Run
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every
from glassworks.train.pace import Often
from glassworks.tune.material import Material
from glassworks.tune.run import tune
from glassworks.tune.sft import held_out_loss

LOOK = 64
"""Held-out examples that are looked at on the way, at most."""


def train(run: Run, place: Ranks, report: Report) -> bool:
    """From wherever the run stands to its last step; whether it got there."""
    return tune(run, watch=watch, ranks=place, report=report)


def further(run: Run) -> list[tuple[str, str]]:
    """What can be done with the model."""
    return [("write", command("sample", run.path))]


def watch(material: Material, judged: nn.Module, often: Often) -> Every:
    """Evaluation, for the training loop."""
    rows, filler = material.sequences("held_out")[:LOOK], material.base.tokenizer.eot

    def validate(step: int, model: object) -> dict[str, float]:
        scores = held_out_loss(judged, rows, filler)
        say(f"step {step:,}: held-out examples {scores['val_nats_per_token']:.4f} nats/token")
        return scores

    return [(often, validate)]
