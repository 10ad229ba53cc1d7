"""A policy: a multi-layer perceptron that says how to choose and what a state is worth, or what each action is worth.

    observed -> [linear, tanh] × depth -> scores        and, of an actor-critic, a second one -> value

Without hidden layers it is a table, where what is observed is one state of several, or a linear function of tiles.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.models.policy.config import PolicyConfig

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


class Said(NamedTuple):
    """What a policy says of a batch of observations."""

    scores: Float[Tensor, "B A"]
    """Logits of actions, the means of the numbers that an action is made of, or what each action is worth."""
    value: Float[Tensor, " B"]
    """What each state is worth; of values, the best action's."""


class Policy(nn.Module):
    """(B, observed) to `Said`."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        self.features: nn.Module = Tiles(config) if config.reads == "tiles" else nn.Identity()
        width = self.features.width if isinstance(self.features, Tiles) else config.observed
        self.actor = perceptron(config, width, config.actions)
        if config.says == "actor-critic":
            self.critic = perceptron(config, width, 1)
        if config.continuous:
            self.log_std = nn.Parameter(torch.zeros(config.actions))

    def forward(self, observed: Float[Tensor, "B F"]) -> Said:
        """Scores and values."""
        seen = self.features(observed)
        scores = self.actor(seen)
        if self.config.says == "values":
            return Said(scores, scores.amax(-1))
        return Said(scores, self.critic(seen).squeeze(-1))

    def draw(self, generator: torch.Generator) -> None:
        """Draw the weights: orthogonal, by sqrt(2), and by 0.01 and 1 where choices and values are said.

        So nothing is preferred at first (Andrychowicz et al. 2021, section 3.2). Tables and linear functions begin
        at 0.
        """
        linear = self.config.depth == 0
        for name, gain in (("actor", 0.01 if self.config.says == "actor-critic" else 1.0), ("critic", 1.0)):
            layers = [layer for layer in getattr(self, name, nn.Sequential()) if isinstance(layer, nn.Linear)]
            for layer in layers:
                with torch.no_grad():
                    if layer.bias is not None:
                        layer.bias.zero_()
                    if linear:
                        layer.weight.zero_()
                    else:
                        nn.init.orthogonal_(layer.weight, gain if layer is layers[-1] else math.sqrt(2), generator)


class Tiles(nn.Module):
    """Which tile of each of several grids a point lies in, as 0 and 1 (Sutton & Barto 2018, 9.5.4).

    Each grid is shifted against the one before by odd shares of a tile, 1, 3, 5, ... of it along the axes, as the book
    recommends.
    """

    low: Tensor
    scale: Tensor
    shift: Tensor
    strides: Tensor

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        side, dimensions = config.tiles + 1, config.observed
        self.tilings, self.per_tiling = config.tilings, side**dimensions
        self.width = self.tilings * self.per_tiling
        low, high = np.array(config.low or [0.0] * dimensions), np.array(config.high or [1.0] * dimensions)
        odd = 2 * np.arange(dimensions) + 1
        shift = np.outer(np.arange(self.tilings), odd) % self.tilings / self.tilings
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32), persistent=False)
        self.register_buffer("scale", torch.tensor(config.tiles / (high - low), dtype=torch.float32), persistent=False)
        self.register_buffer("shift", torch.tensor(shift, dtype=torch.float32), persistent=False)
        self.register_buffer("strides", torch.tensor(side ** np.arange(dimensions)), persistent=False)
        self.most = config.tiles

    def active(self, observed: Float[Tensor, "B F"]) -> Int[Tensor, "B G"]:
        """The index of the tile in each grid."""
        along = (observed - self.low) * self.scale
        cells = (along[:, None, :] + self.shift).floor().long().clamp(0, self.most)  # (B, G, F)
        grids = torch.arange(self.tilings, device=observed.device) * self.per_tiling
        indices: Tensor = (cells * self.strides).sum(-1) + grids
        return indices

    def forward(self, observed: Float[Tensor, "B F"]) -> Float[Tensor, "B W"]:
        """The same as rows of 0 and 1."""
        rows = torch.zeros(len(observed), self.width, device=observed.device)
        rows.scatter_(1, self.active(observed), 1.0)
        return rows


def perceptron(config: PolicyConfig, inputs: int, outputs: int) -> nn.Sequential:
    """Linear layers with a nonlinearity between them; without hidden ones, a matrix alone."""
    depth = 2 if config.depth is None else config.depth
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(inputs, config.width), ACTIVATIONS[config.activation or "tanh"]()]
        inputs = config.width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs, bias=depth > 0))


def make_policy(config: PolicyConfig, seed: int = 0) -> Policy:
    """A policy by its config, whose weights the seed decides; torch's own generator is left as it was.

    Raises: ValueError where the environment's sizes are not decided.
    """
    for name in ("observed", "actions"):
        if not getattr(config, name):
            raise ValueError(f"{name} (=0) is not decided: an environment's is taken where a run is started")
    with torch.random.fork_rng(devices=[]):
        model = Policy(config)
    if not next(model.parameters()).is_meta:
        model.draw(torch.Generator().manual_seed(seed))
    return model


# ----------------------------------------------------------------------------------------------------------------------
# Choosing


def logprobs_of(policy: Policy, scores: Float[Tensor, "*S A"], actions: Tensor) -> tuple[Tensor, Tensor]:
    """The log-probability of each action, and the entropy of what it was drawn from, in nats: (*S,) both.

    Args:
        policy: an actor-critic.
        scores: what it says.
        actions: (*S,) of whole numbers, or (*S, A) of numbers.
    """
    if policy.config.continuous:
        spread, normal = policy.log_std, math.log(2 * math.pi)
        away = (actions - scores) * (-spread).exp()
        entropy = (spread + 0.5 + 0.5 * normal).sum().expand(scores.shape[:-1])
        return (-0.5 * away.square() - spread - 0.5 * normal).sum(-1), entropy
    logs = scores.log_softmax(-1)
    chosen = logs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    return chosen, -(logs.exp() * logs).sum(-1)
