"""How often networks of a width separate two sets: one cell after the other, each kept once it is done."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from glassworks.core.errors import FileDamaged
from glassworks.core.files import read_json, write_json
from glassworks.core.progress import Report
from glassworks.reproductions.separability.layers import ARMS, Arm, Draw
from glassworks.reproductions.separability.points import Points
from glassworks.reproductions.separability.separate import CLOSE, ROUNDING, interval, margin


@dataclass(frozen=True)
class Cell:
    """Of networks of one width, or of one range of biases: how many of the trials were separable, by name."""

    trials: int
    separable: dict[str, int]
    close: int = 0
    """Decisions whose margin is so small that rounding might have made them."""


@dataclass(frozen=True, eq=False)
class Measured:
    """A row for each name, a column for each width (or range): how often the sets were separable."""

    names: tuple[str, ...]
    places: tuple[float, ...]
    trials: int
    counts: Float[np.ndarray, "name place"]
    close: int

    @property
    def shares(self) -> Float[np.ndarray, "name place"]:
        """The shares."""
        return self.counts / self.trials

    @property
    def intervals(self) -> Float[np.ndarray, "2 name place"]:
        """Both ends of each share's 95 % interval."""
        ends = [[interval(int(count), self.trials) for count in row] for row in self.counts]
        return np.moveaxis(np.array(ends), 2, 0)


def of_widths(
    folder: Path, points: Points, widths: Sequence[int], trials: int, seed: int, report: Report, done: int = 0
) -> Measured:
    """All arms at all widths, with biases that reach as far as the points."""
    cells = [
        kept(
            folder / f"width-{width}.json",
            partial(trial, points, ARMS, width, points.radius, seed),
            trials,
            list(ARMS),
            partial(report, done + i + 1),
        )
        for i, width in enumerate(widths)
    ]
    return gathered(cells, list(ARMS), [float(width) for width in widths])


def of_reaches(
    folder: Path,
    points: Points,
    width: int,
    reaches: Sequence[float],
    trials: int,
    seed: int,
    report: Report,
    done: int,
) -> Measured:
    """One layer by both laws at one width, with biases that reach some share of the points' largest norm."""
    arms = {name: arm for name, arm in ARMS.items() if arm.layers == 1 and arm.law != "none" and not arm.shuffled}
    cells = [
        kept(
            folder / f"reach-{share:g}.json",
            partial(trial, points, arms, width, share * points.radius, seed),
            trials,
            list(arms),
            partial(report, done + i + 1),
        )
        for i, share in enumerate(reaches)
    ]
    return gathered(cells, list(arms), reaches)


def trial(
    points: Points, arms: Mapping[str, Arm], width: int, reach: float, seed: int, number: int
) -> dict[str, float]:
    """The margin of each arm, all with the same random numbers: those of the seed, the width and the trial."""
    rng = np.random.default_rng([seed, width, number])
    draw, shuffled = Draw.of(rng, width, points.x.shape[1]), rng.permutation(points.y)
    return {
        name: margin(draw.features(points.x, arm, reach, points.radius), shuffled if arm.shuffled else points.y)
        for name, arm in arms.items()
    }


def kept(
    path: Path, one: Callable[[int], dict[str, float]], trials: int, names: Sequence[str], report: Callable[[], None]
) -> Cell:
    """A cell from its file, or measured and written: trials on all cores, as the solver lets threads go on."""
    if not path.exists():
        pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
        try:
            margins = list(pool.map(one, range(trials)))
        finally:
            pool.shutdown(cancel_futures=True)  # on ctrl-C, what has not begun
        counts = {name: sum(found[name] > ROUNDING for found in margins) for name in names}
        close = sum(0 < found[name] < CLOSE for found in margins for name in names)
        write_json(path, asdict(Cell(trials, counts, close)))
    found = read_json(path)
    try:
        cell = Cell(int(found["trials"]), {name: int(found["separable"][name]) for name in names}, int(found["close"]))
    except (KeyError, TypeError, ValueError) as error:
        raise FileDamaged(f"{path} is no cell of it ({error}): delete it, and it is measured again") from error
    if cell.trials != trials:
        raise FileDamaged(f"{path} is of {cell.trials} trials: delete it, and {trials} are made again")
    report()
    return cell


def gathered(cells: Sequence[Cell], names: Sequence[str], places: Sequence[float]) -> Measured:
    """Cells as one table."""
    counts = np.array([[cell.separable[name] for cell in cells] for name in names], dtype=float)
    return Measured(tuple(names), tuple(places), cells[0].trials, counts, sum(cell.close for cell in cells))
