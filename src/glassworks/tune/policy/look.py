"""How a policy stands on held-out prompts: its rewards, how far it has gone, how long it writes; and when to stop.

The distance is KL(π || model before) of a completion: the sum over its tokens of the divergence of whole distributions,
which varies less than a sum of log ratios, and is never below 0.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from glassworks.data.tokenizers.codec import Tokenizer
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.objectives.policy.kl import exact_kl
from glassworks.tune.policy.draw import Prompt, Written, as_tensors, write
from glassworks.tune.rewards.ask import Reward, ask

AT_ONCE = 16
"""Completions whose distance is taken at once: logits of two models are large."""


class Standing(NamedTuple):
    """How completions of some prompts do, each (N,); nan where a reward fails."""

    written: list[Written]
    reward: NDArray[np.float64]
    gold: NDArray[np.float64] | None
    kl: NDArray[np.float64]

    def numbers(self) -> dict[str, float]:
        """The means, as they are logged, with the standard error of what is to be raised."""
        found = {"val_reward": float(np.nanmean(self.reward)), "val_reward_se": standard_error(self.reward)}
        if self.gold is not None:
            found |= {"val_gold": float(np.nanmean(self.gold)), "val_gold_se": standard_error(self.gold)}
        return found | {
            "val_kl": float(self.kl.mean()),
            "val_length": float(np.mean([len(one.ids) for one in self.written])),
            "val_cut": float(np.mean([one.is_cut for one in self.written])),
        }


def standard_error(values: NDArray[np.float64]) -> float:
    """Of a mean; nan of fewer than two."""
    there = values[~np.isnan(values)]
    return float(there.std(ddof=1) / math.sqrt(len(there))) if len(there) > 1 else math.nan


def standing(
    model: GPT,
    reference: GPT,
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    reward: Reward,
    gold: Reward | None = None,
    *,
    max_tokens: int,
    temperature: float,
    seed: int,
) -> Standing:
    """Let a model write behind prompts, and see how that does."""
    written = write(model, tokenizer, prompts, max_tokens=max_tokens, temperature=temperature, seed=seed)
    texts = [one.prompt.text for one in written], [one.text for one in written]
    return Standing(
        written,
        ask(reward, *texts).values.double().numpy(),
        None if gold is None else ask(gold, *texts).values.double().numpy(),
        distances(model, reference, written, tokenizer.eot, temperature),
    )


@torch.no_grad()
def distances(
    model: GPT, reference: GPT, written: Sequence[Written], filler: int, temperature: float = 1.0
) -> NDArray[np.float64]:
    """(N,) nats of each completion from the reference."""
    device, found = next(model.parameters()).device, []
    with evaluating(model), evaluating(reference):
        for start in range(0, len(written), AT_ONCE):
            inputs, targets = (x.to(device) for x in as_tensors(written[start : start + AT_ONCE], filler))
            since = inputs.size(1) - targets.size(1)
            logits, others = (net(inputs, since=since).float() / temperature for net in (model, reference))
            found.append((exact_kl(logits, others) * (targets >= 0)).sum(1).double().cpu().numpy())
    return np.concatenate(found)


def should_stop(rows: Sequence[Mapping[str, Any]], *, stop_kl: float | None, stop_fall: bool) -> str | None:
    """Why a policy that has been looked at so often should not go on, from the rows of its metrics; None if it should.

    Too far from the model before; or what it is judged by (the gold reward, where there is one) lies below its best by
    more than two standard errors of the difference, as over-optimisation has it (Gao et al. 2022).
    """
    looks = [row for row in rows if "val_reward" in row]
    if not looks:
        return None
    last = looks[-1]
    if stop_kl is not None and last["val_kl"] > stop_kl:
        return f"held-out completions are {last['val_kl']:.3g} nats from the model before (stop_kl {stop_kl:g})"
    name = "val_gold" if "val_gold" in last else "val_reward"
    best = max(looks, key=lambda row: float(row[name]))
    error = math.hypot(float(best[f"{name}_se"]), float(last[f"{name}_se"]))
    if stop_fall and last[name] < best[name] - 2 * error:
        what = "gold reward" if name == "val_gold" else "reward"
        return f"the {what} of held-out prompts fell from {best[name]:.3g} to {last[name]:.3g} (stop_fall)"
    return None
