"""Probes: can a label be read off the activations? All points and all targets at once, with the controls beside them.

A linear probe is the minimiser of a convex loss, so it is solved rather than trained: `logistic` needs no learning rate
and a few passes over the rows. The model runs once over the stream; what it showed at every point is gathered in
blocks of at most `max_bytes`, each block is solved from where the last one ended, and the solutions are averaged. A
stream that fits one block gets the exact minimiser. An MLP probe is trained by `fit` on the same blocks.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from glassworks.core.trace import Trace
from glassworks.interpret.control import randomised
from glassworks.interpret.logistic import logistic
from glassworks.interpret.stream import IGNORE, Batches, Rows, chunks, parts_of, stream
from glassworks.train.fit import fit

MAX_BYTES = 2 << 30
BATCH = 1024  # rows of a step of an MLP probe


class Probes(nn.Module):
    """A probe at each point: (N, width) activations to logits (N, targets, classes).

    `readers[i]` belongs to `points[i]`: one linear map, or, if `hidden`, a ReLU layer that all targets share before it.
    """

    common: Tensor
    """(targets,) the most common class among the labels seen in fitting: what the majority row answers."""

    def __init__(
        self, widths: dict[str, int], targets: int, classes: int, *, hidden: int | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        if hidden is not None and hidden < 1:
            raise ValueError(f"hidden (={hidden}) must be at least 1 unit; None is a linear probe")
        self.widths, self.targets, self.classes, self.hidden = dict(widths), targets, classes, hidden
        generator = torch.Generator().manual_seed(seed)
        self.readers = nn.ModuleList(reader(w, hidden, targets * classes, generator) for w in widths.values())
        self.register_buffer("common", torch.zeros(targets, dtype=torch.int64))

    @property
    def points(self) -> list[str]:
        """The points that have a probe, in the model's order."""
        return list(self.widths)

    def forward(self, point: str, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N S K"]:
        """Logits of each target's classes."""
        logits: Tensor = self.reader(point)(x.float())
        return logits.view(*x.shape[:-1], self.targets, self.classes)

    def predict(self, point: str, x: Float[Tensor, "*N C"]) -> Int[Tensor, "*N S"]:
        """The most probable class of each target."""
        return self(point, x).argmax(-1)  # type: ignore[no-any-return]

    def reader(self, point: str) -> nn.Module:
        """The probe of a point; ValueError if it has none."""
        if point not in self.widths:
            raise ValueError(f"point (={point!r}) has no probe: choose from {', '.join(self.widths)}")
        return self.readers[self.points.index(point)]

    def linear(self, point: str) -> nn.Linear:
        """A point's probe, if it is a linear map; ValueError if it is an MLP."""
        found = self.reader(point)
        if not isinstance(found, nn.Linear):
            raise ValueError(f"hidden (={self.hidden}): an MLP probe has no single direction; fit with hidden=None")
        return found

    def weight(self, point: str) -> Float[Tensor, "S K C"]:
        """A linear probe's weights."""
        return self.linear(point).weight.detach().view(self.targets, self.classes, -1)

    def bias(self, point: str) -> Float[Tensor, "S K"]:
        """A linear probe's biases."""
        return self.linear(point).bias.detach().view(self.targets, self.classes)

    def direction(self, point: str, target: int, towards: int, away: int | None = None) -> Float[Tensor, " C"]:
        """The unit vector along which a class' logit rises fastest, against that of `away` or the mean of the others.

        Adding it to the activations is a probe edit (Nanda et al. 2023, section 4).
        """
        weight = self.weight(point)
        for name, value, number in (("target", target, self.targets), ("towards", towards, self.classes)):
            if not 0 <= value < number:
                raise ValueError(f"{name} (={value}) must be between 0 and {number - 1}")
        if away is not None and (not 0 <= away < self.classes or away == towards):
            raise ValueError(f"away (={away}) must be a class other than {towards}, from 0 to {self.classes - 1}")
        rows = weight[target]
        others = rows[away] if away is not None else (rows.sum(0) - rows[towards]) / (self.classes - 1)
        return F.normalize(rows[towards] - others, dim=0)

    def save(self, path: Path) -> None:
        """Write one safetensors file, with what is needed to build the probes again."""
        shape = {"targets": str(self.targets), "classes": str(self.classes), "hidden": str(self.hidden or "")}
        tensors = {name: x.contiguous() for name, x in self.state_dict().items()}
        save_file(tensors, path, shape | {f"width/{name}": str(width) for name, width in self.widths.items()})

    @classmethod
    def load(cls, path: Path) -> "Probes":
        """Read what `save` wrote."""
        with safe_open(path, "pt") as file:
            notes = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        widths = {name.removeprefix("width/"): int(w) for name, w in notes.items() if name.startswith("width/")}
        found = cls(widths, int(notes["targets"]), int(notes["classes"]), hidden=int(notes["hidden"] or 0) or None)
        found.load_state_dict(tensors)
        return found


def reader(width: int, hidden: int | None, outputs: int, generator: torch.Generator) -> nn.Module:
    """One point's probe: zeros if linear (the problem is convex), He-normal hidden weights if not."""
    if hidden is None:
        linear = nn.Linear(width, outputs)
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        return linear
    first, last = nn.Linear(width, hidden), nn.Linear(hidden, outputs)
    nn.init.normal_(first.weight, 0, (2 / width) ** 0.5, generator)
    for zero in (first.bias, last.weight, last.bias):
        nn.init.zeros_(zero)
    return nn.Sequential(Standard(width), first, nn.ReLU(), last)


class Standard(nn.Module):
    """Each number less its mean, divided by its standard deviation, as found in the first block of rows."""

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def set(self, x: Float[Tensor, "N C"]) -> None:
        """Take mean and deviation from these rows; a number that never changes is only shifted."""
        scale = x.std(0, correction=0)
        self.mean, self.scale = x.mean(0), torch.where(scale > 0, scale, 1)

    def forward(self, x: Float[Tensor, "*N C"]) -> Float[Tensor, "*N C"]:
        """Standardise."""
        return (x - self.mean) / self.scale


# ----------------------------------------------------------------------------------------------------------------------
# Fitting


def fit_probes(
    model: nn.Module,
    batches: Batches,
    points: str | Sequence[str],
    *,
    steps: int,
    classes: int,
    hidden: int | None = None,
    l2: float = 1.0,
    passes: int = 10,
    lr: float = 1e-3,
    max_bytes: int = MAX_BYTES,
    seed: int = 0,
) -> Probes:
    """Probes of all points and all targets, from one run of the model over `steps` batches.

    Args:
        model: any module; it is not changed.
        batches: `batches(step)` gives (inputs, labels): labels (B, ..., targets) are whole numbers below `classes`, or
            -100 where there is none. Their axes but the last are the leading axes of each point's tensor: (B, T, S) for
            every position of a sequence, (B, S) for a label of a whole example.
        points: names or globs as `capture` takes them.
        steps: number of batches.
        classes: labels are 0 to classes - 1, for every target.
        hidden: units of an MLP probe's hidden layer, shared by all targets; None is a linear probe.
        l2: of a linear probe: the loss is the sum of cross-entropies of a target's labels + l2/2·|weights|², which
            is scikit-learn's LogisticRegression with C = 1/l2. No penalty on the bias.
        passes: of an MLP probe, over each block.
        lr: of an MLP probe's AdamW.
        max_bytes: of activations held at once, in float32; see the module's docstring for what a longer stream means.
        seed: of an MLP probe's first weights and order of rows.
    """
    (probes,) = fit_jobs(
        model,
        batches,
        points,
        [Job(hidden, slice(None))],
        steps=steps,
        classes=classes,
        l2=l2,
        passes=passes,
        lr=lr,
        max_bytes=max_bytes,
        seed=seed,
    )
    return probes


class Job(NamedTuple):
    """One kind of probe to fit on a stream, and on which columns of its labels."""

    hidden: int | None
    columns: slice


def fit_jobs(
    model: nn.Module,
    batches: Batches,
    points: str | Sequence[str],
    jobs: Sequence[Job],
    *,
    steps: int,
    classes: int,
    l2: float,
    passes: int,
    lr: float,
    max_bytes: int,
    seed: int,
) -> list[Probes]:
    """The probes of each job, all from one run of the model."""
    found: list[Probes] = []
    counts = torch.zeros(1)
    rows_before = 0
    for rows in chunks(model, batches, points, steps=steps, max_bytes=max_bytes):
        check_labels(rows.labels, classes)
        labels = [rows.labels[:, job.columns] for job in jobs]
        if not found:
            widths = {name: x.size(1) for name, x in rows.values.items()}
            found = [
                Probes(widths, y.size(1), classes, hidden=job.hidden, seed=seed).to(y.device)
                for job, y in zip(jobs, labels, strict=True)
            ]
            counts = torch.zeros(len(jobs), labels[0].size(1), classes, device=labels[0].device)
        for probes, y, count in zip(found, labels, counts, strict=True):
            count += F.one_hot(y.clamp(min=0), classes).mul(y.ne(IGNORE).unsqueeze(-1)).sum(0)
            if probes.hidden is None:
                solve(probes, rows, y, l2, share=len(rows) / (rows_before + len(rows)))
            else:
                train(probes, rows, y, first=rows_before == 0, passes=passes, lr=lr, seed=seed)
        rows_before += len(rows)
    if not found:
        raise ValueError("batches have no labels: all of them are -100")
    for probes, count in zip(found, counts, strict=True):
        probes.common = count.argmax(-1)
    return found


def check_labels(labels: Int[Tensor, "N S"], classes: int) -> None:
    """Refuse labels that are no class."""
    if classes < 2:
        raise ValueError(f"classes (={classes}) must be at least 2")
    if not labels.size(1):
        raise ValueError("batches give no labels: give (inputs, labels) with labels (B, ..., targets)")
    wrong = labels[((labels < 0) & (labels != IGNORE)) | (labels >= classes)]
    if len(wrong):
        raise ValueError(f"labels (one is {int(wrong[0])}) must be 0 to {classes - 1} (classes={classes}), or -100")


@torch.no_grad()
def solve(probes: Probes, rows: Rows, labels: Int[Tensor, "N S"], l2: float, *, share: float) -> None:
    """Solve a block's linear probes and average them with those of the blocks before; `share` is this block's."""
    for point, x in rows.values.items():
        linear = probes.linear(point)
        weight, bias = logistic(x, labels, probes.classes, l2=l2, start=(probes.weight(point), probes.bias(point)))
        linear.weight.lerp_(weight.flatten(0, 1), share)
        linear.bias.lerp_(bias.flatten(), share)


def train(
    probes: Probes, rows: Rows, labels: Int[Tensor, "N S"], *, first: bool, passes: int, lr: float, seed: int
) -> None:
    """Train MLP probes of all points together on a block, in random order."""
    if first:
        for point, x in rows.values.items():
            probes.reader(point)[0].set(x)  # type: ignore[index]
    per_pass = -(-len(rows) // BATCH)

    def order(turn: int) -> Tensor:
        return torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed + turn)).to(labels.device)

    current = order(0)

    def batch(step: int) -> Any:
        nonlocal current
        turn, at = divmod(step, per_pass)
        if at == 0:
            current = order(turn)
        chosen = current[at * BATCH : (at + 1) * BATCH]
        return {name: x[chosen] for name, x in rows.values.items()}, labels[chosen]

    def loss(module: nn.Module, batch: Any) -> Tensor:
        values, y = batch
        each = [F.cross_entropy(module(name, x).flatten(0, 1), y.flatten()) for name, x in values.items()]
        return torch.stack(each).sum()

    optimizer = torch.optim.AdamW(probes.parameters(), lr=lr, weight_decay=0.01)
    ended = fit(probes, batch, loss, optimizer, steps=passes * per_pass, schedule=falling, log_every=per_pass)
    if ended.interrupted:
        raise KeyboardInterrupt


def falling(step: int, steps: int) -> float:
    """A linear fall of the learning rate to nothing."""
    return 1 - step / steps


# ----------------------------------------------------------------------------------------------------------------------
# The report


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
    the inputs alone give away through random features) and ", shuffled labels" (fitted to the labels of other examples,
    position for position: what position and class sizes give away); "majority" names each target's most common class.

    Arrays:
        accuracy (row, point): share of the held-out labels that are named right, over all targets.
        error (row, point): its standard error, with examples, not their positions, as the independent units.
        target_accuracy (row, point, target): the same for each target; NaN where it has no held-out label.
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
    num_targets = count_targets(batches)
    real, other = slice(0, num_targets), slice(num_targets, None)
    jobs = [Job(kind, columns) for kind in kinds for columns in (real, other)]
    found = fit_jobs(model, with_shuffled(batches, seed), points, jobs, steps=steps, seed=seed, **options)
    where = found[0].points
    control = random_model if random_model is not None else randomised(model, seed=seed + 1)
    jobs = [Job(kind, real) for kind in kinds]
    floor = fit_jobs(control, batches, where, jobs, steps=steps, seed=seed, **options)
    real_tally = tally(found, model, held_out, where, held_out_steps, names)
    floor_tally = tally(floor, control, held_out, where, held_out_steps, names)
    rows = []
    for i, kind in enumerate("linear" if kind is None else "MLP" for kind in kinds):
        rows += [(kind, real_tally, 2 * i), (f"{kind}, random network", floor_tally, i)]
        rows += [(f"{kind}, shuffled labels", real_tally, 2 * i + 1)]
    rows += [("majority", real_tally, len(found))]
    arrays = [scores({name: array[i] if name in PER_PROBE else array for name, array in t.items()}) for _, t, i in rows]
    return Trace(
        method="probe",
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


def count_targets(batches: Batches) -> int:
    """How many targets the first batch has."""
    _, labels = parts_of(batches(0))
    if labels is None or labels.dtype is torch.bool or labels.ndim < 2:
        raise ValueError("batches must give (inputs, labels) with labels (B, ..., targets), whole numbers")
    return labels.size(-1)


def with_shuffled(batches: Batches, seed: int) -> Batches:
    """The same batches with further targets: the labels of another example of the batch, at the same positions."""

    def shuffled(step: int) -> tuple[Any, Tensor]:
        inputs, labels = parts_of(batches(step))
        assert labels is not None
        generator = torch.Generator().manual_seed(seed + step)
        flat = labels if len(labels) > 1 else labels.flatten(0, -2)  # a single example: another of its positions
        if len(flat) > 1:
            by = int(torch.randint(1, len(flat), (), generator=generator))
            flat = flat.roll(by, 0)
        return inputs, torch.cat([labels, flat.view_as(labels)], -1)

    return shuffled


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
    found = {
        "accuracy": accuracy,
        "error": error,
        "target_accuracy": tally["target_correct"] / tally["target_count"],
        "class_recall": tally["class_correct"] / tally["class_count"],
    }
    return {name: x.numpy().astype(np.float32) for name, x in found.items()}


def grouped(correct: Float[Tensor, "L E"], count: Float[Tensor, " E"]) -> tuple[Tensor, Tensor]:
    """The share of right answers, and its standard error with the E examples as units (a ratio's, by linearisation)."""
    share = correct.sum(-1) / count.sum()
    residual = correct - share[:, None] * count
    groups = int((count > 0).sum())
    correction = groups / (groups - 1) if groups > 1 else float("nan")
    return share, (correction * residual.square().sum(-1)).sqrt() / count.sum()
