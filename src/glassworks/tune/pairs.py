"""Preferences as batches: of each pair the tokens of both completions behind their prompt, and what the reference says.

The reference's log-probabilities do not change, so they are computed once, before the first step, and kept beside the
examples for as long as these are there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glassworks.core.files import atomic_file
from glassworks.core.progress import tracked
from glassworks.data.dialogues.batches import TokenBatch, token_batch
from glassworks.data.dialogues.rows import Row
from glassworks.data.dialogues.tokens import Tokens
from glassworks.models.adapters.digest import digest_of
from glassworks.models.gpt.model import GPT
from glassworks.models.io import read_tensors, write_tensors
from glassworks.models.modes import evaluating
from glassworks.train.device import pick_device
from glassworks.train.opening import open_text
from glassworks.tune.likelihood import row_sums
from glassworks.tune.material import Material

AT_ONCE = 16
"""Completions that the reference reads together."""


@dataclass(frozen=True)
class Pair:
    """A preference as tokens."""

    chosen: Tokens
    rejected: Tokens
    margin: float = 0.0

    @property
    def length(self) -> int:
        """Tokens of the longer one."""
        return max(len(self.chosen.ids), len(self.rejected.ids))


class PairBatch(NamedTuple):
    """What a training step on preferences reads; of each pair, chosen before rejected."""

    inputs: Int[Tensor, "B 2 T"]
    targets: Int[Tensor, "B 2 T"]
    """-1 where nothing is learned."""
    reference: Float[Tensor, "B 2"]
    """Log-probabilities of whole completions by the reference, in nats; 0 where a method has none."""
    margin: Float[Tensor, " B"]


class JudgedBatch(NamedTuple):
    """What a training step on single completions reads; each also behind a prompt that is not its own."""

    inputs: Int[Tensor, "B 2 T"]
    targets: Int[Tensor, "B 2 T"]
    reference: Float[Tensor, "B 2"]
    good: Bool[Tensor, " B"]


def pair_rows(rows: Sequence[Row]) -> list[Row]:
    """Preferences as they are, and of a ranking every pair of it."""
    found: list[Row] = []
    for row in rows:
        if "ranked" in row:
            pairs = combinations(row["ranked"], 2)
            found += [{"prompt": row["prompt"], "chosen": a, "rejected": b} for a, b in pairs]
        else:
            found.append(row)
    return found


def pairs_of(material: Material, split: str) -> list[Pair]:
    """The preferences of a split as tokens; those of which nothing is left to compare are left out."""
    found = []
    for row in pair_rows(getattr(material.examples, split)):
        sides = [completed(material, row["prompt"], row[side], split) for side in ("chosen", "rejected")]
        if all(any(side.learned) for side in sides):
            found.append(Pair(sides[0], sides[1], row.get("margin", 0.0)))
        elif split == "train":
            material.cut.lost += 1
    if not found:
        raise ValueError(f"n_ctx (={material.n_ctx}) leaves nothing to compare of the {split} examples: give more")
    return found


def completed(material: Material, prompt: object, completion: object, split: str) -> Tokens:
    """A completion behind a prompt, cut at the longest length."""
    made = material.writer.completed(prompt, completion)
    most = material.n_ctx + 1
    if split == "train":
        material.cut.cut += len(made.ids) > most
    return Tokens(made.ids[:most], made.learned[:most])


# ----------------------------------------------------------------------------------------------------------------------
# The reference


def reference_model(material: Material) -> GPT:
    """The model that the policy is kept near to: what is tuned, or another that the recipe names."""
    named = material.recipe.reference
    return material.base.model if named is None else open_text(named).model


def reference_logprobs(material: Material, rows: Sequence[Tokens]) -> Float[Tensor, " N"]:
    """The log-probability of each row's learned tokens by the reference, in nats, computed once and kept."""
    model = reference_model(material)
    digest = hashlib.sha256(digest_of(model).encode())
    for row in rows:
        digest.update(np.array([*row.ids, -1, *row.learned], np.int64).tobytes())
    kept: Path = material.examples.path.parent / f"reference-{digest.hexdigest()[:24]}.safetensors"
    if not kept.is_file():
        with tracked("ask the reference, once", len(rows)) as report:
            found = row_logprobs(model, rows, material.base.tokenizer.eot, report=report)
        with atomic_file(kept) as temporary:
            write_tensors({"logprobs": found}, temporary)
    return read_tensors(kept)["logprobs"]


@torch.no_grad()
def row_logprobs(
    model: GPT, rows: Sequence[Tokens], filler: int, *, mean: bool = False, report: object = None
) -> Float[Tensor, " N"]:
    """The log-probability of each row's learned tokens, together or a token, in batches of about as long ones."""
    device, found = pick_device(), torch.zeros(len(rows))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    model = model.to(device)
    with evaluating(model):
        for start in range(0, len(rows), AT_ONCE):
            some = order[start : start + AT_ONCE]
            batch = TokenBatch(*(x.to(device) for x in token_batch([rows[i] for i in some], filler)))
            logprobs, lengths = row_sums(model, batch.inputs, batch.targets)
            found[some] = (logprobs / lengths.clamp(min=1) if mean else logprobs).cpu()
            if callable(report):
                report(start + len(some))
    return found


# ----------------------------------------------------------------------------------------------------------------------
# Batches


def two_by_two(rows: Sequence[tuple[Tokens, Tokens]], filler: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets (B, 2, T) of two rows each."""
    flat = token_batch([row for pair in rows for row in pair], filler)
    width = flat.inputs.size(1)
    return flat.inputs.view(-1, 2, width), flat.targets.view(-1, 2, width)


def pair_batch(pairs: Sequence[Pair], reference: Float[Tensor, "N 2"], chosen: list[int], filler: int) -> PairBatch:
    """Some pairs as one batch."""
    some = [pairs[i] for i in chosen]
    inputs, targets = two_by_two([(pair.chosen, pair.rejected) for pair in some], filler)
    return PairBatch(inputs, targets, reference[chosen], torch.tensor([pair.margin for pair in some]))
