"""What an agent knows beside its weights, as buffers of the module that is trained: a checkpoint has all of it.

Where the environments stand, what was collected and not yet learned from, which episodes have ended: a run that is
killed between any two steps goes on to the same bits.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from glassworks.data.environments.vector import Stepped, Vector
from glassworks.models.policy.network import Policy

RECENT = 100
"""Episodes whose returns are told of."""


class Memory(nn.Module):
    """Named arrays, as buffers."""

    def keep(self, name: str, value: Tensor | NDArray[Any]) -> None:
        """Put an array in its place; its shape does not change."""
        tensor = (
            torch.from_numpy(np.require(value, requirements=["C", "W"]))
            if isinstance(value, np.ndarray)
            else value.detach()
        )
        if name in self._buffers:
            self._buffers[name] = tensor
        else:
            self.register_buffer(name, tensor)

    def get(self, name: str) -> Tensor:
        """An array."""
        found = self._buffers[name]
        assert found is not None
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of them, as NumPy has them."""
        return {name: value.cpu().numpy() for name, value in self._buffers.items() if value is not None}


class Agent(nn.Module):
    """A policy, and the memory of who learns it. Only the policy has weights that are trained."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy
        self.environments = Memory()
        """Where they stand."""
        self.collected = Memory()
        """What is learned from."""
        self.tally = Memory()
        """Returns of episodes under way, and of those that ended last."""

    def forward(self, observed: Tensor) -> Any:
        """What the policy says."""
        return self.policy(observed)


def begin_tally(agent: Agent, number: int) -> None:
    """Nothing has happened yet, in N environments."""
    for name, value in (
        ("returns", np.zeros(number)),
        ("lengths", np.zeros(number, dtype=np.int64)),
        ("last_returns", np.full(RECENT, np.nan)),
        ("last_lengths", np.zeros(RECENT, dtype=np.int64)),
        ("ended", np.zeros(1, dtype=np.int64)),
        ("steps", np.zeros(1, dtype=np.int64)),
    ):
        agent.tally.keep(name, value)


class Tally:
    """Counts returns while steps are taken, and keeps them in the agent's memory."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.arrays = {name: value.copy() for name, value in agent.tally.arrays().items()}

    def count(self, stepped: Stepped) -> None:
        """One step of all environments."""
        arrays = self.arrays
        arrays["returns"] += stepped.reward
        arrays["lengths"] += stepped.counts
        arrays["steps"] += int(stepped.counts.sum())
        done = stepped.done
        if done.any():
            for i in np.flatnonzero(done):
                place = int(arrays["ended"][0]) % RECENT
                arrays["last_returns"][place], arrays["last_lengths"][place] = (
                    arrays["returns"][i],
                    arrays["lengths"][i],
                )
                arrays["ended"] += 1
            arrays["returns"][done], arrays["lengths"][done] = 0.0, 0

    def keep(self) -> None:
        """Put all in the agent's memory."""
        for name, value in self.arrays.items():
            self.agent.tally.keep(name, value)


def told(agent: Agent) -> dict[str, int | float]:
    """What a row of metrics says of the episodes so far."""
    arrays = agent.tally.arrays()
    number = min(int(arrays["ended"][0]), RECENT)
    row: dict[str, int | float] = {"environment_steps": int(arrays["steps"][0]), "episodes": int(arrays["ended"][0])}
    if number:
        row["episode_return"] = float(arrays["last_returns"][:number].mean())
        row["episode_length"] = float(arrays["last_lengths"][:number].mean())
    return row


class Acting:
    """Environments that follow the agent's memory: they are brought to where it stands before the first step."""

    def __init__(self, agent: Agent, environments: Vector, seed: int) -> None:
        self.agent, self.environments, self.is_there = agent, environments, True
        self.observed = environments.reset(seed)
        for name, value in environments.state().items():
            agent.environments.keep(name, value)
        self.is_there = False  # a checkpoint may be loaded before the first step

    def go_on(self) -> NDArray[np.float32]:
        """What is observed where they stand."""
        if not self.is_there:
            self.observed = self.environments.restore(self.agent.environments.arrays())
            self.is_there = True
        return self.observed

    def keep(self, observed: NDArray[np.float32]) -> None:
        """They stand there now."""
        self.observed = observed
        for name, value in self.environments.state().items():
            self.agent.environments.keep(name, value)
