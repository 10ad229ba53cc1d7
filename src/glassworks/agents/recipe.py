"""A recipe of an agent: everything that decides what a training in an environment computes, as plain values."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from glassworks.core.runs import Run
from glassworks.core.text import RENAME, check_text
from glassworks.models.policy.config import PolicyConfig
from glassworks.optim.catalogue import METHODS as OPTIMIZERS
from glassworks.optim.config import OptimizerConfig, ScheduleConfig
from glassworks.train.training import Training, recipe_in

Method = Literal["ppo", "actor_critic", "reinforce", "dqn", "sarsa", "q_learning"]
METHODS: tuple[Method, ...] = get_args(Method)

GRADIENT = ("ppo", "actor_critic", "reinforce")
"""Methods that follow the policy's gradient: their policies draw actions, of numbers as well."""

ONE_BY_ONE = ("sarsa", "q_learning")
"""Methods that learn from each step as it comes."""
GIVEN: dict[str, Any] = {"name": "adamw", "betas": (0.9, 0.999)}

OWN: dict[Method, dict[str, Any]] = {
    "ppo": {"n_envs": 16, "n_steps": 128, "epochs": 4, "lam": 0.95, "gamma": 0.99, "entropy": 0.0},
    "actor_critic": {"n_envs": 16, "n_steps": 8, "lam": 1.0, "gamma": 0.99, "entropy": 0.01},
    "reinforce": {"n_envs": 16, "gamma": 0.99, "entropy": 0.01},
    "dqn": {
        "n_envs": 8,
        "n_steps": 4,
        "gamma": 0.99,
        "memory": 20_000,
        "warm": 1000,
        "target_every": 250,
        "explore": 0.05,
        "explore_for": 0.3,
    },
    "sarsa": {"gamma": 1.0, "lam": 0.9, "alpha": 0.5, "explore": 0.1, "episodes": 10},
    "q_learning": {"gamma": 1.0, "lam": 0.0, "alpha": 0.5, "explore": 0.1, "episodes": 10},
}
"""What each method takes, and what it is where nothing is said."""

SHAPES: dict[Method, dict[str, Any]] = {
    "dqn": {"depth": 2, "activation": "relu", "reads": "numbers"},
    "sarsa": {"depth": 0, "activation": "tanh"},
    "q_learning": {"depth": 0, "activation": "tanh"},
}
"""Likewise of the network, where it is not two hidden layers of tanh."""


@dataclass(frozen=True)
class Acting:
    """Where to act, and how."""

    data: str = "env:CartPole-v1"
    """env:NAME, one of our environments (CartPole-v1, Acrobot-v1, MountainCar-v0, Pendulum-v1, Track, TrackContinuous,
    Grid4x4, Windy, Cliff, Maze) or of gymnasium's; env:gymnasium/NAME is gymnasium's where both have one."""
    method: Method = "ppo"
    """ppo, actor_critic and reinforce learn a policy by its gradient; dqn, q_learning and sarsa what actions are
    worth: dqn by a network, the others by a table or a linear function of tiles."""
    n_envs: int | None = None
    """Environments that are acted in at once. None = the method's own."""
    n_steps: int | None = None
    """Steps in each between two looks at what came of them (ppo, actor_critic, dqn). None = the method's own."""
    limit: int | None = None
    """Steps after which an episode of one of our environments is cut off. None = the environment's own."""


@dataclass(frozen=True)
class Objective:
    """What is learned of what happened."""

    model: PolicyConfig = field(default_factory=PolicyConfig)
    """The network. Its sizes are the environment's: leave them out."""
    keep: Literal["best", "last"] = "best"
    """Which weights: best = those whose validation returned most, as --eval-every says; last = those after the last
    step."""
    gamma: float | None = None
    """What a reward is worth a step later. None = the method's own."""
    lam: float | None = None
    """Lambda of advantages (ppo, actor_critic) or of traces (sarsa, q_learning): 0 believes what is said of the next
    state, 1 only what came. None = the method's own."""
    epochs: int | None = None
    """ppo: how often each step is learned from."""
    clip_range: float = 0.2
    """ppo: how far a probability may move from what it was, as a share of it."""
    entropy: float | None = None
    """ppo, actor_critic, reinforce: what a nat of entropy is worth. None = the method's own."""
    value_weight: float = 0.5
    """ppo, actor_critic, reinforce: of the value's squared error in the loss."""
    memory: int | None = None
    """dqn: steps that are remembered."""
    warm: int | None = None
    """dqn: steps at random before it learns."""
    target_every: int | None = None
    """dqn: steps of learning between copies of the network to the one that targets are computed by."""
    alpha: float | None = None
    """sarsa, q_learning: how far a value goes towards its target, over all tilings together."""
    explore: float | None = None
    """dqn, sarsa, q_learning: the share of actions at random, at the end."""
    explore_for: float | None = None
    """dqn: the share of all steps over which it falls to that, from 1."""
    episodes: int | None = None
    """sarsa, q_learning: of a step of the run."""


@dataclass(frozen=True)
class PolicyRecipe(Training, Objective, Acting):
    """Where to act, what to learn, and how. `recipes/*.toml` are files of these; flags go over them."""

    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(**GIVEN))
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig("constant"))
    batch_size: int = 256
    """Steps of environments in a step of learning (ppo, dqn); the others learn from all at once."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field, its value and the remedy."""
        super().__post_init__()
        check_text(self.data, "data", RENAME)
        own = OWN[self.method]
        for name in sorted({name for one in OWN.values() for name in one}):
            value = getattr(self, name)
            if value is not None and name not in own:
                raise ValueError(f"{name} (={value}) is nothing that {self.method} takes: leave it out")
        for name in ("n_envs", "n_steps", "limit", "epochs", "memory", "target_every", "episodes"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} (={value}) must be at least 1")
        for name in ("gamma", "lam", "explore", "explore_for"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} (={value}) must be from 0 to 1")
        for name in ("clip_range", "alpha"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} (={value}) must be more than 0, and finite")
        if OPTIMIZERS[self.optimizer.name].kind != "gradient":
            raise ValueError(
                f"optimizer.name (={self.optimizer.name!r}) is not for agents, which learn by gradients: take adamw"
            )
        if self.accumulate != 1:
            raise ValueError(
                f"accumulate (={self.accumulate}) is not for agents, whose batches are small: leave it out"
            )
        if self.method in ONE_BY_ONE and (self.clip is not None or self.optimizer != OptimizerConfig(**GIVEN)):
            name = "clip" if self.clip is not None else "optimizer"
            raise ValueError(f"{name} is nothing that {self.method} takes, which goes by alpha: leave it out")
        self.check_batches()

    def check_batches(self) -> None:
        """Refuse batches that leave a rest of what is collected."""
        if self.method == "ppo" and self.collected % self.batch_size:
            raise ValueError(
                f"batch_size (={self.batch_size}) must divide the {self.collected:,} steps of n_envs "
                f"(={self.own('n_envs')}) times n_steps (={self.own('n_steps')})"
            )

    def own(self, name: str) -> Any:
        """A setting's value, or the method's own."""
        value = getattr(self, name)
        return OWN[self.method].get(name) if value is None else value

    @property
    def collected(self) -> int:
        """Steps of environments that are collected before any is learned from."""
        return int((self.own("n_envs") or 1) * (self.own("n_steps") or 1))

    @property
    def uses(self) -> int:
        """Steps of learning from what is collected once."""
        return int(self.own("epochs") * self.collected // self.batch_size) if self.method == "ppo" else 1

    def shape(self) -> dict[str, Any]:
        """What the method says of the network."""
        said = {"depth": 2, "activation": "tanh", "reads": "numbers"} | SHAPES.get(self.method, {})
        chosen = {name: getattr(self.model, name) for name in said if getattr(self.model, name) is not None}
        says = "actor-critic" if self.method in GRADIENT else "values"
        return {**said, **chosen, "says": says}


def policy_recipe_of(run: Run) -> PolicyRecipe:
    """The recipe of a run of an agent; FileDamaged where it is none."""
    return recipe_in(run, PolicyRecipe)
