"""Ablation: how much a metric falls when a part of the model is silenced.

Three ways to silence a value, from the crudest to the least disturbing: `zero`; `mean`, the average over the reference
inputs at the same position (Wang et al. 2022), which keeps what is common to all; `resample`, the value from a random
other input (Chan et al. 2022), which is a value that the model knows. An effect of zero ablation alone may only say
that zero is unlike anything the rest of the model has met.

`ablation` sweeps over a GPT's places with restarts, `ablate_points` over points of any module, one run each. Controls,
in every trace: the same places changed by as much in a random direction.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.core.progress import tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count, check_labels
from glassworks.interpret.access.finite import run_model
from glassworks.interpret.access.hooks import patch
from glassworks.interpret.causes.legends.places import ABLATE_POINTS, ABLATION
from glassworks.interpret.causes.legends.wording import silenced
from glassworks.interpret.causes.metrics import Metric, facts_of
from glassworks.interpret.causes.patching import random_change, values_at
from glassworks.interpret.causes.restart import BUDGET, Stored, evaluate, in_evaluation, needed, store, upto
from glassworks.interpret.causes.sites import Donors, Place, Site, all_places, find_sites, metrics_of, taps_of
from glassworks.interpret.causes.sweeps import (
    Findings,
    describe,
    layout,
    randomised,
    with_random_changes,
    worth_control,
)
from glassworks.interpret.tokens import check_tokens
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.trace.trace import Trace

Kind = Literal["zero", "mean", "resample"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@public
def ablation(
    model: GPT,
    tokens: Int[Tensor, "B T"],
    metric: Metric,
    *,
    sites: str | Sequence[str] = ("z", "mlp_out"),
    kinds: Sequence[Kind] = KINDS,
    reference: Int[Tensor, "N T"] | None = None,
    by_position: bool = False,
    labels: Sequence[str] | None = None,
    draws: int = 4,
    controls: int = 8,
    seed: int = 0,
    max_bytes: int = BUDGET,
) -> Trace:
    """Silence each place of some sites, and see by how much the metric changes.

    Args:
        model: in any mode; it runs in evaluation mode.
        tokens: the inputs.
        metric: from logits to a number a row, as `metrics.log_probability`.
        sites: of `sites.SITES`; z is the heads.
        kinds: of "zero", "mean" and "resample".
        reference: the other inputs, whose values are averaged or drawn; None = the inputs themselves. Then a mean is
            over all of them, the row that is silenced too; what is drawn is never from that row.
        by_position: each position by itself, or all positions of a layer (and head) at once.
        labels: what to call the positions.
        draws: resampled values and random changes are drawn so often, at least once, and the effects averaged.
        controls: at how many places a site random changes are tried, too: three quarters those of largest effect (mean
            size over the kinds), the others drawn from the rest; 0 = none. At each place as often as `draws` says.
        seed: of the draws and controls.
        max_bytes: the most that a batch of edits may need.

    Arrays, for each site S:
        S (kind, layer, [head,] [position]): mean change of the metric; negative where the place helped. What is
            silenced becomes zero, its mean over other inputs, or what it is on one of them (resample).
        S_metric (..., pair): the metric itself, for each row.
        S_control, S_deviation, S_control_true (kind, S_place): at some places, those of largest effect first, the mean
            and the standard deviation of the metric's change by random edits of the same norm, and by silencing it.
        plain (pair,): the metric of the untouched runs.
    """
    chosen = find_sites(sites)
    others = tokens if reference is None else reference
    check_tokens(model, tokens)
    check_tokens(model, others, "reference")
    check_labels(labels, tokens.size(1))
    check_count("draws", draws, 1)
    check_count("controls", controls, 0)
    check_kinds(kinds, others)
    T, reach, judged = tokens.size(1), needed(metric, tokens.size(1)), upto(metric, tokens.size(1))
    if others.size(1) != T:
        raise ValueError(f"reference {tuple(others.shape)} must have as many positions as tokens {tuple(tokens.shape)}")
    generator, findings = torch.Generator().manual_seed(seed), Findings(labels={"kind": list(kinds)})
    with in_evaluation(model):
        stored = store(model, tokens[:, :reach], taps_of(chosen))
        sources = stored if reference is None else store(model, reference[:, :reach], taps_of(chosen))
        plain = evaluate(judged, stored.logits)
        for name, site in chosen.items():
            sweep = Sweep(stored, site, judged, plain, T if by_position else None, max_bytes)
            donors = [silence(stored, sources, site, kind, draws, generator) for kind in kinds]
            ablate_site(name, sweep, donors, (controls, draws), generator, findings, labels)
    findings.add("plain", plain, ("pair",))
    findings.meta |= {"rows": len(tokens), "reference": len(others), "draws": draws, "seed": seed, **facts_of(metric)}
    legend = silenced(ABLATION, facts_of(metric), float(plain.double().mean()), len(tokens))
    return findings.trace("ablation", legend, labels)


@dataclass(frozen=True, eq=False)
class Sweep:
    """One site of one stored run."""

    stored: Stored
    site: Site
    metric: Metric
    plain: Float[Tensor, " B"]
    positions: int | None
    max_bytes: int

    def run(self, donors: Sequence[Donors], places: Sequence[Place], label: str | None = None) -> Float[Tensor, "n B"]:
        """The metric of edits, averaged over draws of their donors."""
        draws = [
            metrics_of(self.stored, self.site, d, places, self.metric, max_bytes=self.max_bytes, label=label)
            for d in donors
        ]
        return torch.stack(draws).mean(0)

    def change(self, values: Float[Tensor, "k n B"]) -> Float[Tensor, "k n"]:
        """Mean change of the metric."""
        return (values - self.plain).float().mean(-1)


def ablate_site(
    name: str,
    sweep: Sweep,
    donors: Sequence[Sequence[Donors]],
    controls: tuple[int, int],
    generator: torch.Generator,
    findings: Findings,
    labels: Sequence[str] | None,
) -> None:
    """All places of a site, each kind, and random changes at some; `donors` are by kind, then by draw."""
    site, config = sweep.site, sweep.stored.model.config
    places, (sizes, axes) = all_places(site, config, sweep.positions), layout(site, config, sweep.positions)
    told = [f"ablate {name} ({kind})" for kind in findings.labels["kind"]]
    found = torch.stack([sweep.run(kind, places, label) for kind, label in zip(donors, told, strict=True)])
    change = sweep.change(found)
    findings.add(name, torch.unflatten(change, 1, sizes), ("kind", *axes))
    findings.add(f"{name}_metric", torch.unflatten(found, 1, sizes), ("kind", *axes, "pair"))
    count, draws = controls
    chosen = worth_control(sweep.stored, donors[0][0], site, places, change.abs().mean(0), count, generator)
    if chosen:
        some = [places[i] for i in chosen]
        noise = [randomised(sweep.stored, kind[0], site, generator, draws) for kind in donors]
        control = torch.stack([sweep.run([kind], with_random_changes(some, draws)) for kind in noise])
        by_draw = torch.unflatten(sweep.change(control), 1, (-1, draws))
        findings.add(f"{name}_control", by_draw.mean(-1), ("kind", f"{name}_place"))
        findings.add(f"{name}_deviation", by_draw.std(-1, correction=min(1, draws - 1)), ("kind", f"{name}_place"))
        findings.add(f"{name}_control_true", change[:, chosen], ("kind", f"{name}_place"))
        findings.labels[f"{name}_place"] = [describe(place, site, labels) for place in some]


def silence(
    stored: Stored, sources: Stored, site: Site, kind: Kind, draws: int, generator: torch.Generator
) -> list[Donors]:
    """What takes the place of a site's values, (1, B, ...) a layer; several draws if values are resampled."""
    B, layers = stored.shape[0], range(stored.model.config.n_layer)
    if kind == "resample":
        rows = [other_rows(B, sources.shape[0], stored is sources, generator) for _ in range(draws)]
        return [{layer: sources.at(layer, site.tap)[row][None] for layer in layers} for row in rows]
    donors = {}
    for layer in layers:
        value = sources.at(layer, site.tap)
        silent = value.mean(0) if kind == "mean" else torch.zeros_like(value[0])
        donors[layer] = silent.expand(1, B, *silent.shape)
    return [donors]


def other_rows(B: int, N: int, same: bool, generator: torch.Generator) -> Int[Tensor, " B"]:
    """A random one of N rows for each of B; if both are the `same` rows, never its own."""
    if same:
        return (torch.arange(B) + torch.randint(1, B, (B,), generator=generator)) % B
    return torch.randint(N, (B,), generator=generator)


def check_kinds(kinds: Sequence[str], reference: Tensor) -> None:
    """Refuse unknown kinds, and too few rows to average over or draw from."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ValueError(f"kinds (={tuple(kinds)}) must be some of {', '.join(KINDS)}")
    if len(reference) < 2 and any(kind != "zero" for kind in kinds):
        raise ValueError(
            "reference (1 row) must be at least 2 rows for mean and resample: give more, or kinds=['zero']"
        )


# ----------------------------------------------------------------------------------------------------------------------
# Any module


@public
def ablate_points(
    model: nn.Module,
    inputs: Tensor | tuple[Tensor, ...],
    metric: Metric,
    points: str | Sequence[str],
    *,
    kinds: Sequence[Kind] = KINDS,
    positions: Sequence[int] | None = None,
    seed: int = 0,
) -> Trace:
    """Silence points of any module, one run a point and kind. The inputs are their own reference, as in `ablation`.

    Args:
        model: any module that returns a tensor, or an object with `logits`; batch first.
        inputs: its inputs.
        metric: from its output to a number a row.
        points: names or globs of `hooks.patch`; a name that matches nothing is a ValueError, and so is a point whose
            value is not floats (B, ...) of two axes or more.
        kinds: of "zero", "mean" and "resample" (drawn once).
        positions: silence only these along axis 1.
        seed: of the draws and controls.

    Arrays:
        effect (kind, point): mean change of the metric.
        control (kind, point): of a random change with the same norm in each row.
        metric (kind, point, pair): the metric itself; plain (pair,) that of the untouched run.
    """
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)
    check_kinds(kinds, arguments[0])
    generator, rows = torch.Generator().manual_seed(seed), []
    with torch.no_grad(), evaluating(model):
        _, plain, values = values_at(model, arguments, metric, points, positions)
        edits = list(itertools.product(kinds, values.items()))
        with tracked("ablate points", len(edits)) as report:
            for done, (kind, (point, value)) in enumerate(edits, 1):
                drawn = other_rows(len(value), len(value), True, generator) if kind == "resample" else None
                silent = value[drawn] if drawn is not None else value.mean(0, keepdim=True).expand_as(value)
                new = torch.zeros_like(value) if kind == "zero" else silent
                for replacement in (new, random_change(value, new, generator)):
                    with patch(model, {point: replacement}, positions=positions):
                        rows.append(metric(run_model(model, *arguments)))
                report(done)
    metrics = torch.unflatten(torch.stack(rows), 0, (len(kinds), len(values), 2))
    change = (metrics - plain).float().mean(-1)
    meta: dict[str, str | float | int] = {"rows": len(plain), "seed": seed, **facts_of(metric)}
    findings = Findings(labels={"kind": list(kinds), "point": list(values)}, meta=meta)
    findings.add("effect", change[..., 0], ("kind", "point"))
    findings.add("control", change[..., 1], ("kind", "point"))
    findings.add("metric", metrics[:, :, 0], ("kind", "point", "pair"))
    findings.add("plain", plain, ("pair",))
    legend = silenced(ABLATE_POINTS, facts_of(metric), float(plain.double().mean()), len(plain))
    return findings.trace("ablate_points", legend)
