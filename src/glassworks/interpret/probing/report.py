"""What probes know of held-out examples, beside what a random network, shuffled labels and the majority would know."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.stream import IGNORE, Batches, stream
from glassworks.interpret.control import randomised
from glassworks.interpret.probing.labels import check_labels, labels_of, with_shuffled
from glassworks.interpret.probing.legends import ANSWERS, HIDDEN_ANSWERS
from glassworks.interpret.probing.probes import MAX_BYTES, Job, fit_jobs
from glassworks.interpret.probing.readers import Probes
from glassworks.trace.legend import points as points_axis
from glassworks.trace.trace import Trace


@public
def probe(
    model: nn.Module,
    batches: Batches,
    held_out: Batches,
    points: str | Sequence[str],
    *,
    steps: int,
    held_out_steps: int,
    classes: int | Sequence[str],
    targets: Sequence[str] | None = None,
    hidden: int | None = None,
    random_model: nn.Module | None = None,
    l2: float = 1.0,
    passes: int = 10,
    lr: float = 1e-3,
    max_bytes: int = MAX_BYTES,
    seed: int = 0,
) -> Trace:
    """What a probe at each point knows of each target on held-out examples, and what it would know anyway.

    Rows: "linear" (and "MLP" if `hidden`), each also ", random network" (the same architecture with other weights: what
    the inputs alone give away through random features) and ", shuffled labels" (fitted to the labels of other examples
    of the stream, position for position: what position and class sizes give away); "majority" names each target's most
    common class.

    Arrays:
        accuracy (row, point): share of the held-out labels that are named right, over all targets.
        error (row, point): its standard error, with examples, not their positions, as the independent units.
        target_accuracy (row, point, target): share of each question's held-out labels that are named right; NaN for a
            question without any.
        class_recall (row, point, class): share of a class' held-out labels that are named right.
        class_share (class,): how much of the held-out labels each class makes up.

    Args: as `fit_probes`, and
        held_out: `held_out(step)` gives (inputs, labels) of other examples, for `held_out_steps` steps.
        classes: their number or their names.
        targets: their names; None numbers them.
        random_model: the control network; None makes one, `randomised(model, seed=...)`.
    """
    names = [str(i) for i in range(classes)] if isinstance(classes, int) else list(classes)
    kinds: list[int | None] = [None] if hidden is None else [None, hidden]
    options: dict[str, Any] = {"classes": len(names), "l2": l2, "passes": passes, "lr": lr, "max_bytes": max_bytes}
    num_targets = labels_of(batches(0)).size(-1)
    real, other = slice(0, num_targets), slice(num_targets, None)
    jobs = [Job(kind, columns) for kind in kinds for columns in (real, other)]
    probes = fit_jobs(model, with_shuffled(batches, steps, seed), points, jobs, steps=steps, seed=seed, **options)
    where = probes[0].points
    control = random_model if random_model is not None else randomised(model, seed=seed + 1)
    jobs = [Job(kind, real) for kind in kinds]
    floor = fit_jobs(control, batches, where, jobs, steps=steps, seed=seed, **options)
    real_tally = tally(probes, model, held_out, where, held_out_steps, names)
    floor_tally = tally(floor, control, held_out, where, held_out_steps, names)
    rows = []
    for i, kind in enumerate("linear" if kind is None else "MLP" for kind in kinds):
        rows += [(kind, real_tally, 2 * i), (f"{kind}, random network", floor_tally, i)]
        rows += [(f"{kind}, shuffled labels", real_tally, 2 * i + 1)]
    rows += [("majority", real_tally, len(probes))]
    arrays = [scores({name: array[i] if name in PER_PROBE else array for name, array in t.items()}) for _, t, i in rows]
    return Trace(
        method="probe",
        legend=(ANSWERS if hidden is None else HIDDEN_ANSWERS).with_axes(point=points_axis(where)),
        arrays={name: np.stack([each[name] for each in arrays]) for name in arrays[0]}
        | {"class_share": (real_tally["class_count"] / real_tally["class_count"].sum()).numpy().astype(np.float32)},
        axes={
            "accuracy": ("row", "point"),
            "error": ("row", "point"),
            "target_accuracy": ("row", "point", "target"),
            "class_recall": ("row", "point", "class"),
            "class_share": ("class",),
        },
        labels={
            "row": [name for name, _, _ in rows],
            "point": where,
            "target": list(targets) if targets is not None else [str(i) for i in range(num_targets)],
            "class": names,
        },
        meta={"examples": len(real_tally["count"]), "labels": int(real_tally["count"].sum())},
    )


PER_PROBE = ("correct", "target_correct", "class_correct")


@torch.no_grad()
def tally(
    fitted: Sequence[Probes], model: nn.Module, held_out: Batches, points: Sequence[str], steps: int, names: list[str]
) -> dict[str, Tensor]:
    """Right answers on the held-out stream, by probe and point, counted by example, target and class.

    The last probe is the majority's answer.
    """
    parts: dict[str, list[Tensor]] = {}
    sums: dict[str, Tensor] = {}
    for rows in stream(model, held_out, points, steps=steps):
        check_labels(rows.labels, len(names))
        y = rows.labels
        if y.size(1) != fitted[0].targets:
            raise ValueError(f"held_out has {y.size(1)} targets, batches have {fitted[0].targets}: they must agree")
        valid = y.ne(IGNORE)
        answers = [[probes.predict(point, rows.values[point]) for point in points] for probes in fitted]
        answers += [[fitted[0].common.expand_as(y)] * len(points)]
        right = torch.stack([torch.stack([(a == y) & valid for a in each]) for each in answers]).float()  # (P, L, N, S)
        _, local = torch.unique_consecutive(rows.example, return_inverse=True)
        examples = int(local[-1]) + 1 if len(local) else 0
        kinds = F.one_hot(y.clamp(min=0), len(names)).mul(valid.unsqueeze(-1)).float()  # (N, S, K)
        blank = right.new_zeros(examples)
        by_example = right.new_zeros(*right.shape[:2], examples).index_add_(2, local, right.sum(-1))
        parts.setdefault("correct", []).append(by_example)
        parts.setdefault("count", []).append(blank.index_add(0, local, valid.float().sum(-1)))
        now = {
            "target_correct": right.sum(2),
            "target_count": valid.float().sum(0),
            "class_correct": torch.einsum("plns,nsk->plk", right, kinds),
            "class_count": kinds.sum((0, 1)),
        }
        sums = {name: x.double() + sums.get(name, 0.0) for name, x in now.items()}
    if not sums:
        raise ValueError("held_out has no labels: all of them are -100")
    return {name: x.cpu() for name, x in sums.items()} | {
        name: torch.cat(x, -1).double().cpu() for name, x in parts.items()
    }


def scores(tally: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """One row's arrays from its counts."""
    correct, count = tally["correct"], tally["count"]  # (L, E), (E,)
    accuracy, error = grouped(correct, count)
    numbers = {
        "accuracy": accuracy,
        "error": error,
        "target_accuracy": tally["target_correct"] / tally["target_count"],
        "class_recall": tally["class_correct"] / tally["class_count"],
    }
    return {name: x.numpy().astype(np.float32) for name, x in numbers.items()}


def grouped(correct: Float[Tensor, "L E"], count: Float[Tensor, " E"]) -> tuple[Tensor, Tensor]:
    """The share of right answers, and its standard error with the E examples as units (a ratio's, by linearisation)."""
    share = correct.sum(-1) / count.sum()
    residual = correct - share[:, None] * count
    groups = int((count > 0).sum())
    correction = groups / (groups - 1) if groups > 1 else float("nan")
    return share, (correction * residual.square().sum(-1)).sqrt() / count.sum()
