"""Probes: can a label be read off the activations? All points and all targets at once.

A linear probe is the minimiser of a convex loss, so it is solved rather than trained: `logistic` needs no learning rate
and a few passes over the rows. The model runs once over the stream; what it showed at every point is gathered in
blocks of at most `max_bytes`, each block is solved from where the last one ended, and each target's solutions are
averaged by its labels in the blocks. A stream that fits one block gets the exact minimiser. An MLP probe is trained by
`fit` on the same blocks. `probe_report` sets probes beside their controls.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.stream import IGNORE, Batches, Rows, chunks
from glassworks.interpret.probing.labels import count_labels
from glassworks.interpret.probing.logistic import logistic
from glassworks.interpret.probing.readers import Probes as Probes  # others import it from here
from glassworks.train.fit import fit

MAX_BYTES = 2 << 30
BATCH = 1024  # rows of a step of an MLP probe


@public
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
        l2: of a linear probe: the loss is the sum of cross-entropies of a target's labels + l2/2·|weights|², of the
            weights of standardised activations (mean 0, deviation 1). Behind a StandardScaler that is scikit-learn's
            LogisticRegression with C = 1/l2, of two classes with C = 2/l2. No penalty on the bias.
        passes: of an MLP probe, over each block.
        lr: of an MLP probe's AdamW.
        max_bytes: of activations held at once, in float32, and of what solving them takes, logits above all; see the
            module's docstring for what a longer stream means.
        seed: of an MLP probe's first weights and order of rows.

    `batches` is called twice for each step: all labels are counted before the model runs.
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
    counts, total = count_labels(batches, steps, classes)  # (S, K)
    fitted: list[Probes] = []
    before = torch.zeros(len(counts))
    work = lambda rows: bytes_to_solve(rows, jobs, classes)  # noqa: E731
    for rows in chunks(model, batches, points, steps=steps, max_bytes=max_bytes, work=work, total=total):
        if not fitted:
            widths, device = {name: x.size(1) for name, x in rows.values.items()}, rows.labels.device
            for job in jobs:
                targets = len(counts[job.columns])
                fitted.append(Probes(widths, targets, classes, hidden=job.hidden, seed=seed).to(device))
        here = rows.labels.ne(IGNORE).sum(0).cpu()  # (S,)
        for job, probes in zip(jobs, fitted, strict=True):
            y, part, every = (x[..., job.columns] for x in (rows.labels, here, counts.sum(1)))
            if job.hidden is None:
                share = part / (before[job.columns] + part).clamp(min=1)
                solve(probes, rows, y, l2 * part / every.clamp(min=1), share)
            else:
                train(probes, rows, y, first=not before.any(), passes=passes, lr=lr, seed=seed)
        before += here
    for job, probes in zip(jobs, fitted, strict=True):
        probes.common = counts[job.columns].argmax(-1).to(probes.common.device)
    return fitted


def bytes_to_solve(rows: Rows, jobs: Sequence[Job], classes: int) -> int:
    """Memory beside a row's activations while a point is solved or trained: its standardised copy, and logits thrice.

    Logits of a point's row, how they change along a step, and the step before.
    """
    outputs = classes * max(len(range(rows.labels.size(1))[job.columns]) for job in jobs)
    return 4 * max(x.size(1) for x in rows.values.values()) + 3 * 4 * outputs


@torch.no_grad()
def solve(
    probes: Probes, rows: Rows, labels: Int[Tensor, "N S"], l2: Float[Tensor, " S"], share: Float[Tensor, " S"]
) -> None:
    """Solve a block's linear probes and average them with those of the blocks before.

    `l2` is each target's part of the whole penalty, as large as the block's part of its labels; `share` is this block's
    among all blocks so far, 0 for a target without labels here.
    """
    for point, x in rows.values.items():
        linear, start = probes.linear(point), (probes.weight(point), probes.bias(point))
        weight, bias = logistic(x, labels, probes.classes, l2=l2.to(x.device), start=start)
        part = share.to(x.device).repeat_interleave(probes.classes)
        linear.weight.lerp_(weight.flatten(0, 1), part[:, None])
        linear.bias.lerp_(bias.flatten(), part)


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
        outputs = [module(name, x).flatten(0, 1) for name, x in values.items()]
        each = [F.cross_entropy(logits, y.flatten(), reduction="sum") for logits in outputs]
        total: Tensor = torch.stack(each).sum() / y.ne(IGNORE).sum().clamp(min=1)
        return total

    optimizer = torch.optim.AdamW(probes.parameters(), lr=lr, weight_decay=0.01)
    fit(probes, batch, loss, optimizer, steps=passes * per_pass, schedule=falling, log_every=per_pass)


def falling(step: int, steps: int) -> float:
    """A linear fall of the learning rate to nothing."""
    return 1 - step / steps
