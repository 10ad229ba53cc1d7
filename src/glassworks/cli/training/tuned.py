"""A tuning, at the command line: what is told on the way, and what can be done with the model."""

from collections.abc import Callable

from torch import nn

from glassworks.core.called import command
from glassworks.core.kinds import found
from glassworks.core.progress import Report, say
from glassworks.core.runs import Run
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every
from glassworks.train.pace import Often
from glassworks.tune.material import Material
from glassworks.tune.run import tune

SAID = {"nats_per_token": "nats/token", "loss": "loss", "accuracy": "accuracy", "reward_margin": "margin"}
"""Of what is measured on the way, what is said, and how it is called."""


def train(run: Run, place: Ranks, report: Report) -> bool:
    """From wherever the run stands to its last step; whether it got there."""
    return tune(run, watch=watch, ranks=place, report=report)


def further(run: Run) -> list[tuple[str, str]]:
    """What can be done with the model."""
    if run.kind_name == "reward":
        base = run.record["recipe"]["start_from"]
        return [("tune by it", command("tune", base, "PROMPTS", "--method", "grpo", "--reward", run.path))]
    return [("write", command("sample", run.path))]


def watch(material: Material, judged: nn.Module, often: Often) -> Every:
    """Evaluation, for the training loop."""
    if material.method.look is None:
        return []
    looks: Callable[[nn.Module], dict[str, float]] = found(material.method.look)(material)

    def validate(step: int, model: object) -> dict[str, float]:
        scores = looks(judged)
        told = {name: scores[f"val_{name}"] for name in SAID if f"val_{name}" in scores}
        numbers = ", ".join(f"{SAID[name]} {value:.4f}" for name, value in told.items())
        say(f"step {step:,}: held-out examples, {numbers}")
        return scores

    return [(often, validate)]
