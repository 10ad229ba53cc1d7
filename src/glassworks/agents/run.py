"""A training in an environment: from a run's recipe to its policy, however often it is killed on the way.

`start` makes a run's folder; `train` goes from wherever the run stands to its end. Resuming is calling it again.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glassworks.agents import dqn, gradient, stepwise
from glassworks.agents.memory import Acting, Agent, begin_tally, told
from glassworks.agents.opened import OpenedPolicy
from glassworks.agents.recipe import ONE_BY_ONE, PolicyRecipe, policy_recipe_of
from glassworks.core.progress import Report, silent
from glassworks.core.runs import Run, check_run
from glassworks.data.environments.open import open_environments, what_is
from glassworks.data.environments.spaces import Box, Discrete, Space, in_words, plain
from glassworks.data.environments.vector import Vector
from glassworks.models.policy.config import PolicyConfig
from glassworks.models.policy.files import load_policy, save_policy
from glassworks.models.policy.network import Policy, make_policy
from glassworks.objectives.losses import LossFn
from glassworks.optim.groups import make_optimizer
from glassworks.train.begin import begin, check_begin
from glassworks.train.best import keeping_best, take_best
from glassworks.train.distributed import Ranks
from glassworks.train.fit import Every, Interrupted
from glassworks.train.pace import Often
from glassworks.train.run import load_newest, train_run
from glassworks.train.work import Work

Watch = Callable[[PolicyRecipe, Policy, Often], Every]
"""What else to do during training, given the recipe, the policy to judge and how often to evaluate: evaluation comes in
this way, from a room above."""
ROWS = 200
"""Rows of metrics at most."""


def check_data(recipe: PolicyRecipe) -> None:
    """Refuse a recipe whose environment is not there, or which its method cannot act in, before there is a run."""
    environments = open_environments(recipe.data, 1, limit=recipe.limit)
    try:
        shape_for(recipe, environments)
        if recipe.method == "reinforce" and environments.limit is None:
            raise ValueError(f"data (={recipe.data!r}) has no limit of steps, and reinforce waits for ends: take ppo")
    finally:
        environments.close()


def start(path: str | Path, recipe: PolicyRecipe, command: list[str], ranks: Ranks | None = None) -> Run:
    """Plan the steps and write run.json; nothing is trained yet."""
    path, place = Path(path), ranks or Ranks()
    check_begin(path, recipe, place)
    if place.world > 1:
        raise ValueError(f"an agent is trained by one process, and there are {place.world}: leave out torchrun")
    environments = open_environments(recipe.data, 1, limit=recipe.limit)
    recipe = dataclasses.replace(recipe, model=shape_for(recipe, environments))
    facts = facts_of(environments)
    environments.close()
    return begin(path, "policy", recipe, Practice(recipe).work(), command, place, environment=facts)


def train(run: Run, *, watch: Watch | None = None, ranks: Ranks | None = None, report: Report = silent) -> bool:
    """Train from the newest checkpoint, or from nothing, to the planned end; whether it got there (ctrl-C stops it).

    Leaves run/model, and a `result` in run.json: steps, seconds, memory. One process at a time may train a run; another
    is refused.
    """
    check_run(run)
    recipe = policy_recipe_of(run)
    practice = Practice(recipe)
    work = dataclasses.replace(
        practice.work(),
        watch=partial(practice.watched, run, watch),
        keep=partial(keep, run, recipe),
    )
    try:
        train_run(run, recipe, work, ranks=ranks, report=report)
    except Interrupted:
        return False
    finally:
        practice.close()
    return True


def keep(run: Run, recipe: PolicyRecipe, judged: nn.Module) -> None:
    """Write the finished policy: with its best weights, if the recipe says so, and run.json says which these are."""
    policy = policy_in(judged)
    best = take_best(run, policy) if recipe.keep == "best" else None
    if best is not None:
        run.update(kept={"step": best[0], "score": -best[1]})
    save_policy(policy, run.path / "model", run.record.get("environment", {}))


# ----------------------------------------------------------------------------------------------------------------------
# What there is to do


class Practice:
    """The agent in its environments: what `Work` has to say, with the environments that go along with it."""

    def __init__(self, recipe: PolicyRecipe, environments: Vector | None = None) -> None:
        self.recipe, self.given = recipe, environments
        self.acting: Acting | None = None

    def work(self) -> Work:
        """What every training of an agent does; the recipe's network has the environment's shape."""
        recipe = self.recipe
        return Work(
            build=self.build, batches=self.batch, loss_fn=loss_of(recipe), one_shape=False, log_every=log_every(recipe)
        )

    def build(self, device: torch.device, dtype: torch.dtype) -> tuple[nn.Module, torch.optim.Optimizer]:
        """The agent and its optimizer, as they are before the first step, and environments at their beginning."""
        recipe = self.recipe
        if device.type != "cpu":
            raise ValueError(f"device (={recipe.device!r}) is not for agents, whose networks are small: take cpu")
        self.close()
        number = recipe.own("n_envs") or 1
        environments = self.given or open_environments(recipe.data, number, limit=recipe.limit)
        agent = Agent(make_policy(recipe.model, recipe.seed))
        begin_tally(agent, environments.number)
        self.acting = Acting(agent, environments, recipe.seed)
        if recipe.method == "ppo":
            gradient.begin_collected(recipe, agent)
        elif recipe.method == "dqn":
            dqn.begin_memory(recipe, agent)
        if recipe.method in ONE_BY_ONE:
            return agent, torch.optim.SGD(agent.parameters(), lr=1.0)
        return agent, make_optimizer(agent.policy, recipe.optimizer, dtype=dtype, seed=recipe.seed)

    def batch(self, step: int) -> Any:
        """What the agent does before a step of learning, and what it learns from."""
        assert self.acting is not None  # whoever asks for batches has built the agent
        return BATCHES[self.recipe.method](self.recipe, self.acting, step)

    def watched(self, run: Run, watch: Watch | None, judged: nn.Module, often: Often) -> Every:
        """Returns of episodes with each row, what was asked for, and the best weights by that."""
        asked: Every = [] if watch is None else watch(self.recipe, policy_in(judged), often)
        if self.recipe.keep == "best":
            asked = keeping_best(run, policy_in(judged), asked)

        def returns(step: int, model: nn.Module) -> Mapping[str, int | float]:
            assert isinstance(model, Agent)
            return told(model)

        return [(log_every(self.recipe), returns), *asked]

    def close(self) -> None:
        """Let go of the environments."""
        if self.acting is not None and self.given is None:
            self.acting.environments.close()
        self.acting = None


BATCHES: dict[str, Callable[[PolicyRecipe, Acting, int], Any]] = {
    **gradient.BATCHES,
    "dqn": dqn.dqn_batch,
    "sarsa": stepwise.stepwise_batch,
    "q_learning": stepwise.stepwise_batch,
}


def loss_of(recipe: PolicyRecipe) -> LossFn:
    """The loss of a method's batches."""
    if recipe.method == "dqn":
        return dqn.dqn_loss(recipe)
    return stepwise.stepwise_loss if recipe.method in ONE_BY_ONE else gradient.gradient_loss(recipe)


def log_every(recipe: PolicyRecipe) -> int:
    """Steps between rows: once for everything that is collected, and some 200 times in a run at most."""
    return recipe.uses * max(1, recipe.steps // (recipe.uses * ROWS))


def policy_in(judged: nn.Module) -> Policy:
    """The policy of an agent."""
    assert isinstance(judged, Agent)
    return judged.policy


def shape_for(recipe: PolicyRecipe, environments: Vector) -> PolicyConfig:
    """The network's shape for an environment.

    Raises: ValueError where the method is not for it.
    """
    seen, actions = environments.observation, environments.actions
    continuous = isinstance(actions, Box)
    if continuous and recipe.method not in ("ppo", "actor_critic", "reinforce"):
        raise ValueError(
            f"method (={recipe.method!r}) values actions one by one, and those of {environments.name} are numbers: "
            "take ppo"
        )
    said = recipe.shape()
    if recipe.method in ONE_BY_ONE and said.get("reads") == "numbers" and not isinstance(seen, Discrete):
        if recipe.model.reads == "numbers":
            raise ValueError(
                f"reads (='numbers') is not for {recipe.method} here, whose features are 0 or 1: take tiles"
            )
        said["reads"] = "tiles"
    ends: dict[str, Any] = reach(seen) if said["reads"] == "tiles" else {}
    return dataclasses.replace(
        recipe.model, **said, **ends, observed=seen.width, actions=actions.width, continuous=continuous
    )


def reach(seen: Space) -> dict[str, tuple[float, ...]]:
    """Between which ends tiles are laid; ValueError where there are none."""
    if not isinstance(seen, Box) or not seen.is_bounded:
        raise ValueError("tiles need observations between two ends, and some here have none: take dqn, or ppo")
    return {"low": seen.low, "high": seen.high}


def facts_of(environments: Vector) -> dict[str, Any]:
    """What run.json and the model's folder say of the environment."""
    return {
        "name": environments.name,
        "what": what_is(environments),
        "observation": plain(environments.observation),
        "actions": plain(environments.actions),
        "observed": in_words(environments.observation),
        "done": in_words(environments.actions),
        "limit": environments.limit,
        "goal": environments.goal,
    }


# ----------------------------------------------------------------------------------------------------------------------
# Opening one


def opened(run: Run, device: torch.device) -> OpenedPolicy:
    """A run of an agent: its policy, and what it acts in. What `open_run` calls."""
    check_run(run)
    path, recipe = run.path / "model", policy_recipe_of(run)

    def environments(number: int = 1) -> Vector:
        return open_environments(recipe.data, number, limit=recipe.limit)

    if (path / "config.json").is_file():
        policy, environment = load_policy(path, device=device)
    else:
        agent = Agent(make_policy(recipe.model))
        load_newest(run, recipe, agent)
        policy, environment = agent.policy.to(device), run.record.get("environment", {})
    return OpenedPolicy(model=policy, path=path, run=run, environment=environment, make=environments)
