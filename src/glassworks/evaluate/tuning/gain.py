"""What a tuned model gained on held-out examples, by what its method learns."""

from collections.abc import Sequence

import numpy as np
import torch

from glassworks.core.progress import tracked
from glassworks.data.dialogues.batches import TokenBatch, token_batch
from glassworks.data.dialogues.tokens import Tokens
from glassworks.evaluate.tuning.paired import Change, change
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.objectives.losses import token_losses
from glassworks.tune.material import Material
from glassworks.tune.pairs import pairs_of, reference_logprobs, row_logprobs
from glassworks.tune.policy.draw import write
from glassworks.tune.policy.work import prompts_of, rewards_of
from glassworks.tune.preferences import FREE, right
from glassworks.tune.rewards.ask import ask

MOST = 512
"""Held-out examples that are measured, at most."""


def likelihood(material: Material, before: GPT, after: GPT) -> dict[str, Change]:
    """Nats a learned token of the held-out examples."""
    rows, filler = material.sequences("held_out")[:MOST], material.base.tokenizer.eot
    totals = [example_nats(model, rows, filler) for model in (before, after)]
    sizes = np.array([sum(row.learned) for row in rows])
    return {"nats per token": change(totals[0], totals[1], sizes)}


WRITTEN = 256
"""Held-out prompts that are gone on with, at most."""


def rewards(material: Material, before: GPT, after: GPT) -> dict[str, Change]:
    """The reward of a completion of each held-out prompt, and the gold one, where there is one."""
    recipe, (reward, gold) = material.recipe, rewards_of(material)
    prompts = list(prompts_of(material, material.examples.held_out))[:WRITTEN]
    found: dict[str, list[np.ndarray]] = {"reward": [], "gold reward": []}
    for model in (before, after):
        written = write(
            model,
            material.base.tokenizer,
            prompts,
            max_tokens=recipe.max_tokens,
            temperature=recipe.temperature,
            seed=recipe.seed,
        )
        texts = [one.prompt.text for one in written], [one.text for one in written]
        found["reward"].append(ask(reward, *texts).values.double().numpy())
        if gold is not None:
            found["gold reward"].append(ask(gold, *texts).values.double().numpy())
    return {what: paired(*values) for what, values in found.items() if values}


def paired(before: np.ndarray, after: np.ndarray) -> Change:
    """The change of what is there before and after."""
    there = ~np.isnan(before) & ~np.isnan(after)
    return change(before[there], after[there], np.ones(int(there.sum())))


def preferences(material: Material, before: GPT, after: GPT) -> dict[str, Change]:
    """How often a held-out pair is put right, by log-probabilities against the reference's, or a token without one.

    The reference itself is ahead of itself by nothing: half of the pairs are right by it. And nats a token of what was
    chosen, which may fall while the difference rises.
    """
    pairs, filler = pairs_of(material, "held_out")[:MOST], material.base.tokenizer.eot
    rows = [row for pair in pairs for row in (pair.chosen, pair.rejected)]
    free = material.recipe.method in FREE
    told = [row_logprobs(model, rows, filler, mean=free).view(-1, 2).double() for model in (before, after)]
    reference = 0.0 if free else reference_logprobs(material, rows).view(-1, 2).double()
    ahead = [right((one - reference) @ torch.tensor([1.0, -1.0], dtype=torch.float64)) for one in told]
    sizes = np.array([sum(pair.chosen.learned) for pair in pairs])
    nats = [-one[:, 0].numpy() * (sizes if free else 1) for one in told]
    return {
        "accuracy": change(ahead[0].numpy(), ahead[1].numpy(), np.ones(len(pairs))),
        "nats per token of the chosen": change(nats[0], nats[1], sizes),
    }


@torch.no_grad()
def example_nats(model: GPT, rows: Sequence[Tokens], filler: int, at_once: int = 16) -> np.ndarray:
    """(N,) nats of the learned tokens of each example."""
    device, found = next(model.parameters()).device, []
    with evaluating(model), tracked("measure the held-out examples", len(rows)) as report:
        for start in range(0, len(rows), at_once):
            batch = TokenBatch(*(x.to(device) for x in token_batch(rows[start : start + at_once], filler)))
            found.append(token_losses(model, batch).double().sum(1).cpu().numpy())
            report(min(start + at_once, len(rows)))
    return np.concatenate(found)
