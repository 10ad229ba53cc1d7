"""The playground's points: toy sets at the plane's size, numbers to be fitted, and points of one's own in a link."""

import numpy as np
import pytest

from glassworks.studio.playground.points import decoded, encoded, pasted, points_of
from glassworks.studio.playground.settings import NUMBERS, SETS, Settings


@pytest.mark.parametrize("name", [name for name in SETS if name != "own"])
def test_sets_lie_on_the_plane_and_follow_from_the_seed(name: str) -> None:
    points = points_of(Settings(data=name, noise=0, share=30))
    assert points.inputs.shape == (500, 2)
    assert points.train == 150
    assert 2.5 < np.abs(points.inputs).max() <= 6
    assert np.array_equal(points_of(Settings(data=name, noise=0, share=30)).inputs, points.inputs)
    assert not np.array_equal(points_of(Settings(data=name, noise=0, seed=1)).inputs, points.inputs)
    assert bool(points.classes) == (name not in NUMBERS)
    if points.classes:
        assert np.unique(points.targets[:150]).tolist() == list(range(len(points.classes)))


def test_without_noise_points_are_what_their_sets_are_called() -> None:
    circles = points_of(Settings(data="circles", noise=0))
    assert np.allclose(np.hypot(*circles.inputs.T), np.where(circles.targets == 0, 2.5, 5), atol=1e-5)
    plane = points_of(Settings(data="plane", noise=0))
    assert np.allclose(plane.targets, plane.inputs.sum(1) / 10, atol=1e-6)
    hills = points_of(Settings(data="hills", noise=0))
    near = np.linalg.norm(hills.inputs - [0, 2.5], axis=1) < 1
    assert near.any()
    assert np.allclose(hills.targets[near], np.linalg.norm(hills.inputs[near] - [0, 2.5], axis=1) / 2 - 1, atol=1e-6)
    clouds = points_of(Settings(data="gaussians", noise=0))
    assert np.allclose(clouds.inputs[clouds.targets == 0].mean(0), -3, atol=0.2)
    assert np.allclose(clouds.inputs[clouds.targets == 1].mean(0), 3, atol=0.2)


def test_noise_is_a_share_of_the_radius() -> None:
    circles = points_of(Settings(data="circles", noise=10, points=5000))
    away = np.hypot(*circles.inputs.T) - np.where(circles.targets == 0, 2.5, 5)
    assert away.std() == pytest.approx(0.5, rel=0.06)


def test_ones_own_come_back_from_a_link_within_its_grain() -> None:
    rng = np.random.default_rng(0)
    inputs, classes = rng.uniform(-6, 6, (50, 2)), rng.integers(0, 3, 50)
    found, targets, names = decoded(encoded(inputs, classes, 3))
    assert np.abs(found - inputs).max() < 6 / 4095
    assert (targets == classes).all()
    assert names == ("a", "b", "c")
    numbers = rng.uniform(-1, 1, 50)
    found, targets, names = decoded(encoded(inputs, numbers, 0))
    assert np.abs(targets - numbers).max() < 1 / 4095 + 1e-6
    assert names == ()


@pytest.mark.parametrize(
    "text", ["", "c2.", "c2.AAAAA", "c1.AAAAABBBBB", "c9.AAAAABBBBB", "x", "c2.AAAAABBBB!", "n.AAAAA"]
)
def test_texts_of_points_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="own"):
        decoded(text)


def test_a_pasted_table_is_brought_to_the_plane() -> None:
    own, about = pasted("width;height;kind\n1,5;10;ham\n2,5;30;spam\n3,5;20;ham\n")
    inputs, targets, _ = decoded(own)
    assert np.allclose(inputs, [[-5, -5], [0, 5], [5, 0]], atol=0.01)
    assert targets.tolist() == [0, 1, 0]
    assert "width from 1.5 to 3.5" in about
    assert "classes ham, spam" in about
    own, about = pasted("\n".join(f"{i} {-i} {i * i}" for i in range(12)))
    inputs, targets, _ = decoded(own)
    assert np.allclose(targets, 2 * np.arange(12) ** 2 / 121 - 1, atol=0.001)
    assert "from 0 to 121 as -1 to 1" in about


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "2 to 1,000 rows"),
        ("1,2,a", "2 to 1,000 rows"),
        ("1,2,a\n3,b,a", "row 2"),
        ("1,2,a\n3,4", "row 2"),
        ("1,2,a\n3,4,a", "two classes or more"),
        ("1,2,a\nnan,4,b", "row 2"),
        ("\n".join(f"{i},{i},k{i}" for i in range(20)), "of 20 classes"),
        ("\n".join("1,2,a" for _ in range(1001)), "1,001 rows"),
        ("1,2," + "a" * 200_000, "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_in_a_line(text: str, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        pasted(text)
