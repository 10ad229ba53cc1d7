"""Activation patching: which values of a run carry what differs between two inputs.

A run on the *corrupt* input gets one value from the run on the *clean* one. Effects are on a scale where 0 is the
corrupt run's metric and 1 the clean run's, both averaged over the pairs of a batch. `activation_patching` tries every
place of a GPT in batches that restart where they differ (`restart`); `patch_points` works on any module, one run a
point. `attribution_patching` has the estimate by gradients.

Controls, in every trace: places changed by as much in a random direction.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.core.progress import tracked
from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count, check_labels, check_room
from glassworks.interpret.access.finite import check_values, run_model
from glassworks.interpret.access.hooks import capture, patch
from glassworks.interpret.causes.contrast import Contrast, contrast_of, steady
from glassworks.interpret.causes.legends.places import ACTIVATION_PATCHING, PATCH_POINTS
from glassworks.interpret.causes.legends.wording import judged
from glassworks.interpret.causes.metrics import Metric, facts_of
from glassworks.interpret.causes.restart import BUDGET, evaluate, in_evaluation
from glassworks.interpret.causes.sites import Site, all_places, find_sites, metrics_of, taps_of
from glassworks.interpret.causes.sweeps import (
    Comparison,
    Findings,
    compare,
    describe,
    layout,
    randomised,
    with_random_changes,
    worth_control,
)
from glassworks.interpret.tokens import check_pair
from glassworks.models.gpt.model import GPT
from glassworks.models.modes import evaluating
from glassworks.trace.trace import Trace

SMALL = 2**20
"""Bytes that are not asked after: reading how much is free takes longer than computing so little."""


@public
def activation_patching(
    model: GPT,
    clean: Int[Tensor, "B T"],
    corrupt: Int[Tensor, "B T"],
    metric: Metric,
    *,
    sites: str | Sequence[str] = "resid_pre",
    by_position: bool = True,
    labels: Sequence[str] | None = None,
    controls: int = 8,
    draws: int = 4,
    seed: int = 0,
    max_bytes: int = BUDGET,
) -> Trace:
    """Patch each place of some sites from the clean into the corrupt run (Vig et al. 2020; Meng et al. 2022).

    Both inputs need the same shape; what differs should be one thing. A large effect says that the place carries what
    the metric depends on and the inputs differ in, not that nothing else does. Under grouped-query attention k and v
    have the axis kv_head in place of head.

    Args:
        model: in any mode; it runs in evaluation mode.
        clean: tokens of the runs that values are taken from, a row each.
        corrupt: tokens of the runs that they are put into, each the pair of the same row of `clean`.
        metric: from logits to a number a pair, as `metrics.logit_difference`.
        sites: of `sites.SITES`: resid_pre, attn_out, resid_mid, mlp_out, resid_post, q, k, v, pattern, z.
        by_position: each position by itself, or all positions of a layer (and head) at once.
        labels: what to call the positions.
        controls: at how many places a site random changes are tried, too: three quarters those of largest effect, the
            others drawn from those that differ; 0 = none.
        draws: random directions at each.
        seed: of the controls.
        max_bytes: the most that a batch of edits may need.

    Arrays, for each site S:
        S (layer, [head,] [position]): how much of the clean run's answer comes back when this alone is as in the clean
            run: 0 = none, as in the corrupt run; 1 = all of it.
        S_metric (..., pair): the metric itself.
        S_control, S_deviation, S_control_true (S_place,): at some places, those of largest effect first, the mean and
            standard deviation of the effects of random changes of the same norm, and the effect of the patch itself.
        clean, corrupt (pair,): the metric of the plain runs.
    """
    chosen = find_sites(sites)
    check_pair(model, clean, corrupt)
    check_labels(labels, clean.size(1))
    check_count("controls", controls, 0)
    check_count("draws", draws, 1)
    generator, findings = torch.Generator().manual_seed(seed), Findings()
    with in_evaluation(model):
        runs = compare(model, clean, corrupt, metric, taps_of(chosen))
        for name, site in chosen.items():
            patch_site(
                runs,
                name,
                site,
                findings,
                by_position=by_position,
                controls=(controls, draws),
                generator=generator,
                max_bytes=max_bytes,
                labels=labels,
            )
    findings.add("clean", runs.top, ("pair",))
    findings.add("corrupt", runs.base, ("pair",))
    findings.meta |= {"scale": runs.scale, "pairs": len(clean), "tokens": runs.T, "seed": seed, **facts_of(metric)}
    return findings.trace("activation_patching", runs.legend(ACTIVATION_PATCHING), labels)


def patch_site(
    runs: Comparison,
    name: str,
    site: Site,
    findings: Findings,
    *,
    by_position: bool,
    controls: tuple[int, int],
    generator: torch.Generator,
    max_bytes: int,
    labels: Sequence[str] | None,
) -> None:
    """One site's sweep and its control: at how many places, in how many random directions."""
    config, donors, positions = runs.corrupt.model.config, runs.donors(site), runs.T if by_position else None
    places, (sizes, axes) = all_places(site, config, positions), layout(site, config, positions)
    found = metrics_of(runs.corrupt, site, donors, places, runs.metric, max_bytes=max_bytes, label=f"patch {name}")
    findings.add(name, runs.effect(found).reshape(sizes), axes)
    findings.add(f"{name}_metric", torch.unflatten(found, 0, sizes), (*axes, "pair"))
    count, draws = controls
    effect = torch.from_numpy(runs.effect(found))
    chosen = worth_control(runs.corrupt, donors, site, places, effect.abs(), count, generator)
    if chosen:
        random = randomised(runs.corrupt, donors, site, generator, draws)
        some = [places[i] for i in chosen]
        changed = with_random_changes(some, draws)
        control = metrics_of(runs.corrupt, site, random, changed, runs.metric, max_bytes=max_bytes)
        by_draw = torch.from_numpy(runs.effect(control)).view(-1, draws)
        findings.add(f"{name}_control", by_draw.mean(1), (f"{name}_place",))
        findings.add(f"{name}_deviation", by_draw.std(1, correction=min(1, draws - 1)), (f"{name}_place",))
        findings.add(f"{name}_control_true", effect[chosen], (f"{name}_place",))
        findings.labels[f"{name}_place"] = [describe(place, site, labels) for place in some]


# ----------------------------------------------------------------------------------------------------------------------
# Any module


@public
def patch_points(
    model: nn.Module,
    clean: Tensor | tuple[Tensor, ...],
    corrupt: Tensor | tuple[Tensor, ...],
    metric: Metric,
    points: str | Sequence[str],
    *,
    positions: Sequence[int] | None = None,
    seed: int = 0,
) -> Trace:
    """Activation patching of any module at points of `hooks.patch`, one run a point.

    Args:
        model: any module that returns a tensor, or an object with `logits`; batch first.
        clean: its inputs in the runs that values are taken from.
        corrupt: those in the runs that they are put into.
        metric: from its output to a number a row.
        points: names or globs, as `encoder.*.attention:0`; a name that matches nothing is a ValueError, and so is a
            point whose value is not floats (B, ...) of two axes or more.
        positions: patch only these along axis 1.
        seed: of the control.

    Arrays:
        effect (point,): 0 = corrupt, 1 = clean.
        control (point,): of a random change with the same norm in each row.
        metric (point, pair): the metric itself; clean, corrupt (pair,) those of the plain runs.
    """
    inputs = [x if isinstance(x, tuple) else (x,) for x in (clean, corrupt)]
    shapes = [[tuple(x.shape) for x in one] for one in inputs]
    if shapes[0] != shapes[1]:
        raise ValueError(f"clean {shapes[0]} and corrupt {shapes[1]} must have the same shapes")

    def run(network: nn.Module) -> Swaps:
        given = inputs if network is model else [tuple(in_dtype_of(network, x) for x in one) for one in inputs]
        return swaps(network, given[0], given[1], metric, points, positions, seed)

    with torch.no_grad(), evaluating(model):
        runs = steady(model, run)
    change = (runs.found - runs.plain[1]).double().mean(-1) / runs.contrast.scale
    findings = Findings(
        labels={"point": runs.points},
        meta={"scale": runs.contrast.scale, "pairs": len(runs.plain[0]), "seed": seed, **facts_of(metric)},
    )
    findings.add("effect", change[:, 0], ("point",))
    findings.add("control", change[:, 1], ("point",))
    findings.add("metric", runs.found[:, 0], ("point", "pair"))
    findings.add("clean", runs.plain[0], ("pair",))
    findings.add("corrupt", runs.plain[1], ("pair",))
    answers = [float(plain.double().mean()) for plain in runs.plain]
    differs, scale = runs.contrast.exists, runs.contrast.scale
    legend = judged(
        PATCH_POINTS, facts_of(metric), answers=answers, scale=scale, differs=differs, pairs=len(runs.plain[0])
    )
    return findings.trace("patch_points", legend)


class Swaps(NamedTuple):
    """What one run a point made of the metric."""

    points: list[str]
    found: Float[Tensor, "P 2 B"]
    """With the point's clean values, and with a random change of the same norm."""
    plain: tuple[Float[Tensor, " B"], Float[Tensor, " B"]]
    """Of the clean and the corrupt run."""
    contrast: Contrast


def swaps(
    model: nn.Module,
    clean: tuple[Tensor, ...],
    corrupt: tuple[Tensor, ...],
    metric: Metric,
    points: str | Sequence[str],
    positions: Sequence[int] | None,
    seed: int,
) -> Swaps:
    """Each point's clean values in the corrupt run."""
    generator, rows = torch.Generator().manual_seed(seed), []
    outputs, plain, values = zip(
        *(values_at(model, one, metric, points, positions) for one in (clean, corrupt)), strict=True
    )
    with tracked("patch points", len(values[0])) as report:
        for done, (point, new) in enumerate(values[0].items(), 1):
            random = random_change(values[1][point], new, generator)
            for replacement in (new, random):
                with patch(model, {point: replacement}, positions=positions):
                    rows.append(metric(run_model(model, *corrupt)))
            report(done)
    found = torch.unflatten(torch.stack(rows), 0, (-1, 2))
    return Swaps(list(values[0]), found, plain, contrast_of(metric, outputs, plain))


def in_dtype_of(model: nn.Module, x: Tensor) -> Tensor:
    """A model's input in the dtype of its weights, if it is floats."""
    return x.to(next(p.dtype for p in model.parameters() if p.is_floating_point())) if x.is_floating_point() else x


def values_at(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    metric: Metric,
    points: str | Sequence[str],
    positions: Sequence[int] | None,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """A plain run's output, its metric, and its values at some points."""
    with capture(model, points, positions=positions) as captured, watching_room(model):
        output = run_model(model, *inputs)
    judged = evaluate(metric, output)
    check_values(captured)
    check_changeable(captured)
    return output, judged, dict(captured)


def check_changeable(values: Mapping[str, Tensor]) -> None:
    """Refuse points whose values have no random direction to be changed in."""
    for name, value in values.items():
        if value.ndim < 2 or not value.is_floating_point():
            raise ValueError(
                f"points: {name} has shape {tuple(value.shape)} and dtype {value.dtype}: choose one with floats "
                "(B, ...) of two axes or more"
            )


@contextmanager
def watching_room(model: nn.Module) -> Iterator[None]:
    """Inside the block refuse, before each linear layer is called, an output that would not fit the memory, twice."""

    def look(module: nn.Linear, args: tuple[Tensor, ...]) -> None:
        for x in args:  # none if it was given by name
            size = 2 * x.numel() // max(module.in_features, 1) * module.out_features * x.element_size()
            if size > SMALL:
                check_room(size, x.device, "give fewer or smaller inputs")

    with ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, nn.Linear):
                stack.callback(module.register_forward_pre_hook(look).remove)
        yield


def random_change(old: Tensor, new: Tensor, generator: torch.Generator) -> Tensor:
    """As far from `old` as `new` is, in each row, in a random direction."""
    noise = torch.randn(old.shape, generator=generator).to(old)
    ratio: Tensor = (new - old).flatten(1).norm(dim=1) / noise.flatten(1).norm(dim=1)
    return old + noise * ratio.view(-1, *[1] * (old.ndim - 1))
