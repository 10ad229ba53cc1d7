"""What a training of an agent is about to do: its environment, its method, its network, the machine, and how long."""

from collections.abc import Iterator

import torch

from glassworks.agents.recipe import ONE_BY_ONE, PolicyRecipe, policy_recipe_of
from glassworks.cli.training.words import computed
from glassworks.core.progress import counted, seconds
from glassworks.core.runs import Run
from glassworks.models.policy.network import make_policy
from glassworks.train.distributed import Ranks
from glassworks.train.plan import plan_of

NAMES = {
    "ppo": "PPO, proximal policy optimisation",
    "actor_critic": "actor-critic",
    "reinforce": "REINFORCE, with values as its baseline",
    "dqn": "DQN, double Q-learning by a network",
    "sarsa": "SARSA(λ)",
    "q_learning": "Q-learning",
}


def facts(run: Run, place: Ranks, begin: int) -> Iterator[tuple[str, str]]:
    """Names and texts, from what run.json says; `begin` steps are done."""
    recipe, plan, about = policy_recipe_of(run), plan_of(run), run.record.get("environment", {})
    yield "act in", about.get("what", recipe.data)
    yield "", f"sees {about.get('observed', 'its observations')}; does {about.get('done', 'its actions')}"
    if about.get("limit") is not None:
        goal = "" if about.get("goal") is None else f"; a return of {about['goal']:g} solves it"
        yield "", f"episodes of {counted(about['limit'], 'step')} at the most{goal}"
    yield "method", f"{NAMES[recipe.method]}: {settings(recipe)}"
    with torch.device("meta"):
        weights = sum(p.numel() for p in make_policy(recipe.model).parameters())
    depth = recipe.model.depth
    shape = f"{counted(depth or 0, 'hidden layer')} of {recipe.model.width}" if depth else "one weight for each feature"
    yield "network", f"{weights:,} parameters: {shape}, {recipe.model.observed} to {recipe.model.actions}"
    yield "computed", computed(recipe, plan, place)
    steps = run.steps or plan.steps
    yield "plan", f"{counted(steps, 'step')} of learning{experience(recipe, steps)}"
    left = steps - begin
    told = "told as it goes" if plan.step_seconds is None else f"about {seconds(left * plan.step_seconds)}"
    yield "time left" if begin else "time", f"{told}; evaluations and measuring it at the end come on top"


def settings(recipe: PolicyRecipe) -> str:
    """What the method was told, in its own names."""
    names = ("n_envs", "n_steps", "epochs", "gamma", "lam", "entropy", "alpha", "explore", "memory", "episodes")
    return ", ".join(f"{name} {recipe.own(name):g}" for name in names if recipe.own(name) is not None)


def experience(recipe: PolicyRecipe, steps: int) -> str:
    """How much is lived through in so many steps."""
    if recipe.method in ONE_BY_ONE:
        return f" from {recipe.own('episodes') * steps:,} episodes"
    if recipe.method == "reinforce":
        return f" from {recipe.own('n_envs') * steps:,} episodes"
    return f" from {-(-steps // recipe.uses) * recipe.collected:,} steps of environments"
