"""Micrograd's demo: a perceptron of 337 scalars learns to tell two moons apart, and a picture of where it decides.

    >>> X, y = make_moons(20)
    >>> training = train(MLP(2, [8, 1]), X, y, steps=5)
    >>> len(training.losses)
    5

The objective is a support vector machine's: a point's loss is 0 where its score is on the right side by a margin of 1
or more, and grows with the distance otherwise (hinge loss, Cortes and Vapnik 1995); squares of the weights are added.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from glassworks.micro.compiler import compile
from glassworks.micro.engine import Value
from glassworks.micro.graph import DARK, LIGHT
from glassworks.micro.nn import MLP

Points = Sequence[Sequence[float]]


class Training(NamedTuple):
    """A trained model, and its loss and accuracy before each step."""

    model: MLP
    losses: list[float]
    accuracies: list[float]


def make_moons(n_samples: int = 100, noise: float = 0.1, seed: int = 1337) -> tuple[list[list[float]], list[int]]:
    """Points (x1, x2) on two interleaved half circles, in random order, and their classes: -1 the upper, 1 the lower.

    The shapes are those of scikit-learn's function of this name, whose classes are 0 and 1. `noise` is the standard
    deviation of what is added to each coordinate.
    """
    if n_samples < 2:
        raise ValueError(f"n_samples (={n_samples}) must be 2 or more: a point for each moon")
    if not 0 <= noise < math.inf:
        raise ValueError(f"noise (={noise}) must be 0 or more")
    generator = random.Random(seed)
    upper = n_samples // 2
    points = [(math.cos(t), math.sin(t), -1) for t in half_turn(upper)]
    points += [(1 - math.cos(t), 0.5 - math.sin(t), 1) for t in half_turn(n_samples - upper)]
    generator.shuffle(points)
    X = [[x1 + generator.gauss(0, noise), x2 + generator.gauss(0, noise)] for x1, x2, _ in points]
    return X, [label for _, _, label in points]


def half_turn(n: int) -> Iterator[float]:
    """N angles from 0 to pi."""
    return (math.pi * i / max(n - 1, 1) for i in range(n))


def objective(model: MLP, X: Points, y: Sequence[float], alpha: float) -> tuple[Value, list[Value]]:
    """The loss over all points, with `alpha` times the sum of squared parameters; and the points' scores."""
    scores = [model(x) for x in X]
    losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
    data_loss = sum(losses, Value(0)) * (1 / len(losses))
    return data_loss + alpha * sum((p * p for p in model.parameters()), Value(0)), scores


def train(
    model: MLP,
    X: Points,
    y: Sequence[int],
    *,
    steps: int = 100,
    alpha: float = 1e-4,
    compiled: bool = True,
    report: Callable[[int, float, float], None] | None = None,
) -> Training:
    """Train a model in place by gradient descent on all points, the learning rate falling from 1 by 0.9 in all.

    Args:
        model: a network with one output, such as `MLP(2, [16, 16, 1])`.
        X: N points.
        y: their classes, -1 or 1.
        steps: how often the weights change; learning rate 1 - 0.9 k / steps.
        alpha: weight of the sum of squared parameters.
        compiled: replay the graph by `compile`, or build it anew at each step as micrograd does. The numbers are the
            same to the last bit; the time is not.
        report: called before each step with its number from 0, the loss and the accuracy.
    """
    if steps < 1:
        raise ValueError(f"steps (={steps}) must be 1 or more")
    if not X or len(X) != len(y):
        raise ValueError(f"X has {len(X)} points and y {len(y)} classes: give as many of both, and at least one")
    if wrong := set(y) - {-1, 1}:
        raise ValueError(f"y holds {min(wrong)}: classes must be -1 and 1; for 0 and 1 give 2 * y - 1")
    backward = replayed(model, X, y, alpha) if compiled else eager(model, X, y, alpha)
    training = Training(model, [], [])
    for k in range(steps):
        model.zero_grad()
        loss, scores = backward()
        accuracy = sum((score > 0) == (yi > 0) for score, yi in zip(scores, y, strict=True)) / len(y)
        training.losses.append(loss)
        training.accuracies.append(accuracy)
        if report is not None:
            report(k, loss, accuracy)
        rate = 1.0 - 0.9 * k / steps
        for p in model.parameters():
            p.data -= rate * p.grad
    return training


Backward = Callable[[], tuple[float, Sequence[float]]]
"""Adds the objective's gradients to the parameters; its value, and the scores."""


def eager(model: MLP, X: Points, y: Sequence[int], alpha: float) -> Backward:
    """By the engine: a new graph each time."""

    def backward() -> tuple[float, Sequence[float]]:
        total, scores = objective(model, X, y, alpha)
        total.backward()
        return total.data, [score.data for score in scores]

    return backward


def replayed(model: MLP, X: Points, y: Sequence[int], alpha: float) -> Backward:
    """By replay of one graph. Scores are replayed apart, for gradients are those of the sum of all outputs."""
    loss = compile(lambda X, y: objective(model, X, y, alpha)[0])
    score = compile(model)

    def backward() -> tuple[float, Sequence[float]]:
        scores = score(X, batch=True).tolist()
        return loss.backward(X, y)[0], scores

    return backward


def active_neuron(model: MLP, X: Points) -> Value:
    """The output of a network's first neuron, with names and gradients: a graph small enough to draw.

    Its input is the first of the points that it answers to with more than 0, else the last.
    """
    neuron = model.layers[0].neurons[0]
    for i, p in enumerate(neuron.parameters(), 1):
        p.label = f"w{i}" if i < len(neuron.parameters()) else "b"
    for x in X:
        output = neuron([Value(xi, f"x{i}") for i, xi in enumerate(x, 1)])
        if output.data > 0:
            break
    output.label = "output"
    neuron.zero_grad()
    output.backward()
    return output


# ----------------------------------------------------------------------------------------------------------------------
# The picture

WIDTH, HEIGHT, TOP, EDGE, CELL = 560, 420, 34, 28, 4  # pixels; a score is computed every CELL
Field = list[list[float]]
"""Scores of the grid's corners, by row from the top."""

STYLE = f"""
.gw-moons{{{LIGHT};color-scheme:light dark;max-width:100%;height:auto;
  font:14px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif}}
@media (prefers-color-scheme:dark){{.gw-moons{{{DARK}}}}}
.gw-moons .paper{{fill:var(--paper)}}
.gw-moons text{{fill:var(--soft)}}
.gw-moons rect{{shape-rendering:crispEdges}}
.gw-moons .band0,.gw-moons .band1{{fill:var(--warm)}}
.gw-moons .band2,.gw-moons .band3{{fill:var(--mark)}}
.gw-moons .band0,.gw-moons .band3{{fill-opacity:.3}}
.gw-moons .band1,.gw-moons .band2{{fill-opacity:.14}}
.gw-moons .zero,.gw-moons .margin{{fill:none;stroke:var(--ink);stroke-width:2;stroke-linecap:round}}
.gw-moons .margin{{stroke-width:1;stroke-dasharray:2 4;stroke:var(--soft)}}
.gw-moons .point{{stroke:var(--paper);stroke-width:1.2}}
.gw-moons .minus{{fill:var(--warm)}}
.gw-moons .plus{{fill:var(--mark)}}
.gw-moons .wrong{{stroke:var(--ink);stroke-width:2.4}}
"""


def boundary_svg(model: MLP, X: Points, y: Sequence[int]) -> str:
    """Where a trained model decides, as an SVG for light and dark paper: score 0, the margins at -1 and 1, the points.

    Every place's score is the model's own. Circles are class 1, triangles class -1; a point on the wrong side has a
    heavy outline.
    """
    low1, high1 = stretch([x[0] for x in X])
    low2, high2 = stretch([x[1] for x in X])
    columns, rows = (WIDTH - 2 * EDGE) // CELL, (HEIGHT - TOP - EDGE) // CELL
    x1 = [low1 + (high1 - low1) * c / columns for c in range(columns + 1)]
    x2 = [high2 - (high2 - low2) * r / rows for r in range(rows + 1)]
    score = compile(model)
    flat = iter(score([[a, b] for b in x2 for a in x1], batch=True).tolist())
    field = [[next(flat) for _ in x1] for _ in x2]
    scores = score(X, batch=True).tolist()
    parts = list(bands(field))
    parts += [f'<path class="margin" d="{contour(field, level)}"/>' for level in (-1.0, 1.0)]
    parts.append(f'<path class="zero" d="{contour(field, 0.0)}"/>')
    right = 0
    for (a, b), label, s in zip(X, y, scores, strict=True):
        across = EDGE + (a - low1) / (high1 - low1) * columns * CELL
        down = TOP + (high2 - b) / (high2 - low2) * rows * CELL
        right += (s > 0) == (label > 0)
        parts.append(point(across, down, label, (s > 0) == (label > 0)))
    parts.append(legend(f"x1 {low1:.2f} to {high1:.2f}, x2 {low2:.2f} to {high2:.2f}", f"{right} of {len(y)} right"))
    title = f"Decision boundary among {len(y)} points, {right} of them on the right side"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gw-moons" role="img" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}"><title>{title}</title><style>{STYLE}</style>'
        f'<rect class="paper" width="100%" height="100%"/>{"".join(parts)}</svg>'
    )


def stretch(numbers: Sequence[float]) -> tuple[float, float]:
    """Their range, with some room at both ends."""
    low, high = min(numbers), max(numbers)
    room = 0.15 * (high - low) or 1.0
    return low - room, high + room


def bands(field: Field) -> Iterator[str]:
    """Strips where the score is below -1, below 0, below 1, or above; their ends lie where the score crosses these."""
    for r, (upper, lower) in enumerate(pairwise(field)):
        row = [(a + b) / 2 for a, b in zip(upper, lower, strict=True)]
        cuts = [0.0, float(len(row) - 1)]
        for c, (a, b) in enumerate(pairwise(row)):
            cuts += [c + (level - a) / (b - a) for level in (-1.0, 0.0, 1.0) if (a > level) != (b > level)]
        for start, end in pairwise(sorted(cuts)):
            middle = (start + end) / 2
            c = min(int(middle), len(row) - 2)
            value = row[c] + (row[c + 1] - row[c]) * (middle - c)
            yield (
                f'<rect class="band{sum(value > level for level in (-1, 0, 1))}" x="{EDGE + start * CELL:.1f}" '
                f'y="{TOP + r * CELL}" width="{(end - start) * CELL:.1f}" height="{CELL}"/>'
            )


def contour(field: Field, level: float) -> str:
    """A path along the places where the score is `level`: marching squares (Lorensen and Cline 1987, in the plane)."""
    pieces = []
    for r, (upper, lower) in enumerate(pairwise(field)):
        for c in range(len(upper) - 1):
            corners = [(c, r, upper[c]), (c + 1, r, upper[c + 1]), (c + 1, r + 1, lower[c + 1]), (c, r + 1, lower[c])]
            crossed = []
            for (x, y, a), (to_x, to_y, b) in pairwise([*corners, corners[0]]):
                if (a > level) != (b > level):
                    part = (level - a) / (b - a)
                    across, down = x + part * (to_x - x), y + part * (to_y - y)
                    crossed.append(f"{EDGE + CELL * across:.1f} {TOP + CELL * down:.1f}")
            pieces += [f"M{a}L{b}" for a, b in zip(crossed[::2], crossed[1::2], strict=True)]
    return "".join(pieces)


def point(x: float, y: float, label: int, right: bool) -> str:
    """A circle for class 1, a triangle for class -1."""
    kind = f"point {'plus' if label > 0 else 'minus'}{'' if right else ' wrong'}"
    if label > 0:
        return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    return f'<path class="{kind}" d="M{x:.1f} {y - 5.5:.1f}l5.2 9.4h-10.4z"/>'


def legend(ranges: str, count: str) -> str:
    """What the signs mean, the ranges of both inputs, and how many points are on the right side."""
    y, below = 22, HEIGHT - 9
    return (
        f'{point(EDGE + 6, y - 5, 1, True)}<text x="{EDGE + 17}" y="{y}">class 1</text>'
        f'{point(EDGE + 90, y - 5, -1, True)}<text x="{EDGE + 101}" y="{y}">class -1</text>'
        f'<path class="zero" d="M{EDGE + 196} {y - 5}h24"/><text x="{EDGE + 227}" y="{y}">score 0</text>'
        f'<path class="margin" d="M{EDGE + 312} {y - 5}h24"/><text x="{EDGE + 343}" y="{y}">score -1, 1: margin</text>'
        f'<text x="{EDGE}" y="{below}">{ranges}</text>'
        f'<text x="{WIDTH - EDGE}" y="{below}" text-anchor="end">{count}; outlined: wrong</text>'
    )
