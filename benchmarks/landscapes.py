"""Loss surfaces beside loss-landscapes, and Hessians beside PyHessian, in one process and in turn.

    pip install --no-deps loss-landscapes==3.0.6 pyhessian==0.1 && python benchmarks/landscapes.py

Surfaces are of 21 × 21 points around networks that have learned scikit-learn's digits, enlarged to 28 × 28, on a batch
of 256 images: `mlp` and `cnn` are those of benchmarks/population.py. Both sides normalise random directions filter by
filter; loss-landscapes moves the weights tensor by tensor and leaves autograd on. The ten largest eigenvalues are of
LeNet-5 on the same batch; errors are against Lanczos in float64 with more products. PyHessian finds one after the other
by power iteration.

Times are CPU seconds on one thread. Both sides run in turn, after one run to warm up: the ratio is the median of the
ratios of neighbours, and a time the median of its own.
"""

import argparse
import os
import statistics
import time
import warnings
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

warnings.filterwarnings("ignore")  # PyHessian's, on its backward pass
POINTS, BATCH, TOP = 21, 256, 10
NETWORKS = ("mlp", "cnn", "small_vgg", "lenet5")


def main() -> None:
    """Print a line each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[*NETWORKS, "hessian"])
    asked = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # one core: no processes beside this one
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread")
    for name in NETWORKS:
        if name in asked.only:
            surfaces(name, *trained(name), asked.rounds)
    if "hessian" in asked.only:
        hessians(*trained("lenet5"), asked.rounds)


def network(name: str) -> nn.Module:
    """A network by its name."""
    torch.manual_seed(0)
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 38), nn.ReLU(), nn.Linear(38, 10))
    if name == "cnn":
        maps = (nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(16, 32, 5), nn.MaxPool2d(2), nn.ReLU())
        return nn.Sequential(*maps, nn.Flatten(), nn.LayerNorm(512), nn.Linear(512, 10))
    return make_model(VisionConfig(name, (1, 28, 28), 10), seed=0)  # type: ignore[arg-type]


def trained(name: str) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    """A network that has learned digits, and the batch that is looked at."""
    digits = load_digits()
    images = F.interpolate(torch.from_numpy(digits.images).float()[:, None] / 16, size=(28, 28), mode="bilinear")
    classes = torch.from_numpy(digits.target)
    rows = torch.randint(len(images), (100, 64), generator=torch.Generator().manual_seed(0))
    model = network(name)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    fit(model, lambda step: (images[rows[step]], classes[rows[step]]), class_loss(), optimizer, steps=100)
    return model.eval(), (images[:BATCH], classes[:BATCH])


def in_turn(rounds: int, *calls: Callable[[], object]) -> tuple[list[float], float]:
    """The median CPU seconds of two sides, and the median of their ratios."""
    times: list[list[float]] = []
    for _ in range(rounds + 1):
        row = []
        for call in calls:
            start = time.process_time()
            call()
            row.append(time.process_time() - start)
        times.append(row)
    mine, other = zip(*times[1:], strict=True)
    return [statistics.median(mine), statistics.median(other)], statistics.median(
        b / a for a, b in zip(mine, other, strict=True)
    )


def surfaces(name: str, model: nn.Module, batch: tuple[Tensor, Tensor], rounds: int) -> None:
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

    (mine, other), ratio = in_turn(rounds, ours, theirs)
    weights = sum(p.numel() for p in model.parameters())
    print(
        f"surface of {POINTS} x {POINTS}, {name} ({weights:,} weights): {mine:.2f} s; loss-landscapes {other:.2f} s; "
        f"{ratio:.1f} x"
    )


def hessians(model: nn.Module, batch: tuple[Tensor, Tensor], rounds: int) -> None:
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

    (mine, other), ratio = in_turn(rounds, ours, theirs)
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
        f"{other:.2f} s, error {errors[1]:.1e}; {ratio:.1f} x"
    )


if __name__ == "__main__":
    main()
