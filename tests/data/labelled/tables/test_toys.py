import numpy as np
import pytest

from glassworks.data.labelled.kinds import TOYS
from glassworks.data.labelled.tables.encoding import Encoding, encode_rows
from glassworks.data.labelled.tables.toys import SHAPES, toy_source


def points(name: str) -> tuple[np.ndarray, np.ndarray]:
    blocks = list(toy_source(name).blocks())
    targets = [target for block in blocks for target in block.targets]
    return np.concatenate([block.inputs for block in blocks]), np.array(targets)


@pytest.mark.parametrize("name", TOYS)
def test_classes_are_of_one_size_and_more_points_begin_with_the_fewer(name: str) -> None:
    few, of_few = points(f"{name}:1500")
    many, of_many = points(f"{name}:4000")
    assert few.shape == (1500, 2)
    assert few.dtype == np.float32
    assert (many[:1500] == few).all()
    assert (of_many[:1500] == of_few).all()
    counts = np.unique(of_many, return_counts=True)[1]
    assert counts.tolist() == [4000 // len(counts)] * len(counts)
    assert len(np.unique(many, axis=0)) == 4000
    assert len(points(name)[0]) == 1000


def test_they_are_the_shapes_that_they_are_called() -> None:
    moons, of_moons = points("moons")
    upper = moons[of_moons == "upper"]
    assert np.hypot(*upper.T).mean() == pytest.approx(1, abs=0.02)
    lower = moons[of_moons == "lower"]
    assert np.hypot(lower[:, 0] - 1, lower[:, 1] - 0.5).mean() == pytest.approx(1, abs=0.02)
    circles, of_circles = points("circles")
    for name, radius in (("inner", 0.5), ("outer", 1.0)):
        assert np.hypot(*circles[of_circles == name].T).mean() == pytest.approx(radius, abs=0.02)
    xor, of_xor = points("xor")
    assert ((xor.prod(1) > 0) == (of_xor == "same")).all()
    assert (np.abs(xor) <= 1).all()
    blobs, of_blobs = points("blobs")
    means = np.array([blobs[of_blobs == name].mean(0) for name in "abcd"])
    assert np.allclose(np.abs(means), 1, atol=0.08)
    assert len(np.unique(np.sign(means), axis=0)) == 4
    spirals, of_spirals = points("spirals")
    radius, turn = np.hypot(*spirals.T), np.arctan2(spirals[:, 1], spirals[:, 0])
    away = np.exp(1j * (turn - 3 * np.pi * radius - np.pi * (of_spirals == "second")))[radius > 0.3]
    assert away.real.mean() > 0.9


def test_a_row_of_a_file_becomes_a_point() -> None:
    encoding = Encoding.from_json(toy_source("moons").preprocessing["encoding"])
    assert encode_rows(encoding, {"x2": [0.5], "x1": [-1.0]}).tolist() == [[-1.0, 0.5]]


@pytest.mark.parametrize("name", ["moons:", "moons:0", "moons:-3", "moons:1e3", "moons:999999999999", "suns"])
def test_what_is_no_toy_set_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"data \(='{name}'\) (must say a number of points|is none of the toy sets)"):
        toy_source(name)


def test_every_toy_set_has_a_shape() -> None:
    assert tuple(SHAPES) == TOYS
