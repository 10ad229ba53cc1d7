"""Micrograd's demo: its data, its published result, the same numbers by both engines, and an honest picture."""

import math
import random
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from glassworks.micro.moons import (
    CELL,
    EDGE,
    HEIGHT,
    TOP,
    WIDTH,
    active_neuron,
    boundary_svg,
    make_moons,
    stretch,
    train,
)
from glassworks.micro.nn import MLP


def network(seed: int, *sizes: int) -> MLP:
    random.seed(seed)
    return MLP(2, sizes)


def test_it_repeats_micrograds_published_result() -> None:
    """100 points of scikit-learn's make_moons under NumPy's seed 1337, as in demo.ipynb: loss 0.01098, 100%."""
    numbers = np.random.RandomState(1337)
    t = np.linspace(0, np.pi, 50)
    X = np.vstack([np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)]])
    order = np.arange(100)
    numbers.shuffle(order)
    X = X[order] + numbers.normal(scale=0.1, size=(100, 2))
    y = np.where(order < 50, -1, 1)
    training = train(network(1337, 16, 16, 1), X.tolist(), y.tolist())
    assert f"{training.losses[0]:.4f}" == "0.8958"
    assert training.accuracies[0] == 0.5
    assert training.losses[-1] == pytest.approx(0.010978370135492719, rel=1e-6)
    assert training.accuracies[-1] == 1.0


def test_both_engines_give_the_same_bits() -> None:
    X, y = make_moons(12)
    runs = [train(network(5, 4, 1), X, y, steps=6, compiled=compiled) for compiled in (False, True)]
    assert runs[0].losses == runs[1].losses
    assert runs[0].accuracies == runs[1].accuracies
    weights = [[p.data for p in run.model.parameters()] for run in runs]
    assert weights[0] == weights[1]
    assert runs[0].losses[-1] < runs[0].losses[0]


def test_moons_lie_on_two_interleaved_half_circles() -> None:
    X, y = make_moons(41, noise=0)
    assert sorted(y) == [-1] * 20 + [1] * 21
    assert y != sorted(y)
    for (a, b), label in zip(X, y, strict=True):
        x, z, sign = (a, b, 1) if label < 0 else (a - 1, b - 0.5, -1)
        assert math.hypot(x, z) == pytest.approx(1)
        assert sign * z >= -1e-9


def test_noise_is_a_standard_deviation_and_the_seed_decides() -> None:
    clean, noisy = make_moons(2000, 0.0, 3)[0], make_moons(2000, 0.2, 3)[0]
    off = np.array(noisy) - np.array(clean)
    assert off.std(axis=0) == pytest.approx([0.2, 0.2], rel=0.1)
    assert make_moons(10, 0.1, 3) == make_moons(10, 0.1, 3) != make_moons(10, 0.1, 4)


def test_training_tells_its_progress_and_nothing_else_moves() -> None:
    X, y = make_moons(8)
    told: list[tuple[int, float, float]] = []
    training = train(network(0, 1), X, y, steps=3, report=lambda *numbers: told.append(numbers))
    assert told == list(zip(range(3), training.losses, training.accuracies, strict=True))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"steps": 0}, r"steps \(=0\)"),
        ({"y": [0, 1]}, "y holds 0: classes must be -1 and 1"),
        ({"y": [1]}, "X has 2 points and y 1"),
        ({"X": [], "y": []}, "at least one"),
    ],
)
def test_training_refuses_what_it_cannot_learn(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        train(network(0, 1), **{"X": [[0.0, 1.0], [1.0, 0.0]], "y": [1, -1], **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize(("arguments", "says"), [((1,), "n_samples"), ((9, -1.0), "noise"), ((9, math.nan), "noise")])
def test_impossible_moons_are_refused(arguments: tuple[float, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_moons(*arguments)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------------------------------------
# The picture


def test_the_picture_shows_the_models_own_scores() -> None:
    model = network(4, 4, 1)
    X, y = make_moons(30)
    picture = boundary_svg(model, X, y)
    (low1, high1), (low2, high2) = (stretch([x[i] for x in X]) for i in (0, 1))

    def score(across: float, down: float) -> float:
        x1 = low1 + (across - EDGE) / (WIDTH - 2 * EDGE) * (high1 - low1)
        rows = (HEIGHT - TOP - EDGE) // CELL
        return float(model([x1, high2 - (down - TOP) / (rows * CELL) * (high2 - low2)]).data)

    line = re.search(r'class="zero" d="([^"]+)"', picture)
    assert line is not None
    places = [tuple(map(float, place.split())) for place in re.findall(r"[\d.]+ [\d.]+", line[1])]
    assert len(places) > 100
    scale = max(abs(score(EDGE + 10 * i, TOP + 9 * i)) for i in range(30))
    assert max(abs(score(*place)) for place in places) < 0.02 * scale
    strips = re.findall(r'class="band(\d)" x="([\d.]+)" y="(\d+)" width="([\d.]+)"', picture)
    wide = [(int(band), float(x) + float(w) / 2, int(top) + CELL / 2) for band, x, top, w in strips if float(w) > 30]
    for band, x, middle in wide:
        assert sum(score(x, middle) > level for level in (-1, 0, 1)) == band
    assert sum(float(w) for *_, w in strips) == pytest.approx(
        (WIDTH - 2 * EDGE) * ((HEIGHT - TOP - EDGE) // CELL), rel=1e-2
    )


def test_the_picture_shows_every_point_by_its_shape_and_marks_the_wrong() -> None:
    X, y = make_moons(30)
    model = network(4, 4, 1)
    wrong = sum((model(x).data > 0) != (label > 0) for x, label in zip(X, y, strict=True))
    root = ElementTree.fromstring(boundary_svg(model, X, y))
    kinds = [element.attrib.get("class", "") for element in root.iter()]
    assert sum(kind.startswith("point plus") for kind in kinds) == y.count(1) + 1  # one more in the legend
    assert sum(kind.startswith("point minus") for kind in kinds) == y.count(-1) + 1
    assert sum(kind.endswith("wrong") for kind in kinds) == wrong > 0
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert f"{30 - wrong} of 30 right; outlined: wrong" in texts


def test_a_picture_of_a_single_point_is_possible() -> None:
    assert "1 points" in boundary_svg(network(0, 1), [[0.0, 0.0]], [1])


def test_the_neuron_drawn_is_active_if_any_point_lets_it_be() -> None:
    model = network(1, 3, 1)
    neuron = model.layers[0].neurons[0]
    for p, number in zip(neuron.parameters(), (2.0, -1.0, -0.5), strict=True):
        p.data = number
    output = active_neuron(model, [[-1.0, 0.0], [0.5, -2.0], [3.0, 3.0]])
    assert output.data == 2.5
    assert [(p.label, p.grad) for p in neuron.parameters()] == [("w1", 0.5), ("w2", -2.0), ("b", 1.0)]
    assert active_neuron(model, [[-1.0, 0.0]]).data == 0
