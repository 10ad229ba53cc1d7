"""What all searches share: a generation that is asked and told, seeds, and losses that are no numbers.

A search holds its best estimate of the weights, and what it knows besides, in `state_dict`. A generation is candidates
(P, D), rows of weights as one vector, and their losses (P,). Which candidates are drawn is a function of the seed, the
generation and the state alone: a training that was killed within a generation draws it again, to the same bits, and
candidates that one process asked for can be told of in another, which has loaded the state.

    optimizer.step(closure)                    # ask, evaluate, tell: what `fit` does

    candidates = optimizer.ask()               # or by hand, where losses come from elsewhere
    optimizer.tell(losses)

    optimizer.tell(losses[3:5], rows=[3, 4])   # as they come, in any order; the last one ends the generation
    optimizer.tell(losses, candidates)         # of any other points, before or between: learned from at once
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.evaluate import losses_of
from glassworks.optim.gradient_free.evaluation.left import same_numbers, seen_running
from glassworks.optim.gradient_free.room import Drawn, at_once, check_room
from glassworks.optim.gradient_free.settings import check_settings, listed

Candidates = Float[Tensor, "P D"] | Drawn
"""Rows of weights, or what draws any of them: in both, `candidates[3:5]` are two rows."""


class Search(torch.optim.Optimizer):
    """Moves weights by the losses of candidates. A method says how these are drawn, and what is learned of them.

    It starts from the weights as they are when it is made; later on they are what it writes, and not read again.
    A method's `__init__` adds what it knows to `memory`; `draw`, or `part`, and `update` are all else that it has.
    """

    first_is_mean = False
    """Whether the first candidate is always the weights as they are: a step does not measure it twice."""
    in_parts = False
    """Whether a method has `part` instead of `draw`, and reads the candidates in `update` by rows alone."""

    def __init__(self, params: Iterable[Any], *, population: int | None, seed: int = 0, **defaults: Any) -> None:
        """`population` None is 4 + 3 log D, as natural evolution strategies and CMA-ES have it."""
        super().__init__(listed(params), {"population": population, "seed": seed, **defaults})
        vector.check_weights(self.weights)
        self.memory["mean"] = vector.read(self.weights)
        self.memory["generation"] = 0
        self.memory["forwards"] = 0
        if population is None:
            self.settings["population"] = 4 + int(3 * math.log(len(self.memory["mean"])))
        check_settings(self.param_groups)
        self.asked: Tensor | None = None
        self.lapsed = False
        self.last: dict[str, float] = {}

    # ------------------------------------------------------------------------------------------------------------------
    # What a method says

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """The candidates of this generation: a function of the memory and the generator alone."""
        return self.part(range(self.settings["population"]))

    def part(self, rows: range) -> Float[Tensor, "rows D"]:
        """Some of them, the same to the bit as among all: a function of the memory and `key` alone."""
        raise NotImplementedError

    def update(self, candidates: Any, losses: Float[Tensor, " P"]) -> None:
        """Learn from them. `losses` are finite, or +inf for those that were no numbers; some are finite.

        `candidates` (P, D) are those that were drawn or any others, of any number; `Candidates`, of methods `in_parts`.
        """
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------------------------
    # A generation

    @property
    def weights(self) -> list[Tensor]:
        """All that is moved, in order."""
        return [p for group in self.param_groups for p in group["params"]]

    @property
    def settings(self) -> dict[str, Any]:
        """lr, sigma, population, seed and what else the method has; of the only group, where a schedule changes lr."""
        found: dict[str, Any] = self.param_groups[0]
        return found

    @property
    def memory(self) -> dict[str, Any]:
        """What it knows, tensors and numbers: part of `state_dict`."""
        found: dict[str, Any] = self.state[self.weights[0]]
        return found

    @property
    def key(self) -> int:
        """What this generation's noise is drawn by, and no other's."""
        return mixed(self.settings["seed"], self.memory["generation"])

    def ask(self, rows: slice = slice(None)) -> Float[Tensor, "rows D"]:
        """This generation's candidates, or some of them; the same ones until all are told of.

        ValueError where they do not fit into memory.
        """
        self.lapsed, whole = False, rows == slice(None)
        if self.asked is None and self.in_parts and not whole:
            return self.part(range(*rows.indices(self.settings["population"])))
        if self.asked is None:
            P, mean = self.settings["population"], self.memory["mean"]
            check_room(P, mean, self.in_parts)
            self.asked = self.draw(torch.Generator(mean.device).manual_seed(self.key))
        return self.asked if whole else self.asked[rows]

    @torch.no_grad()
    def tell(
        self,
        losses: Float[Tensor, " P"] | Sequence[float],
        candidates: Float[Tensor, "P D"] | None = None,
        *,
        rows: Sequence[int] | None = None,
    ) -> None:
        """Learn the losses of the candidates that were asked for, of some `rows` of them, or of given `candidates`.

        Rows are kept, as part of the state, until all have been told; then the generation is learned. Given candidates
        are a generation of their own; what was asked for before has lapsed with it. Losses that are no numbers, or
        infinite, rank last; where all are, nothing is learned of them.
        """
        losses = torch.as_tensor(losses).to(self.memory["mean"])
        if candidates is None:
            told = self.kept(losses, rows)
            if told.isnan().any():
                self.memory["told"] = told
                return
            self.learn(self.generation(), told)
        else:
            if losses.shape != candidates.shape[:1] or candidates.shape[1:] != self.memory["mean"].shape:
                raise ValueError(
                    f"losses (of shape {tuple(losses.shape)}) and candidates (of shape {tuple(candidates.shape)}) must "
                    f"be of shapes (P,) and (P, {len(self.memory['mean'])})"
                )
            self.lapsed = self.asked is not None and candidates is not self.asked
            self.learn(candidates.to(self.memory["mean"]), losses.where(losses.isfinite(), math.inf))

    def kept(self, losses: Float[Tensor, " n"], rows: Sequence[int] | None) -> Float[Tensor, " P"]:
        """All that is known of this generation's losses: +inf for no numbers, NaN for what was not told yet."""
        if self.lapsed:
            raise ValueError("candidates (=None) must be given, or asked for again: others were told of since then")
        P = self.count()
        number = P if rows is None else len(rows)
        if losses.shape != (number,):
            raise ValueError(f"losses (of shape {tuple(losses.shape)}) must be one for each of {number} candidates")
        if rows is None:
            return losses.where(losses.isfinite(), math.inf)
        if wrong := [row for row in rows if not 0 <= row < P]:
            raise ValueError(f"rows (with {wrong[0]}) must be of the population: from 0 to {P - 1}")
        told: Tensor = self.memory.get("told", torch.full((P,), math.nan).to(losses)).clone()
        told[list(rows)] = losses.where(losses.isfinite(), math.inf)
        return told

    def learn(self, candidates: Candidates, losses: Float[Tensor, " P"]) -> None:
        """Update, and begin the next generation."""
        failed = int(losses.isinf().sum())
        self.last = {"failed": float(failed)}
        if failed < len(losses):
            self.last["best"] = float(losses.min())
            self.update(candidates, losses)
        self.memory["generation"] += 1
        self.memory.pop("told", None)
        self.asked = None
        vector.write(self.memory["mean"], self.weights)

    def count(self) -> int:
        """How many candidates a generation has."""
        return self.settings["population"] if self.in_parts else len(self.ask())

    def generation(self) -> Candidates:
        """This generation's candidates, or, where they do not fit into memory, what draws them part by part."""
        P, mean = self.settings["population"], self.memory["mean"]
        if self.asked is None and self.in_parts and at_once(P, mean) < P:
            return Drawn(self.part, P)
        return self.ask()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One generation; the loss of the weights as they were before it."""
        if closure is None:
            raise ValueError("step() needs a closure that computes the loss: step(lambda: loss_fn(model, batch))")
        seed = mixed(self.key, 1)  # of what the module draws: other numbers than the candidates are made of
        with same_numbers(seed, self.weights), seen_running() as ran:
            loss = closure()
        candidates = self.generation()
        first, last = int(self.first_is_mean), self.count()
        some = last if isinstance(candidates, Tensor) else at_once(last, self.memory["mean"])
        ways = self.memory.setdefault("ways", {})
        parts = [
            losses_of(closure, self.weights, candidates[i : i + some], seed=seed, ways=ways, modules=ran.values())
            for i in range(first, last, some)
        ]
        self.memory["forwards"] += 1 + last - first
        if self.first_is_mean:
            parts.insert(0, torch.as_tensor(loss).detach().reshape(1).to(parts[0]))
        self.tell(torch.cat(parts))
        return loss

    def numbers(self) -> dict[str, float]:
        """What is logged of a generation: its best loss, how many candidates failed, forward passes so far."""
        return {**self.last, "forwards": float(self.memory["forwards"])}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch's, but tensors keep their precision, which torch brings to the weights'."""
        found = state_dict["state"].get(0, {})
        D = len(self.memory["mean"])
        if "mean" in found and len(found["mean"]) != D:
            raise ValueError(
                f"the state is of {len(found['mean']):,} weights, and the module has {D:,}: load it for the same module"
            )
        super().load_state_dict(state_dict)
        device = self.weights[0].device
        for name, value in found.items():
            self.memory[name] = value.to(device, copy=True) if isinstance(value, Tensor) else value
        self.asked, self.lapsed = None, False


def mixed(seed: int, number: int) -> int:
    """A seed of its own for each number: neighbours' streams have nothing in common (SplitMix64, Steele 2014)."""
    x = (seed * 0x9E3779B97F4A7C15 + number + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


MASK = 2**64 - 1
