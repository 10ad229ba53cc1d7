"""Searches by a model of the loss: a quadratic through the last points, which is trusted nearby.

COBYQA is SciPy's. BOBYQA is Py-BOBYQA's, which is of the GPL and so no part of this package: it is used where it is
installed. Both call a function of the weights, and cannot be stopped within; so they are run anew in each step, and
given the losses that are known already until they ask for one that is not. What they do is a function of these
losses, so a training that was killed goes on where it was.

Sources: Ragonneau 2022 (https://theses.hal.science/tel-04098153; COBYQA); Powell 2009 (BOBYQA, DAMTP 2009/NA06);
Cartis et al. 2019 (https://arxiv.org/abs/1804.00154; Py-BOBYQA).
"""

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from glassworks.core.called import install
from glassworks.optim.gradient_free.few import Sequential

MOST = 100
"""Weights. A solver's own work for one loss grows with their cube: 3 ms of five, 9 ms of fifty."""
WORST = 1e10
"""Stands for a loss that is no number, in a model of the loss."""
LONGEST = 100_000
"""Losses of one search, at most."""
NARROW = 1e-4
"""Where the region is this share of its first radius, a search has ended; another begins at the best weights."""


class Asked(Exception):
    """A solver wants the loss of a point that is not known yet."""

    def __init__(self, point: NDArray[np.float64]) -> None:
        super().__init__()
        self.point = point


class TrustRegion(Sequential):
    """A solver that is run again in each step, on the losses that it has seen and `population` more."""

    def __init__(self, params: Iterable[Any], **settings: Any) -> None:
        super().__init__(params, **settings)
        self.memory["start"] = self.memory["mean"].clone()
        self.memory["losses"] = self.memory["mean"][:0]

    def solve(self, loss: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64]) -> None:
        """Minimise a function from some point on, until it is as good as it gets."""
        raise NotImplementedError

    def run(self, beyond: Callable[[NDArray[np.float64]], float]) -> None:
        """Run the solver to its end: what is not known yet is what `beyond` says."""
        known = self.memory["losses"].tolist()
        seen = 0

        def loss(point: NDArray[np.float64]) -> float:
            nonlocal seen
            seen += 1
            found = known[seen - 1] if seen <= len(known) else beyond(point)
            return min(found, WORST)

        self.solve(loss, self.memory["start"].cpu().numpy())
        self.memory["start"], self.memory["losses"] = self.memory["mean"].clone(), self.memory["losses"][:0]

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """The first point whose loss is not known."""

        def ask(point: NDArray[np.float64]) -> float:
            raise Asked(point)

        while True:
            try:
                self.run(ask)
            except Asked as asked:
                return torch.from_numpy(asked.point.copy())[None].to(self.memory["mean"])

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """One more loss is known."""
        self.memory["losses"] = torch.cat([self.memory["losses"], losses])

    def search(self, closure: Callable[[], Any]) -> None:
        """Try as many candidates as the population, in one run of the solver if it does not end before."""
        left = self.settings["population"]

        def evaluate(point: NDArray[np.float64]) -> float:
            nonlocal left
            if not left:
                raise Asked(point)
            left -= 1
            self.asked = torch.from_numpy(point.copy())[None].to(self.memory["mean"])
            self.tell(self.losses(closure))
            return float(self.memory["losses"][-1])

        while left:
            try:
                self.run(evaluate)
            except Asked:
                return


class COBYQA(TrustRegion):
    """SciPy's trust-region search by quadratic models."""

    def __init__(self, params: Iterable[Any], *, sigma: float = 0.1, population: int = 50, seed: int = 0) -> None:
        """What is moved, and how far.

        Args:
            params: as of any optimizer, in one group.
            sigma: the first radius of the region.
            population: candidates tried in a step. The solver first goes once more over all losses that it knows of,
                so few large steps are quicker than many small ones.
            seed: of nothing; nothing is drawn.
        """
        super().__init__(params, most=MOST, sigma=sigma, population=population, seed=seed)

    def solve(self, loss: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64]) -> None:
        """`scipy.optimize.minimize` with COBYQA."""
        from scipy.optimize import minimize

        first = self.settings["sigma"]
        options = {"initial_tr_radius": first, "final_tr_radius": NARROW * first, "maxfev": LONGEST, "maxiter": LONGEST}
        with threadpool_limits(1, "blas"):  # of small matrices: beside other work, threads mostly wait for one another
            minimize(loss, start, method="COBYQA", options=options)


class BOBYQA(TrustRegion):
    """Powell's trust-region search by quadratic models, as Py-BOBYQA has it."""

    def __init__(self, params: Iterable[Any], *, sigma: float = 0.1, population: int = 50, seed: int = 0) -> None:
        """As of `COBYQA`.

        Raises: ValueError where Py-BOBYQA is not installed.
        """
        try:
            self.solver = importlib.import_module("pybobyqa")
        except ImportError:
            raise ValueError(
                f"optimizer.name (='bobyqa') needs Py-BOBYQA, which is of the GPL: {install('Py-BOBYQA')}, or take "
                "cobyqa, its successor, which is here"
            ) from None
        super().__init__(params, most=MOST, sigma=sigma, population=population, seed=seed)

    def solve(self, loss: Callable[[NDArray[np.float64]], float], start: NDArray[np.float64]) -> None:
        """`pybobyqa.solve`."""
        first = self.settings["sigma"]
        self.solver.solve(loss, start, rhobeg=first, rhoend=NARROW * first, maxfun=LONGEST, do_logging=False)
