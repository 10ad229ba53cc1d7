"""Batches of a policy: completions of the model as it stands, scored and judged, for as many steps as a method takes.

    rollout k = step // epochs      its prompts are the k-th of a permutation that is computed, its draws of (seed, k)

So a batch is a function of the seed, the step and the weights. Where a method takes several steps on the same
completions they are written down before the first (rollouts/), so that a run that is stopped between two of them goes
on with what it had.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.core.files import atomic_file, read_json, write_json
from glassworks.core.progress import tell
from glassworks.core.runs import Run
from glassworks.data.batches import shuffled
from glassworks.data.tokenizers.codec import Tokenizer
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.objectives.policy.advantages import flat_groups
from glassworks.train.checkpoint import newest_checkpoint, step_of
from glassworks.train.distributed import Ranks
from glassworks.tune.policy.algorithms import Algorithm, Batch, Drawn, said_of
from glassworks.tune.policy.draw import Prompt, Written, as_tensors, write
from glassworks.tune.policy.values import policy_of
from glassworks.tune.rewards.ask import Reward, Scores, ask

TOLD = 3
"""Faults of a reward that are told of a rollout; all are counted."""


class Rollouts:
    """Step to batch, by the model that `model` is set to. `numbers` are those of the newest completions."""

    def __init__(
        self,
        prompts: Sequence[Prompt],
        reward: Reward,
        algorithm: Algorithm,
        tokenizer: Tokenizer,
        reference: GPT,
        *,
        batch_size: int,
        group: int,
        epochs: int,
        max_tokens: int,
        temperature: float,
        beta: float,
        seed: int,
        gold: Reward | None = None,
        run: Run | None = None,
        place: Ranks | None = None,
    ) -> None:
        place = place or Ranks()
        self.number = batch_size // group // place.world
        if not self.number or batch_size % (group * place.world):
            raise ValueError(
                f"batch_size (={batch_size}) counts completions: give a multiple of group (={group})"
                f"{f' times ranks (={place.world})' if place.world > 1 else ''}"
            )
        self.prompts, self.reward, self.gold, self.algorithm = prompts, reward, gold, algorithm
        self.tokenizer, self.reference, self.group, self.epochs = tokenizer, reference, group, epochs
        self.max_tokens, self.temperature, self.beta, self.seed = max_tokens, temperature, beta, seed
        self.run, self.place, self.model = run, place, nn.Module()
        self.drawn: tuple[int, Batch] = (-1, {})
        self.numbers: dict[str, float] = {}

    def __call__(self, step: int) -> Batch:
        """The batch of a step; completions are written at the first of those that learn from them."""
        k, later = divmod(step, self.epochs)
        if self.drawn[0] != k:
            if later:
                self.drawn = k, self.again(k)
            else:
                self.drawn = k, self.rollout(k)
                self.write_down(k)
        return self.drawn[1]

    def chosen(self, k: int) -> list[Prompt]:
        """The prompts of a rollout, each once."""
        first = (k * self.place.world + self.place.rank) * self.number
        places, _ = shuffled(np.arange(first, first + self.number, dtype=np.uint64), len(self.prompts), self.seed)
        return [self.prompts[place] for place in places.tolist()]

    def rollout(self, k: int) -> Batch:
        """Write, score and judge the completions of a rollout."""
        prompts = [prompt for prompt in self.chosen(k) for _ in range(self.group)]
        written = write(
            policy_of(self.model),
            self.tokenizer,
            prompts,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            seed=int(np.random.SeedSequence([self.seed, k, self.place.rank]).generate_state(1)[0]),
        )
        scores = scored(self.reward, written)
        for fault in scores.faults[:TOLD]:
            tell(f"rollout {k}, {fault}")
        self.numbers = figures(written, scores, self.group)
        if self.gold is not None:
            self.numbers["gold"] = float(scored(self.gold, written).values.nanmean())
        return self.judged(written, scores.values)

    @torch.no_grad()
    def judged(self, written: Sequence[Written], rewards: Tensor) -> Batch:
        """Completions and their rewards as a batch."""
        device = next(self.model.parameters()).device
        inputs, targets = (x.to(device) for x in as_tensors(written, self.tokenizer.eot))
        with evaluating(self.model), evaluating(self.reference):
            reference, values = said_of(self.reference, inputs, targets, self.temperature)
            old = torch.zeros_like(reference)
            if self.algorithm.needs_old or self.epochs > 1:
                old, values = said_of(self.model, inputs, targets, self.temperature)
        rewards = rewards.to(device)
        counts = (targets >= 0) & ~rewards.isnan()[:, None]
        cut = torch.tensor([one.is_cut for one in written], device=device)
        drawn = Drawn(rewards, counts, cut, old, reference, values, self.group, self.beta)
        judged = self.algorithm.judge(drawn)
        batch = {
            "inputs": inputs,
            "targets": targets.where(judged.counts, -1),
            "advantages": judged.advantages.contiguous(),
            "reference": reference,
        }
        if self.algorithm.needs_old or self.epochs > 1:
            batch["old"] = old
        if judged.returns is not None:
            batch |= {"values": values, "returns": judged.returns}
        return batch

    # ------------------------------------------------------------------------------------------------------------------
    # Between two steps on the same completions

    def file(self, k: int) -> Path:
        """Where a rollout of this rank is written down."""
        assert self.run is not None
        return self.run.path / "rollouts" / f"{k:06}-{self.place.rank}.safetensors"

    def write_down(self, k: int) -> None:
        """Write a rollout down, if it is used again, and delete those that no checkpoint goes on with."""
        if self.run is None or self.epochs == 1:
            return
        path = self.file(k)
        path.parent.mkdir(exist_ok=True)
        with atomic_file(path) as temporary:
            save_file({name: x.cpu() for name, x in self.drawn[1].items()}, temporary)
        write_json(path.with_suffix(".json"), self.numbers)
        newest = newest_checkpoint(self.run)
        needed = 0 if newest is None else step_of(newest) // self.epochs
        for old in path.parent.glob(f"*-{self.place.rank}.*"):
            if old.name.split("-")[0].isdigit() and int(old.name.split("-")[0]) < needed:
                old.unlink(missing_ok=True)

    def again(self, k: int) -> Batch:
        """A rollout that was written down; RunError where it is gone."""
        if self.run is None or not self.file(k).is_file():
            where = "" if self.run is None else f" {self.file(k)}"
            raise RunError(f"the completions{where} are gone, on which the next step goes on: start a new run")
        device = next(self.model.parameters()).device
        self.numbers = read_json(self.file(k).with_suffix(".json"))
        return {name: x.to(device) for name, x in load_file(self.file(k)).items()}


def scored(reward: Reward, written: Sequence[Written]) -> Scores:
    """What completions are worth."""
    return ask(reward, [one.prompt.text for one in written], [one.text for one in written])


def figures(written: Sequence[Written], scores: Scores, group: int) -> dict[str, float]:
    """What is logged of the completions of a rollout."""
    flat = {} if group == 1 else {"flat_groups": float(flat_groups(scores.values, group).float().mean())}
    kept = scores.values[~scores.values.isnan()]
    return {
        "reward": float(kept.mean()),
        "reward_std": float(kept.std(correction=0)),
        **flat,
        "length": float(np.mean([len(one.ids) for one in written])),
        "cut": float(np.mean([one.is_cut for one in written])),
        **({"faults": float(len(scores.faults))} if scores.faults else {}),
    }
