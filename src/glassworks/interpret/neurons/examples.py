"""What each neuron of a layer responds to: its strongest, typical, random and weakest places, all neurons at once.

One pass over the inputs, in memory that does not grow with them. Each kind of example is a running top-k of a score,
one place an input, so that eight examples are eight texts: the activation itself for the strongest, its negative for
the weakest, and a random number for samples. A sample of the places where a neuron fires, sorted, gives its quantiles:
the strongest alone make many a neuron look as if it had one meaning (Bolukbasi et al. 2021). Whatever is read into the
examples can be checked on the same from inputs that were held out.

Letters: b inputs of a batch, T positions, F neurons, E examples, W positions of a window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_room
from glassworks.interpret.access.tallies import Best, Tally, activations_of
from glassworks.interpret.neurons.legends import NEURON_EXAMPLES
from glassworks.trace.trace import Trace

SPLITS = ("ranked", "held out")


@dataclass(frozen=True)
class Examples:
    """Which examples of a neuron to keep, and how much around each."""

    k: int = 8
    """Strongest, weakest and random ones, of each kind."""
    quantiles: tuple[float, ...] = (0.95, 0.8, 0.6, 0.4, 0.2, 0.05)
    """Of the activations where the neuron fires: an example at each."""
    sample: int = 48
    """Places where it fires that the quantiles are taken of."""
    before: int = 16
    """Positions of a window before its place."""
    after: int = 8
    """Positions behind it."""
    above: float = 0.0
    """A neuron fires where its activation is above this."""

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to see."""
        for name, least in (("k", 1), ("sample", max(1, len(self.quantiles))), ("before", 0), ("after", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} (={getattr(self, name)}) must be at least {least}")
        if not all(0 <= q <= 1 for q in self.quantiles):
            raise ValueError(f"quantiles (={self.quantiles}) must lie between 0 and 1")

    @property
    def names(self) -> list[str]:
        """What the E examples are called."""
        ranks = range(1, self.k + 1)
        return [
            *(f"top {i}" for i in ranks),
            *(f"quantile {q:g}" for q in self.quantiles),
            *(f"random {i}" for i in ranks),
            *(f"weakest {i}" for i in ranks),
        ]

    @property
    def width(self) -> int:
        """W."""
        return self.before + 1 + self.after


@public
@torch.no_grad()
def neuron_examples(
    model: nn.Module,
    inputs: Shaped[Tensor, "B ..."],
    held_out: Shaped[Tensor, "M ..."],
    point: str,
    *,
    neurons: Sequence[int] | None = None,
    examples: Examples | None = None,
    names: Sequence[str] | None = None,
    keep: Bool[Tensor, "N ..."] | None = None,
    keep_held_out: Bool[Tensor, "N2 ..."] | None = None,
    fresh: nn.Module | None = None,
    batch_size: int = 16,
    seed: int = 0,
) -> Trace:
    """Collect each neuron's examples and statistics, on inputs to look at and on inputs to check what was seen there.

    Args:
        model: any module whose `point` gives (B, T, F) or (B, F), or a convolution's map (B, F, H, W), whose channels
            are the neurons and whose places count as positions, row by row; of others, `axes.describe` says it.
        inputs: what it takes, one example a row, such as tokens (B, T).
        held_out: more of the same.
        point: as `capture` takes it, such as "blocks.3.mlp.post"; one only.
        neurons: which; None = all. Their numbers become the labels of the axis neuron.
        examples: which to keep; None = the defaults of `Examples`.
        names: of the tokens, by id, for inputs that are tokens.
        keep: true where a place of `inputs` counts (and not, say, padding); None = everywhere.
        keep_held_out: the same for `held_out`.
        fresh: an untrained network of the same shape, whose neurons of the same numbers stand beside these: any
            direction prefers some tokens, so what its neurons show is no meaning. None = without.
        batch_size: inputs to a forward pass; of a batch all activations of the point are in memory.
        seed: draws the samples.

    Arrays, where split is "ranked" (`inputs`) or "held out" and example is a name of `Examples.names`:
        activation (split, neuron, example): NaN where there is no such example, as for a neuron that never fires.
        row, position (split, neuron, example): its place, of another input than the others of its kind; -1 for none.
        window_activation (split, neuron, example, offset): around each place; NaN outside of the input.
        window_token (split, neuron, example, offset): token ids, -1 outside; only if the inputs are tokens (B, T).
        firing_rate, mean, deviation, lowest, highest (split, neuron): over all places. A neuron whose firing rate is 0
            in both splits is dead.
        zeros (split, neuron): the share of activations that are exactly 0.
        histogram (split, neuron, bin): the other activations, in bins that divide [-scale, scale] evenly.
        scale (split, neuron): a power of 2.
        token_agreement (neuron): of the held-out strongest, the share whose token is also among the ranked strongest's.
        token_agreement_control (neuron): the same beside the strongest of the neuron before; NaN for a single neuron.
        vocabulary_count (vocabulary): how often each token occurs in `inputs`; only if names are given.
        untrained_*: all but the last of the fresh network, if one is given.
    """
    want = examples or Examples()
    if batch_size < 1:
        raise ValueError(f"batch_size (={batch_size}) must be at least 1")
    found = [
        collect(model, x, mask, want, point=point, neurons=neurons, batch_size=batch_size, seed=seed + i, split=name)
        for i, (name, x, mask) in enumerate(zip(SPLITS, (inputs, held_out), (keep, keep_held_out), strict=True))
    ]
    arrays = {name: np.stack([one[name] for one in found]) for name in found[0]}
    labels = {
        "split": list(SPLITS),
        "neuron": [str(i) for i in (range(arrays["activation"].shape[1]) if neurons is None else neurons)],
        "example": want.names,
        "offset": [str(i) for i in range(-want.before, want.after + 1)],
    }
    if are_tokens(inputs):
        arrays |= token_arrays(arrays, (inputs, held_out), want)
    axes = {name: AXES.get(name, ("split", "neuron")) for name in arrays}
    if fresh is not None:
        other = neuron_examples(
            fresh,
            inputs,
            held_out,
            point,
            neurons=neurons,
            examples=want,
            keep=keep,
            keep_held_out=keep_held_out,
            batch_size=batch_size,
            seed=seed,
        )
        arrays |= {f"untrained_{name}": array for name, array in other.arrays.items()}
        axes |= {f"untrained_{name}": of for name, of in other.axes.items()}
    if are_tokens(inputs) and names is not None:
        arrays["vocabulary_count"], axes["vocabulary_count"] = counts(inputs, keep, names), ("vocabulary",)
        labels["vocabulary"] = list(names)
    meta: dict[str, str | float | int] = {"point": point, "above": want.above, "seed": seed}
    meta |= {"num_inputs": len(inputs), "num_held_out": len(held_out)}
    return Trace("neuron_examples", arrays, axes, labels, meta, legend=NEURON_EXAMPLES)


AXES: dict[str, tuple[str, ...]] = {
    "activation": ("split", "neuron", "example"),
    "row": ("split", "neuron", "example"),
    "position": ("split", "neuron", "example"),
    "window_activation": ("split", "neuron", "example", "offset"),
    "window_token": ("split", "neuron", "example", "offset"),
    "histogram": ("split", "neuron", "bin"),
    "token_agreement": ("neuron",),
    "token_agreement_control": ("neuron",),
}


# ----------------------------------------------------------------------------------------------------------------------
# Collecting


def collect(
    model: nn.Module,
    inputs: Tensor,
    keep: Tensor | None,
    want: Examples,
    *,
    point: str,
    neurons: Sequence[int] | None,
    batch_size: int,
    seed: int,
    split: str,
) -> dict[str, np.ndarray]:
    """Everything about one split."""
    if not len(inputs) or (keep is not None and (len(keep) != len(inputs) or not keep.any())):
        masked = "" if keep is None else f", of which keep {tuple(keep.shape)} counts {int(keep.sum())} places,"
        raise ValueError(f"the {split} inputs {tuple(inputs.shape)}{masked} must hold a place that counts, row by row")
    generators = [torch.Generator().manual_seed(2 * seed + i) for i in range(2)]
    kinds: dict[str, Best] = {}
    for first in range(0, len(inputs), batch_size):
        part = slice(first, first + batch_size)
        a = activations_of(model, inputs[part], point, neurons)  # (b, T, F)
        mask = torch.ones(a.shape[:2], dtype=torch.bool) if keep is None else keep[part].view(len(a), -1)
        if mask.shape != a.shape[:2]:
            raise ValueError(f"keep {tuple(mask.shape)} does not have the first axes of {point} {tuple(a.shape)}")
        mask = mask.to(a.device)[..., None]
        if not kinds:
            kinds, tally = begin(a, want)
        tally.add(a, mask)
        chance = [torch.rand(*a.shape[:2], 1, generator=one).to(a.device) for one in generators]
        fires = mask & (a > want.above)
        for kind, score, allowed in (
            ("top", a, mask),
            ("firing", chance[0], fires),
            ("random", chance[1], mask),
            ("weakest", -a, mask),
        ):
            kinds[kind].offer(torch.where(allowed, score, -torch.inf), a, first)
    chosen = [kinds["top"].arrays(), quantiles(kinds["firing"].arrays(), want.quantiles)]
    chosen += [kinds[kind].arrays() for kind in ("random", "weakest")]
    return {name: np.concatenate([one[name] for one in chosen], 1) for name in chosen[0]} | tally.arrays()


def begin(a: Tensor, want: Examples) -> tuple[dict[str, Best], Tally]:
    """Empty tallies for (b, T, F) activations, if there is room for them."""
    F, sizes = a.size(2), {"top": want.k, "firing": want.sample, "random": want.k, "weakest": want.k}
    check_room(3 * 4 * F * sum(sizes.values()) * want.width, a.device, "give fewer neurons, or smaller windows")
    kinds = {name: Best(F, k, want.before, want.after, a.device) for name, k in sizes.items()}
    return kinds, Tally(F, want.above, a.device)


def quantiles(sample: dict[str, np.ndarray], levels: Sequence[float]) -> dict[str, np.ndarray]:
    """Of each neuron's sample (F, sample), the entry at each level; none where it fired less often than there are."""
    value = sample["activation"]
    order = np.argsort(np.where(np.isnan(value), np.inf, value), 1, kind="stable")
    number = (~np.isnan(value)).sum(1)
    enough = number >= len(levels)
    at = np.rint(np.multiply.outer(np.maximum(number - 1, 0), np.asarray(levels, float))).astype(int)
    which = np.take_along_axis(order, at, 1)
    missing = {"activation": np.nan, "row": -1, "position": -1, "window_activation": np.nan}
    entries = {}
    for name, array in sample.items():
        picked = np.take_along_axis(array, which.reshape(*which.shape, *[1] * (array.ndim - 2)), 1)
        picked[~enough] = missing[name]
        entries[name] = picked
    return entries


# ----------------------------------------------------------------------------------------------------------------------
# Tokens


def are_tokens(inputs: Tensor) -> bool:
    """Whether the inputs are rows of token ids."""
    return inputs.ndim == 2 and inputs.dtype in (torch.int16, torch.int32, torch.int64, torch.uint8)


def token_arrays(arrays: dict[str, np.ndarray], texts: Sequence[Tensor], want: Examples) -> dict[str, np.ndarray]:
    """The windows as token ids, and how far the strongest tokens of the two splits agree."""
    windows = []
    for split, text in enumerate(texts):
        row, position = arrays["row"][split], arrays["position"][split]  # (F, E)
        at = position[..., None] + np.arange(-want.before, want.after + 1)
        inside = (row[..., None] >= 0) & (at >= 0) & (at < text.size(1))
        ids = text.cpu().numpy()[row[..., None].clip(0), at.clip(0, text.size(1) - 1)]
        windows.append(np.where(inside, ids, -1).astype(np.int32))
    tokens = np.stack(windows)
    ranked, held_out = tokens[:, :, : want.k, want.before]
    control = agreement(held_out, np.roll(ranked, 1, 0))
    if len(control) == 1:  # there is no other neuron
        control.fill(np.nan)
    return {
        "window_token": tokens,
        "token_agreement": agreement(held_out, ranked),
        "token_agreement_control": control,
    }


def agreement(tokens: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The share of each row's tokens (F, k) that are also in the other's row; NaN where there is none."""
    there = tokens >= 0
    same = (tokens[:, :, None] == among[:, None]).any(2) & there
    share: np.ndarray = np.where(there.any(1), same.sum(1) / np.maximum(there.sum(1), 1), np.nan).astype(np.float32)
    return share


def counts(inputs: Tensor, keep: Tensor | None, names: Sequence[str]) -> np.ndarray:
    """How often each named token occurs where places count."""
    largest = int(inputs.max())
    if largest >= len(names) or int(inputs.min()) < 0:
        raise ValueError(f"names (of {len(names)} tokens) must name the tokens {int(inputs.min())} to {largest}")
    ids = inputs.flatten() if keep is None or keep.shape != inputs.shape else inputs[keep]
    found: np.ndarray = torch.bincount(ids.cpu().long(), minlength=len(names)).numpy()
    return found
