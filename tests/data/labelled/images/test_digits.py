import numpy as np
from sklearn.datasets import load_digits

from glassworks.data.labelled.images.digits import digits_source


def test_they_are_scikit_learns_in_bytes() -> None:
    digits = load_digits()
    (block,) = digits_source().blocks()
    assert block.inputs.shape == (1797, 1, 8, 8)
    assert (np.rint(block.inputs[:, 0] / 255 * 16) == digits.images).all()
    assert (block.inputs.min(), block.inputs.max()) == (0, 255)
    assert [int(target) for target in block.targets] == digits.target.tolist()


def test_they_come_in_any_size_and_in_colour() -> None:
    source = digits_source(size=(12, 10), colour="rgb")
    (block,) = source.blocks()
    assert block.inputs.shape == (1797, *source.shape) == (1797, 3, 12, 10)
    assert (block.inputs[:, 0] == block.inputs[:, 2]).all()
    assert source.preprocessing["size"] == [12, 10]
