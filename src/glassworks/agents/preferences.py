"""A reward learned from choices between clips, and an agent that learns by it (Christiano et al. 2017).

    the agent acts, and learns by what the reward says of its steps
    clips of it are compared in pairs, those first on which the ensemble disagrees most
    the reward learns from all choices so far: P(first is better) = sigma(sum r(first) - sum r(second))

The environment's own reward is never learned from; it is what the curve shows in the end. As in the paper, episodes
are to be of one length, whatever is done: choices between clips say nothing of what it is worth to go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from glassworks.agents.clips import Ask, Clip, Preference, as_rows, record
from glassworks.agents.play import by_policy, play
from glassworks.agents.recipe import PolicyRecipe
from glassworks.agents.run import Practice, loss_of, shape_for
from glassworks.data.environments.open import open_environments
from glassworks.data.environments.spaces import Box, Discrete, Row, Space
from glassworks.data.environments.vector import Stepped, Vector
from glassworks.models.policy.network import Policy
from glassworks.objectives.preferences.bradley_terry import bradley_terry_loss
from glassworks.optim.schedules import make_schedule
from glassworks.train.fit import fit

NETWORKS, WIDTH, STEPS, BATCH = 3, 64, 150, 64
"""Of the ensemble; neurons of a layer; steps of learning after each asking, and preferences of each."""


class Reward(nn.Module):
    """What steps are worth, by several networks: (B, F + A) to (B, NETWORKS)."""

    def __init__(self, inputs: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.networks = nn.ModuleList(
                nn.Sequential(
                    nn.Linear(inputs, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 1)
                )
                for _ in range(NETWORKS)
            )

    def forward(self, steps: Float[Tensor, "*S I"]) -> Float[Tensor, "*S M"]:
        """What each network says of each step."""
        return torch.cat([network(steps) for network in self.networks], -1)


def stacked(clips: Sequence[Clip]) -> tuple[Tensor, Tensor]:
    """Clips as (B, T, F + A), and which of their steps there are, (B, T, 1)."""
    longest = max(map(len, clips))
    inputs = np.zeros((len(clips), longest, clips[0].inputs.shape[1]), dtype=np.float32)
    there = np.zeros((len(clips), longest, 1), dtype=np.float32)
    for i, clip in enumerate(clips):
        inputs[i, : len(clip)], there[i, : len(clip)] = clip.inputs, 1
    return torch.from_numpy(inputs), torch.from_numpy(there)


def sums(reward: Reward, inputs: Float[Tensor, "B T I"], there: Float[Tensor, "B T 1"]) -> Float[Tensor, "B M"]:
    """What each network says of whole clips."""
    found: Tensor = (reward(inputs) * there).sum(1)
    return found


def learn(reward: Reward, preferences: Sequence[Preference], *, steps: int = STEPS, seed: int = 0) -> float:
    """Let the reward learn from preferences, each network from a resample of its own; the last loss."""
    optimizer = torch.optim.AdamW(reward.parameters(), lr=1e-3, weight_decay=0.01)
    number = len(preferences)
    rng = np.random.default_rng([seed, number])
    times = torch.from_numpy(rng.poisson(1.0, (number, NETWORKS)).astype(np.float32))
    order = torch.from_numpy(rng.integers(0, number, (steps, BATCH)))
    sides = [stacked([getattr(one, side) for one in preferences]) for side in ("first", "second")]
    shares = torch.tensor([one.share for one in preferences])

    def loss(model: nn.Module, rows: Tensor) -> Tensor:
        assert isinstance(model, Reward)
        first, second = (sums(model, inputs[rows], there[rows]).flatten() for inputs, there in sides)
        share = shares[rows, None].expand(-1, NETWORKS).flatten()
        weights = times[rows].flatten()
        return (bradley_terry_loss(first, second, share=share) * weights).sum() / weights.sum().clamp(min=1)

    return fit(reward, lambda step: order[step], loss, optimizer, steps=steps, log_every=steps).loss


@torch.no_grad()
def agreement(reward: Reward, preferences: Sequence[Preference]) -> float:
    """The share of preferences, ties left out, that the ensemble's mean has the same way round; nan where none is."""
    some = [one for one in preferences if one.share != 0.5]
    if not some:
        return float("nan")
    first, second = (
        sums(reward, *stacked([getattr(one, side) for one in some])).mean(1) for side in ("first", "second")
    )
    return float(((first > second).numpy() == np.array([one.share > 0.5 for one in some])).mean())


@torch.no_grad()
def most_disputed(reward: Reward, pairs: Sequence[tuple[Clip, Clip]], number: int) -> list[tuple[Clip, Clip]]:
    """The pairs on which the ensemble disagrees most of which is better."""
    first, second = (sums(reward, *stacked([pair[side] for pair in pairs])) for side in (0, 1))
    variance = (first - second).sigmoid().var(1)
    return [pairs[i] for i in variance.argsort(descending=True)[:number].tolist()]


class Rewarded:
    """Environments whose reward is what a network says, over its usual spread; as `vector.Vector`."""

    def __init__(self, inner: Vector, reward: Reward) -> None:
        self.inner, self.reward, self.spread = inner, reward, 1.0
        self.name, self.number, self.limit = inner.name, inner.number, inner.limit
        self.goal: float | None = None
        self.seen = inner.reset(0)

    @property
    def observation(self) -> Space:
        """As the environments have it."""
        return self.inner.observation

    @property
    def actions(self) -> Discrete | Box:
        """As the environments have it."""
        return self.inner.actions

    def reset(self, seed: int) -> Row:
        """All begin anew."""
        self.seen = self.inner.reset(seed)
        return self.seen

    @torch.inference_mode()
    def step(self, actions: NDArray[Any]) -> Stepped:
        """A step, and what it is said to be worth."""
        rows = np.concatenate([self.seen, as_rows(self.inner.actions, actions)], axis=1)
        worth = self.reward(torch.from_numpy(rows)).mean(1).numpy() / self.spread
        stepped = self.inner.step(actions)
        self.seen = stepped.observation
        return stepped._replace(reward=np.where(stepped.counts, worth, 0).astype(np.float32))

    def state(self) -> dict[str, NDArray[Any]]:
        """Where the environments stand."""
        return self.inner.state()

    def restore(self, state: dict[str, NDArray[Any]]) -> Row:
        """Go on from there."""
        self.seen = self.inner.restore(state)
        return self.seen

    def close(self) -> None:
        """Let go of the environments."""
        self.inner.close()


@dataclass
class Learned:
    """What came of it."""

    policy: Policy
    reward: Reward
    preferences: list[Preference] = field(default_factory=list, repr=False)
    rows: list[dict[str, float]] = field(default_factory=list, repr=False)
    """At each asking: what the policy really returns, how many were answered so far, and of those just answered, how
    many the reward had the right way round before it learned from them."""


def from_preferences(
    recipe: PolicyRecipe,
    ask: Ask,
    *,
    rounds: int = 10,
    asked: int = 30,
    length: int = 25,
    clips: int = 100,
    judged: int = 20,
    tell: Callable[[dict[str, float]], object] | None = None,
) -> Learned:
    """Let an agent learn what somebody prefers, from nothing but choices between clips of it.

    Args:
        recipe: of the agent, by ppo; its steps are shared among the rounds.
        ask: a person, or who stands for one.
        rounds: how often there are questions.
        asked: of them each time.
        length: of a clip, in steps.
        clips: that are recorded each time, of which pairs are made.
        judged: episodes by which what the policy really returns is told.
        tell: told each row.
    """
    real = open_environments(recipe.data, recipe.own("n_envs"), limit=recipe.limit)
    filmed = open_environments(recipe.data, clips, limit=recipe.limit)
    judging = open_environments(recipe.data, judged, limit=recipe.limit)
    recipe = PolicyRecipe(**{**vars(recipe), "model": shape_for(recipe, real)})
    reward = Reward(recipe.model.observed + recipe.model.actions, recipe.seed)
    rewarded = Rewarded(real, reward)
    practice = Practice(recipe, rewarded)
    agent, optimizer = practice.build(torch.device("cpu"), torch.float32)
    policy: Policy = agent.policy  # type: ignore[assignment]  # a module's attributes are anything
    learned = Learned(policy, reward)
    each = max(1, recipe.steps // rounds // recipe.uses) * recipe.uses

    def question(step: int, model: object) -> dict[str, float]:
        """Film, ask, and learn what is worth how much."""
        number = step // each
        if number == rounds:
            return {}
        film = record(by_policy(policy, filmed.actions, seed=number), filmed, length, recipe.seed + number)
        order = np.random.default_rng([recipe.seed, number]).permutation(len(film))
        pairs = [(film[a], film[b]) for a, b in zip(order[::2], order[1::2], strict=False)]
        chosen = most_disputed(reward, pairs, asked)
        answers = zip(chosen, ask(chosen), strict=True)
        new = [Preference(*pair, share) for pair, share in answers if share is not None]
        right = agreement(reward, new)
        learned.preferences += new
        if learned.preferences:
            learn(reward, learned.preferences, seed=recipe.seed)
        rewarded.spread = spread_of(reward, film)
        return {"asked": float(len(learned.preferences)), "right": right}

    def look(step: int, model: object) -> dict[str, float]:
        """What the policy really returns, and the next questions."""
        played = play(by_policy(policy, judging.actions), judging, 1)
        learned.rows.append({"step": step, "return": float(played.returns.mean()), **question(step, model)})
        if tell is not None:
            tell(learned.rows[-1])
        return {}

    look(0, agent)
    fit(
        agent,
        practice.batch,
        loss_of(recipe),
        optimizer,
        steps=rounds * each,
        every=[(each, look)],
        schedule=make_schedule(recipe.schedule),
        log_every=each,
    )
    return learned


@torch.no_grad()
def spread_of(reward: Reward, clips: Sequence[Clip]) -> float:
    """The standard deviation of what steps are said to be worth, so that rewards of all rounds are of one size."""
    said = reward(torch.from_numpy(np.concatenate([clip.inputs for clip in clips]))).mean(1)
    return max(float(said.std()), 1e-6)
