"""A training of an agent, at the command line: what is told on the way, and what to do with the policy."""

from glassworks.agents import run as agents
from glassworks.agents.recipe import PolicyRecipe
from glassworks.core.called import command
from glassworks.core.progress import Report, say
from glassworks.core.runs import Run
from glassworks.data.environments.open import open_environments
from glassworks.evaluate.agents.run import validation
from glassworks.evaluate.agents.verdict import number
from glassworks.models.policy.network import Policy
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every
from glassworks.train.pace import Often

PLAYED = 20
"""Episodes of a look on the way."""


def train(run: Run, place: Ranks, report: Report) -> bool:
    """From wherever the run stands to its last step; whether it got there."""
    arrived = agents.train(run, watch=watch, ranks=place, report=report)
    kept = run.record.get("kept")
    if arrived and kept is not None and kept["step"] != run.steps:
        say(f"kept the weights after step {kept['step']:,}, which returned most: --keep last keeps others")
    return arrived


def further(run: Run) -> list[tuple[str, str]]:
    """What can be done with the policy."""
    return [("eval", command("eval", run.path)), ("predict", command("predict", run.path, "OBSERVATIONS.csv"))]


def watch(recipe: PolicyRecipe, judged: Policy, often: Often) -> Every:
    """Evaluation, for the training loop."""
    environments = open_environments(recipe.data, PLAYED, limit=recipe.limit)

    def validate(step: int, model: object) -> dict[str, float]:
        scores = validation(judged, environments)
        say(f"step {step:,}: {PLAYED} episodes return {number(scores['val_return'])} on the mean")
        return scores

    return [(often, validate)]
