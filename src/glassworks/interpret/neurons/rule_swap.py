"""The network with rules in the place of its neurons: how much of what it does is still there?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from torch import Tensor, nn

from glassworks.core.machine.memory import free_memory
from glassworks.core.progress import tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.axes import Axes, axes_at
from glassworks.interpret.access.finite import run_model
from glassworks.interpret.access.hooks import patch
from glassworks.interpret.neurons.fit_legends import RULE_SWAP
from glassworks.interpret.neurons.rule_report import activations, rules_of, score_rules, split
from glassworks.interpret.neurons.rules import Rules
from glassworks.interpret.transformer.lens import divergence
from glassworks.trace.trace import Trace

Measure = Callable[[Tensor, Tensor], Tensor]
"""Logits (b, T, V) and the rows of the inputs that they are of (b,), to one number a row (b,)."""
Edits = Mapping[str, Callable[[Tensor], Tensor]]

REPLACEMENTS = ("reference", "trees", "random trees", "mean ablation")


@public
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
    max_bytes: int | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Trace:
    """Replace the neurons that their trees explain by what the trees say, and compare with the untouched network.

    Rules that hold the neurons' information bring the network near its own output; the controls say how far away it is
    without that information. One half of the inputs chooses the neurons, those whose trees have an R² of at least
    `min_r2` there; the other half judges them, at one point after the other and at all together.

    Args:
        model: what the report is about.
        inputs: as `rule_report` takes them; give those that it held out: `inputs[report.arrays["held_out"]]`.
        features: of the same rows.
        keep: of the same rows; None = everywhere.
        report: what `rule_report` returned.
        min_r2: which neurons are replaced.
        rest: "keep" leaves the other neurons of a point as they are; "ablate" sets them to their means in every row.
        measures: more numbers to take of the logits, such as the share of legal moves, by name; each is given the
            logits of some judged inputs, and which rows of `inputs` those are.
        batch_size: inputs to a forward pass.
        max_bytes: the most that the activations of one point may take; None = half of what is free.
        seed: draws the halves and the random trees.
        threads: None = as many as torch uses.

    Arrays, where replacement is "reference" (nothing is replaced), "trees", "random trees" (the same values behind
    questions drawn anew: all questions of the point's trees dealt out again) or "mean ablation" (the same neurons set
    to their means over the fitted examples), and place is each point or "all points":
        kl (replacement, place): KL(reference || replaced) in nats, averaged over the places that count.
        top1 (replacement, place): how often both put the same token first.
        kl_error, top1_error (replacement, place): their standard errors, over inputs.
        <measure>, <measure>_error (replacement, place).
        num_replaced, num_neurons (place,): neurons replaced, and those that there are.
        judged (judged_input,): the rows of `inputs` that the numbers are of.
    """
    points = report.labels["point"]
    rules = {point: rules_of(report, point) for point in points}
    if len(inputs) < 2:
        raise ValueError(f"inputs {tuple(inputs.shape)} must be 2 or more: some choose the neurons, others judge them")
    choosing, judging, judged = split(inputs, features, keep, 0.5, seed)
    room = max_bytes if max_bytes is not None else (free_memory() or 2**34) // 2
    chosen = {}
    for point in points:
        y = activations(model, choosing, point, batch_size, room)
        chosen[point] = torch.from_numpy(score_rules(rules[point], choosing.features, y, threads=threads).r2 >= min_r2)
    places = {point: [point] for point in points} | ({"all points": points} if len(points) > 1 else {})
    dealt = {point: deal(rules[point], seed) for point in points}
    measured: dict[str, list[Tensor]] = {}
    axes = {point: axes_at(model, on_device_of(model, judging.inputs[:1]), point) for point in points}
    judged_rows = judging.keep.view(len(judged), -1).any(1).nonzero()[:, 0]
    with tracked("swap rules in", len(judged_rows)) as advance:
        for some in torch.split(judged_rows, batch_size):
            rows, mask, said_of = judged[some], judging.keep[some], features[judged[some]].flatten(0, -2)
            said = {
                name: {p: trees[p].predict(said_of, threads=threads) for p in points}
                for name, trees in (("trees", rules), ("random trees", dealt))
            }
            said["mean ablation"] = {p: torch.from_numpy(rules[p].value[:, 0]) for p in points}
            edits = {
                (name, place): {p: edit(axes[p], said[name][p], chosen[p], rules[p], mask, rest) for p in group}
                for name in said
                for place, group in places.items()
            }
            for name, values in look(model, inputs[rows], mask, rows, edits, list(places), measures or {}).items():
                measured.setdefault(name, []).append(values)
            advance(sum(map(len, next(iter(measured.values())))))
    return to_trace(measured, places, chosen, judged[judged_rows], {"min_r2": min_r2, "rest": rest})


def deal(rules: Rules, seed: int) -> Rules:
    """The same trees with their questions dealt out anew among all splits of all neurons; values stay."""
    splits = rules.feature >= 0
    order = np.random.default_rng(seed).permutation(int(splits.sum()))
    feature, threshold = rules.feature.copy(), rules.threshold.copy()
    feature[splits], threshold[splits] = rules.feature[splits][order], rules.threshold[splits][order]
    return replace(rules, feature=feature, threshold=threshold)


def edit(
    axes: Mapping[int, Axes], predicted: Tensor, chosen: Tensor, rules: Rules, mask: Tensor, rest: str
) -> Callable[[Tensor], Tensor]:
    """What replaces a point's value: `said` (places, F) or (F,) for the chosen neurons, at the places that count."""
    mean = torch.from_numpy(rules.value[:, 0])
    counts = mask.view(len(mask), -1, 1)  # (B, P, 1)

    def change(value: Tensor) -> Tensor:
        old = axes[value.ndim].rows(value)  # (B, P, F)
        if old.shape != (*counts.shape[:2], len(chosen)):
            shape = (*counts.shape[:2], len(chosen))
            raise ValueError(
                f"the point has shape {tuple(value.shape)}, its rules are of {shape}: give the same inputs"
            )
        new = predicted.view(old.shape) if predicted.ndim == 2 else predicted
        other = mean.to(old) if rest == "ablate" else old
        changed = torch.where(chosen.to(old.device), new.to(old), other)
        return axes[value.ndim].unlay(torch.where(counts.to(old.device), changed, old), value)

    return change


def on_device_of(model: nn.Module, inputs: Tensor) -> Tensor:
    """Inputs where the model's weights are."""
    return inputs.to(next((p.device for p in model.parameters()), inputs.device))


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
    x = on_device_of(model, inputs)
    logits = run_model(model, x)
    weight = (mask if mask.shape == logits.shape[:-1] else torch.ones(logits.shape[:-1])).to(logits.device).double()
    weight = weight.reshape(len(x), -1)  # (b, places)
    weight = weight / weight.sum(1, keepdim=True)
    own, first = logits.float().log_softmax(-1), logits.argmax(-1)

    def numbers(other: Tensor) -> dict[str, Tensor]:
        values = {
            "kl": divergence(own, other.float().log_softmax(-1)).double().reshape(weight.shape) * weight,
            "top1": (other.argmax(-1) == first).reshape(weight.shape) * weight,
        }
        own_measures = {name: measure(other, rows).double() for name, measure in measures.items()}
        return {name: value.flatten(1).sum(1) for name, value in values.items()} | own_measures

    parts: list[dict[str, Tensor]] = []
    for replacement in REPLACEMENTS:
        for place in places:
            if replacement == "reference":
                parts.append(numbers(logits) if place == places[0] else parts[0])
                continue
            with patch(model, edits[replacement, place]):
                parts.append(numbers(run_model(model, x)))
    shape = (len(REPLACEMENTS), len(places), len(rows))
    return {name: torch.stack([one[name].cpu() for one in parts]).view(shape).permute(2, 0, 1) for name in parts[0]}


def to_trace(
    measured: Mapping[str, list[Tensor]],
    places: Mapping[str, Sequence[str]],
    chosen: Mapping[str, Tensor],
    judged: Tensor,
    meta: dict[str, str | float | int],
) -> Trace:
    """Means and standard errors over the inputs."""
    groups = [torch.cat([chosen[p] for p in group]) for group in places.values()]
    arrays = {
        "num_replaced": np.array([int(one.sum()) for one in groups]),
        "num_neurons": np.array([len(one) for one in groups]),
    }
    axes: dict[str, tuple[str, ...]] = {"judged": ("judged_input",)}
    axes |= dict.fromkeys(arrays, ("place",))
    for name, parts in measured.items():
        values = torch.cat(parts)
        arrays[name] = values.mean(0).numpy()
        arrays[f"{name}_error"] = (
            (values.std(0) / len(values) ** 0.5).numpy() if len(values) > 1 else np.full(arrays[name].shape, np.nan)
        )
    arrays["judged"] = judged.numpy()
    return Trace(
        method="neuron_rules_swapped_in",
        legend=RULE_SWAP,
        arrays=arrays,
        axes={name: axes.get(name, ("replacement", "place")) for name in arrays},
        labels={"replacement": list(REPLACEMENTS), "place": list(places)},
        meta=meta | {"num_inputs": len(torch.cat(measured["kl"]))},
    )
