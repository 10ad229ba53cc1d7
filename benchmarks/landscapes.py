"""Loss surfaces beside loss-landscapes, and Hessians beside PyHessian, in one process and in turn.

    pip install --no-deps -r benchmarks/requirements-search.txt && python benchmarks/landscapes.py

Surfaces are of 21 × 21 points around networks that have learned scikit-learn's digits, on a batch of 256 images, larger
for some (28 × 28). Both normalise random directions filter by filter. loss-landscapes moves tensor by tensor and
leaves autograd on. The ten largest eigenvalues are of LeNet-5 on the same batch; errors are against Lanczos
in float64 with four times the products. PyHessian finds one after the other by power iteration.

Times are CPU seconds. Both run in turn: the ratio is the median of the ratios of neighbours, a time the median of its
own.
"""

import argparse
import time
from collections.abc import Callable

import loss_landscapes
import loss_landscapes.metrics
import numpy as np
import pyhessian
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

from glassworks.interpret.landscapes.directions import filter_normalised
from glassworks.interpret.landscapes.lanczos import top_eigenpairs
from glassworks.interpret.landscapes.objective import lent
from glassworks.interpret.landscapes.surface import evaluated
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.objectives.labelled import class_loss
from glassworks.train.fit import fit

POINTS, BATCH, TOP = 21, 256, 10


def main() -> None:
    """Print a table of both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s)")
    for architecture in ("small_vgg", "lenet5"):
        model, batch = trained(architecture)
        surfaces(architecture, model, batch, repeats)
    hessians(model, batch, repeats)


def trained(architecture: str) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """A network that has learned digits, and the batch that is looked at."""
    digits = load_digits()
    images = torch.from_numpy(digits.images).float()[:, None] / 16
    if architecture == "lenet5":
        images = F.interpolate(images, size=(28, 28), mode="bilinear")
    classes = torch.from_numpy(digits.target)
    model = make_model(VisionConfig(architecture, tuple(images.shape[1:]), 10), seed=0)  # type: ignore[arg-type]
    start = torch.Generator().manual_seed(0)
    rows = torch.randint(len(images), (200, 64), generator=start)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    fit(model, lambda step: (images[rows[step]], classes[rows[step]]), class_loss(), optimizer, steps=150)
    return model.eval(), (images[:BATCH], classes[:BATCH])


def in_turn(repeats: int, *calls: Callable[[], object]) -> list[float]:
    """The least seconds of each."""
    times = [[] for _ in calls]  # type: list[list[float]]
    for _ in range(repeats):
        for call, seconds in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return [min(seconds) for seconds in times]


def surfaces(name: str, model: nn.Module, batch: tuple[Tensor, Tensor], repeats: int) -> None:
    """Seconds of a surface, both ways."""
    metric = loss_landscapes.metrics.Loss(F.cross_entropy, *batch)

    def ours() -> np.ndarray:
        with lent(model, class_loss(), batch) as objective:
            plane = filter_normalised(objective.weights, 2, torch.Generator().manual_seed(0))
            return evaluated(objective, plane, [np.linspace(-1, 1, POINTS)] * 2)

    def theirs() -> np.ndarray:
        found = loss_landscapes.random_plane(
            model, metric, distance=1, steps=POINTS, normalization="filter", deepcopy_model=True
        )
        return np.asarray(found)

    mine, other = in_turn(repeats, ours, theirs)
    weights = sum(p.numel() for p in model.parameters())
    print(
        f"surface of {POINTS} x {POINTS}, {name} ({weights:,} weights): {mine:.2f} s; loss-landscapes {other:.2f} s; "
        f"{other / mine:.1f} x"
    )


def hessians(model: nn.Module, batch: tuple[Tensor, Tensor], repeats: int) -> None:
    """Seconds of the largest eigenvalues and how far off they are, both ways."""
    found: dict[str, np.ndarray] = {}

    def ours() -> None:
        with lent(model, class_loss(), batch) as objective:
            generator = torch.Generator().manual_seed(0)
            pairs = top_eigenpairs(objective.curvature(), objective.point, TOP, steps=100, generator=generator)
            found["ours"], found["products"] = pairs.values, np.array(pairs.products)

    def theirs() -> None:
        computer = pyhessian.hessian(model, nn.CrossEntropyLoss(), data=batch, cuda=False)
        found["theirs"] = np.array(sorted(computer.eigenvalues(maxIter=100, tol=1e-3, top_n=TOP)[0], reverse=True))
        model.zero_grad(set_to_none=True)

    mine, other = in_turn(repeats, ours, theirs)
    model.double()
    with lent(model, class_loss(), (batch[0].double(), batch[1])) as objective:
        generator = torch.Generator().manual_seed(1)
        exact = top_eigenpairs(objective.curvature(), objective.point, TOP + 20, steps=400, generator=generator).values[
            :TOP
        ]
    errors = [float((abs(found[name] - exact) / exact[0]).max()) for name in ("ours", "theirs")]
    print(f"{TOP} largest eigenvalues of LeNet-5: {np.array2string(exact, precision=3)}")
    print(
        f"ours {mine:.2f} s, {int(found['products'])} products, error {errors[0]:.1e} of the largest; PyHessian "
        f"{other:.2f} s, error {errors[1]:.1e}; {other / mine:.1f} x"
    )


if __name__ == "__main__":
    main()
