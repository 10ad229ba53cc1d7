"""One episode, looked into step by step: what was seen, how likely each action was, and what the state was worth."""

import numpy as np
import torch

from glassworks.agents.opened import OpenedPolicy
from glassworks.agents.play import Episode, by_policy, follow
from glassworks.agents.recipe import policy_recipe_of
from glassworks.core.runs import Run
from glassworks.data.environments.grids import GRIDS
from glassworks.models.policy.network import Policy, make_policy
from glassworks.trace.legend import Dimension, Legend, Quantity
from glassworks.trace.trace import Trace
from glassworks.train.opening import open_run

SEED = 2**20
"""Of the beginning that is shown; those that are scored begin by others."""
SEEN = {
    "CartPole-v1": ("cart, m", "its speed", "pole, rad", "its speed "),
    "Acrobot-v1": ("cos 1", "sin 1", "cos 2", "sin 2", "speed 1", "speed 2"),
    "MountainCar-v0": ("position", "velocity"),
    "Pendulum-v1": ("cos", "sin", "speed"),
}
"""What the numbers are that are observed."""
DONE = {
    "CartPole-v1": ("left", "right"),
    "Acrobot-v1": ("torque -1", "no torque", "torque 1"),
    "MountainCar-v0": ("back", "nothing", "forward"),
    "Track": ("right", "straight on", "left"),
    **{name: process.actions for name, process in GRIDS.items()},
}
"""What actions are called."""

EPISODE = Legend(
    title="An episode, step by step",
    question="What does it see, what does it do, and how good does it think that its place is?",
    reading="Each curve goes along the episode. Choices that are sure are near 0 or 1. What a state is said to be "
    "worth is the rewards that are expected from there on, those to come later counting less.",
    nothing="A policy that has learned nothing chooses alike wherever it is, and finds all places worth the same.",
    control="Beside it is the network of the same shape before it learned, of the same observations.",
    quantities={
        "choices": Quantity("how likely each action was", ends=(0.0, 1.0), controls=("choices_untrained",)),
        "choices_untrained": Quantity("the same before training", show="beside"),
        "actions": Quantity("the numbers that it acted by", controls=("actions_untrained",)),
        "actions_untrained": Quantity("the same before training", show="beside"),
        "value": Quantity("what the state was said to be worth", controls=("value_untrained",)),
        "value_untrained": Quantity("the same before training", show="beside"),
        "seen": Quantity("what was observed", show="folded"),
        "states": Quantity("states", show="kept"),
    },
    numbers={"environment": "", "episode_return": "return", "steps": "steps"},
    axes={
        "step": Dimension("position", "step"),
        "action": Dimension("class", "action"),
        "number": Dimension("class", "observed"),
        "coordinate": Dimension("class", "coordinate"),
    },
)


def trace_episode(run: Run) -> int:
    """Write traces/episode of a run: an episode as its policy plays it; returns its steps."""
    opened = open_run(run, use="report")
    assert isinstance(opened, OpenedPolicy)
    environments = opened.make(1)
    episode = follow(by_policy(opened.model, environments.actions), environments, SEED)
    environments.close()
    recipe = policy_recipe_of(run)
    trace = looked_into(opened.model, make_policy(opened.model.config, recipe.seed), episode, environments.name)
    folder = run.path / "traces"
    folder.mkdir(exist_ok=True)
    trace.save(folder / "episode")
    return len(episode)


@torch.inference_mode()
def looked_into(policy: Policy, untrained: Policy, episode: Episode, name: str) -> Trace:
    """The trace of an episode.

    Args:
        policy: who played it.
        untrained: the same network before it learned, the control.
        episode: the episode.
        name: of its environment.
    """
    seen = torch.from_numpy(np.stack(episode.observed[: len(episode)]))
    arrays: dict[str, np.ndarray] = {"seen": seen.numpy()}
    axes: dict[str, tuple[str, ...]] = {"seen": ("step", "number")}
    for suffix, network in (("", policy), ("_untrained", untrained)):
        said = network(seen)
        scores = said.scores if policy.config.continuous else said.scores.softmax(-1)
        what = "actions" if policy.config.continuous else "choices"
        if policy.config.says == "values":
            what, scores = "worth", said.scores
        arrays |= {what + suffix: scores.numpy(), f"value{suffix}": said.value.numpy()}
        axes |= {what + suffix: ("step", "action"), f"value{suffix}": ("step",)}
    if episode.states:
        arrays["states"] = np.stack(episode.states[: len(episode)])
        axes["states"] = ("step", "coordinate")
    labels = {"number": list(SEEN.get(name, ())), "action": list(DONE.get(name, ()))}
    sizes = {"number": policy.config.observed, "action": policy.config.actions}
    labels = {axis: found for axis, found in labels.items() if len(found) == sizes[axis]}
    meta: dict[str, str | float | int] = {"environment": name, "episode_return": episode.total, "steps": len(episode)}
    return Trace("episode", arrays, axes, labels, meta, legend=EPISODE)
