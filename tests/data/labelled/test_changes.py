import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from scipy.stats import beta, kstest
from tests.data.labelled.made import images

from glassworks.data.batches import mix
from glassworks.data.labelled.augment import Augmentation
from glassworks.data.labelled.changes import as_pixels, changed, draw, mixing_shares

KEYS = mix(np.arange(4000, dtype=np.uint64))


def repeated(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """One image without black pixels, and as often as there are keys."""
    one = images(1, shape) // 2 + 100
    return one[0], np.repeat(one, len(KEYS), 0)


def test_nothing_is_changed_without_being_asked() -> None:
    pixels = images(20, (3, 5, 6))
    assert torch.equal(changed(pixels, Augmentation(), KEYS[:20]), torch.from_numpy(pixels).float() / 255)


def test_draws_are_even_and_of_one_another_independent() -> None:
    names = ("row", "column", "flip", "right", "down", "turn", "scale", "middle_row", "middle_column", "share")
    drawn = np.stack([draw(KEYS, name) for name in names])
    for values in drawn:
        assert kstest(values, "uniform").pvalue > 1e-4
    assert np.abs(np.corrcoef(drawn) - np.eye(len(names))).max() < 5 / np.sqrt(len(KEYS))


def test_a_crop_is_any_piece_of_the_image_with_black_around_and_equally_often() -> None:
    one, many = repeated((2, 5, 4))
    padded = np.pad(one, ((0, 0), (1, 1), (1, 1)))
    found = (changed(many, Augmentation(crop=1), KEYS) * 255).round().numpy().astype(np.uint8)
    counts = []
    for down in range(3):
        for right in range(3):
            piece = padded[:, down : down + 5, right : right + 4]
            counts.append((found == piece).all((1, 2, 3)).sum())
    assert sum(counts) == len(KEYS)
    assert counts == pytest.approx([len(KEYS) / 9] * 9, abs=5 * np.sqrt(len(KEYS) / 9))


def test_a_flip_mirrors_every_other_image() -> None:
    one, many = repeated((2, 5, 4))
    found = changed(many, Augmentation(flip=True), KEYS)
    plain, mirrored = as_pixels(one[None]), as_pixels(one[None, :, :, ::-1].copy())
    as_it_was, turned = ((found == version).flatten(1).all(1) for version in (plain, mirrored))
    assert (as_it_was ^ turned).all()
    assert turned.sum().item() == pytest.approx(len(KEYS) / 2, abs=5 * np.sqrt(len(KEYS) / 4))


@pytest.mark.parametrize(
    "augment",
    [
        Augmentation(shift=0.3),
        Augmentation(turn=40.0),
        Augmentation(scale=0.5),
        Augmentation(shift=0.2, turn=180.0, scale=0.3),
    ],
)
def test_resampling_is_that_of_scipy_at_the_drawn_shift_turn_and_scale(augment: Augmentation) -> None:
    height, width = 9, 14  # a turn is one in pixels, whatever the sides
    pixels = images(30, (1, height, width))
    keys = KEYS[:30]
    found = changed(pixels, augment, keys).numpy()[:, 0]
    right, down, turn, scale = (2 * draw(keys, name) - 1 for name in ("right", "down", "turn", "scale"))
    rows, columns = np.mgrid[:height, :width]
    y, x = rows - (height - 1) / 2, columns - (width - 1) / 2
    for i in range(30):
        angle, size = np.radians(augment.turn * turn[i]), (1 + augment.scale) ** -scale[i]
        from_x = size * (np.cos(angle) * x - np.sin(angle) * y) + width * augment.shift * right[i]
        from_y = size * (np.sin(angle) * x + np.cos(angle) * y) + height * augment.shift * down[i]
        at = [from_y + (height - 1) / 2, from_x + (width - 1) / 2]
        expected = map_coordinates(pixels[i, 0] / 255, at, order=1, mode="grid-constant", cval=0.0)
        assert found[i] == pytest.approx(expected, abs=1e-4)


def test_a_cutout_is_a_black_square_whose_middle_is_any_pixel() -> None:
    one, many = repeated((2, 6, 5))
    found = changed(many, Augmentation(cutout=3), KEYS).numpy()
    plain = as_pixels(one[None]).numpy()[0]
    black = (found == 0).all(1)
    assert (np.where(black[:, None], 0, plain) == found).all()
    counts = np.zeros((6, 5))
    for row in range(6):
        for column in range(5):
            square = np.zeros((6, 5), bool)
            square[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = True
            counts[row, column] = (black == square).all((1, 2)).sum()
    assert counts.sum() == len(KEYS)
    assert counts.ravel() == pytest.approx(np.full(30, len(KEYS) / 30), abs=5 * np.sqrt(len(KEYS) / 30))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_shares_of_mixtures_have_the_beta_distribution(alpha: float) -> None:
    assert kstest(mixing_shares(alpha, KEYS), beta(alpha, alpha).cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"crop": -1}, r"crop \(=-1\) must be 0 \(off\) or more"),
        ({"turn": 200.0}, r"turn \(=200.0\) is in degrees"),
        ({"shift": 1.5}, r"shift \(=1.5\) is a share"),
        ({"mixup": float("nan")}, r"mixup \(=nan\) must be 0"),
        ({"scale": float("inf")}, r"scale \(=inf\) must be 0"),
    ],
)
def test_what_is_no_augmentation_is_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation(**given)  # type: ignore[arg-type]
