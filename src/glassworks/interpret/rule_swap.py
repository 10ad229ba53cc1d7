"""The network with rules in the place of its neurons: how much of what it does is still there?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor, nn

from glassworks.core.trace import Trace
from glassworks.interpret.finite import run_model
from glassworks.interpret.hooks import patch
from glassworks.interpret.lens import divergence
from glassworks.interpret.rule_report import rules_of
from glassworks.interpret.rules import Rules

Measure = Callable[[Tensor, Tensor], Tensor]
"""Logits (b, T, V) and the rows of the inputs that they are of (b,), to one number a row (b,)."""
Edits = Mapping[str, Callable[[Tensor], Tensor]]

REPLACEMENTS = ("reference", "trees", "random trees", "mean ablation")


def swap_in(
    model: nn.Module,
    inputs: Shaped[Tensor, "B ..."],
    features: Shaped[Tensor, "N ... P"],
    report: Trace,
    *,
    keep: Bool[Tensor, "N ..."] | None = None,
    min_r2: float = 0.7,
    rest: Literal["keep", "ablate"] = "keep",
    measures: Mapping[str, Measure] | None = None,
    batch_size: int = 64,
    seed: int = 0,
    threads: int | None = None,
) -> Trace:
    """Replace the neurons that their trees explain by what the trees say, and compare with the untouched network.

    Rules that hold the neurons' information bring the network near its own output; the controls say how far away it is
    without that information. Chosen are neurons of a held-out R² of at least `min_r2`, at one point after the other
    and at all together.

    Args:
        model: what the report is about.
        inputs: as `rule_report` takes them; give those that it held out: `inputs[report.arrays["held_out"]]`.
        features: of the same rows.
        keep: of the same rows; None = everywhere.
        report: what `rule_report` returned.
        min_r2: which neurons are replaced.
        rest: "keep" leaves the other neurons of a point as they are; "ablate" sets them to their means in every row.
        measures: more numbers to take of the logits, such as the share of legal moves, by name.
        batch_size: inputs to a forward pass.
        seed: draws the random trees.
        threads: None = as many as torch uses.

    Arrays, where replacement is "reference" (nothing is replaced), "trees", "random trees" (the same values behind
    questions drawn anew: all questions of the point's trees dealt out again) or "mean ablation" (the same neurons set
    to their means over the fitted examples), and place is each point or "all points":
        kl, top1 (replacement, place): KL(reference || replaced) in nats and how often both put the same token first,
            averaged over the places that count. kl_error, top1_error: standard errors over inputs.
        <measure>, <measure>_error (replacement, place).
        num_replaced (place,): neurons.
    """
    points = report.labels["point"]
    rules = {point: rules_of(report, point) for point in points}
    chosen = {p: torch.from_numpy(report.arrays["r2"][0, i] >= min_r2) for i, p in enumerate(points)}
    mask = torch.ones(features.shape[:-1], dtype=torch.bool) if keep is None else keep.cpu()
    if len(features) != len(inputs) or mask.shape != features.shape[:-1] or not mask.any():
        shapes = f"inputs {tuple(inputs.shape)}, features {tuple(features.shape)} and keep {tuple(mask.shape)}"
        raise ValueError(f"{shapes} must begin with the same axes and count some place")
    places = {point: [point] for point in points} | ({"all points": points} if len(points) > 1 else {})
    dealt = {point: deal(rules[point], seed) for point in points}
    found: dict[str, list[Tensor]] = {}
    for first in range(0, len(inputs), batch_size):
        rows = torch.arange(first, min(first + batch_size, len(inputs)))
        rows = rows[mask[rows].flatten(1).any(1)]
        if not len(rows):
            continue
        said = {
            name: {p: trees[p].predict(features[rows].flatten(0, -2), threads=threads) for p in points}
            for name, trees in (("trees", rules), ("random trees", dealt))
        }
        said["mean ablation"] = {p: torch.from_numpy(rules[p].value[:, 0]) for p in points}
        edits = {
            (name, place): {p: edit(said[name][p], chosen[p], rules[p], mask[rows], rest) for p in group}
            for name in said
            for place, group in places.items()
        }
        for name, values in look(model, inputs[rows], mask[rows], rows, edits, list(places), measures or {}).items():
            found.setdefault(name, []).append(values)
    return to_trace(found, places, {p: int(c.sum()) for p, c in chosen.items()}, {"min_r2": min_r2, "rest": rest})


def deal(rules: Rules, seed: int) -> Rules:
    """The same trees with their questions dealt out anew among all splits of all neurons; values stay."""
    splits = rules.feature >= 0
    order = np.random.default_rng(seed).permutation(int(splits.sum()))
    feature, threshold = rules.feature.copy(), rules.threshold.copy()
    feature[splits], threshold[splits] = rules.feature[splits][order], rules.threshold[splits][order]
    return replace(rules, feature=feature, threshold=threshold)


def edit(said: Tensor, chosen: Tensor, rules: Rules, mask: Tensor, rest: str) -> Callable[[Tensor], Tensor]:
    """What replaces a point's value: `said` (places, F) or (F,) for the chosen neurons, at the places that count."""
    mean = torch.from_numpy(rules.value[:, 0])

    def change(value: Tensor) -> Tensor:
        if value.shape != (*mask.shape, len(chosen)):
            raise ValueError(f"the point has shape {tuple(value.shape)}, its rules {(*mask.shape, len(chosen))}")
        new = said.view(*mask.shape, -1) if said.ndim == 2 else said
        other = mean.to(value) if rest == "ablate" else value
        changed = torch.where(chosen.to(value.device), new.to(value), other)
        return torch.where(mask[..., None].to(value.device), changed, value)

    return change


@torch.no_grad()
def look(
    model: nn.Module,
    inputs: Tensor,
    mask: Tensor,
    rows: Tensor,
    edits: Mapping[tuple[str, str], Edits],
    places: Sequence[str],
    measures: Mapping[str, Measure],
) -> dict[str, Tensor]:
    """Every number of a batch: name to (b, replacements, places), float64."""
    device = next((p.device for p in model.parameters()), inputs.device)
    x = inputs.to(device)
    logits = run_model(model, x)
    weight = (mask if mask.shape == logits.shape[:-1] else torch.ones(logits.shape[:-1])).to(logits.device).double()
    weight = weight / weight.sum(tuple(range(1, weight.ndim)), keepdim=True)
    own, first = logits.float().log_softmax(-1), logits.argmax(-1)

    def numbers(other: Tensor) -> dict[str, Tensor]:
        values = {
            "kl": divergence(own, other.float().log_softmax(-1)).double() * weight,
            "top1": (other.argmax(-1) == first) * weight,
        }
        own_measures = {name: measure(other, rows).double() for name, measure in measures.items()}
        return {name: value.flatten(1).sum(1) for name, value in values.items()} | own_measures

    found: list[dict[str, Tensor]] = []
    for replacement in REPLACEMENTS:
        for place in places:
            if replacement == "reference":
                found.append(numbers(logits) if place == places[0] else found[0])
                continue
            with patch(model, edits[replacement, place]):
                found.append(numbers(run_model(model, x)))
    shape = (len(REPLACEMENTS), len(places), len(rows))
    return {name: torch.stack([one[name].cpu() for one in found]).view(shape).permute(2, 0, 1) for name in found[0]}


def to_trace(
    found: Mapping[str, list[Tensor]],
    places: Mapping[str, Sequence[str]],
    chosen: Mapping[str, int],
    meta: dict[str, str | float | int],
) -> Trace:
    """Means and standard errors over the inputs."""
    arrays = {"num_replaced": np.array([sum(chosen[p] for p in group) for group in places.values()])}
    for name, parts in found.items():
        values = torch.cat(parts)
        arrays[name] = values.mean(0).numpy()
        arrays[f"{name}_error"] = (
            (values.std(0) / len(values) ** 0.5).numpy() if len(values) > 1 else np.full(arrays[name].shape, np.nan)
        )
    return Trace(
        method="neuron_rules_swapped_in",
        arrays=arrays,
        axes={name: ("place",) if name == "num_replaced" else ("replacement", "place") for name in arrays},
        labels={"replacement": list(REPLACEMENTS), "place": list(places)},
        meta=meta | {"num_inputs": len(torch.cat(found["kl"]))},
    )
