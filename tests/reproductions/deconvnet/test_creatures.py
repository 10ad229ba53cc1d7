"""Drawn creatures: of known parts, the same from the same seed, and read as any IDX files are."""

from pathlib import Path

import numpy as np
import pytest

from glassworks.data.labelled.open import open_source
from glassworks.data.labelled.prepare import prepare
from glassworks.reproductions.deconvnet.creatures import CLASSES, PARTS, SIDE, creatures, write_creatures


def test_a_seed_gives_the_same_pictures_and_another_gives_others() -> None:
    images, labels, _ = creatures(20, 3)
    again, labels_again, _ = creatures(20, 3)
    assert np.array_equal(images, again)
    assert np.array_equal(labels, labels_again)
    assert not np.array_equal(images, creatures(20, 4)[0])
    assert images.shape == (20, SIDE, SIDE)
    assert images.dtype == np.uint8


def test_parts_lie_where_they_are_said_to_lie() -> None:
    images, labels, parts = creatures(60, 1, label=4)
    assert set(labels) == {4}
    assert list(parts) == list(PARTS)
    for name, squares in parts.items():
        covered = [
            image[top:bottom, left:right] for image, (top, left, bottom, right) in zip(images, squares, strict=True)
        ]
        assert {square.shape for square in covered} == {(7, 7)}
        middles = np.array([square[2:5, 2:5].mean() for square in covered])
        assert (middles < 110).mean() > 0.9  # a pupil, or a nose
        if name != "nose":
            assert np.mean([square.max() for square in covered]) > 250  # white around it
    right, left = (parts[name][:, 1] for name in ("right eye", "left eye"))
    assert (right < left).all()  # at our left


def test_furs_are_finer_than_a_stride_of_four_can_carry_and_not_than_one_of_two() -> None:
    image = creatures(1, 0, label=CLASSES.index("along, light"))[0][0].astype(float)
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    frequency = np.abs(np.fft.fftfreq(SIDE))
    largest = np.maximum(frequency[:, None], frequency)
    middle = power[(largest > 1 / 8) & (largest <= 1 / 4)].sum()
    assert middle > power[largest > 1 / 4].sum()


def test_the_files_are_labelled_images_with_their_own_test_examples(tmp_path: Path) -> None:
    write_creatures(tmp_path / "creatures", 200, 50, seed=0)
    data = prepare(open_source(tmp_path / "creatures", size=(SIDE, SIDE)), tmp_path)
    assert len(data.test) == 50
    assert len(data.train) + len(data.validation) == 200
    assert data.shape == (1, SIDE, SIDE)
    assert len(data.classes) == len(CLASSES)


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "creatures").write_text("taken", encoding="utf-8")
    with pytest.raises(NotADirectoryError):
        write_creatures(tmp_path / "creatures", 10, 10, seed=0)
    assert (tmp_path / "creatures").read_text(encoding="utf-8") == "taken"
