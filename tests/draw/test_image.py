"""Images: what is in the file is what was given."""

import io
import re

import numpy as np
import pytest
from PIL import Image as Opened

from glassworks.draw.image import Image, brightness, image, map_scale, png, reach_of, rgba


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Opened.open(io.BytesIO(data)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (28, 28), (224, 100)])
def test_a_png_is_read_as_it_was_written(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 4), dtype=np.uint8)
    np.testing.assert_array_equal(opened(png(pixels)), pixels)


def test_pictures_keep_their_colours_and_one_channel_is_grey() -> None:
    colour = np.random.default_rng(0).uniform(size=(4, 3, 3))
    np.testing.assert_array_equal(rgba(Image(colour))[..., :3], np.rint(255 * colour))
    grey = rgba(Image(colour[..., :1]))
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 3] == 255).all()


def test_maps_part_at_zero_and_are_clear_there_and_where_there_is_no_number() -> None:
    found = rgba(Image(np.array([[-2.0, 0.0, 1.0, np.nan]])))
    assert found[0, :, 3].tolist() == [255, 0, 128, 0]
    assert found[0, 0, 2] > found[0, 0, 0]  # blue below
    assert found[0, 2, 0] > found[0, 2, 2]  # orange above


def test_pixels_that_are_seen_are_squares_of_one_size_and_no_image_is_wider_than_the_page() -> None:
    def width(columns: int, room: int) -> int:
        return int(re.findall(r'width="(\d+)"', image(Image(np.ones((columns, columns))), room))[0])

    assert [width(28, 140), width(28, 224), width(5, 350), width(224, 350), width(400, 350)] == [140, 224, 80, 350, 350]
    assert 'class="pixels fine"' in image(Image(np.ones((400, 400))), 350)


def test_single_peaks_do_not_make_a_map_pale() -> None:
    values = np.random.default_rng(0).normal(size=(100, 100))
    values[3, 4] = 50.0
    assert reach_of(values) < 3.5
    assert reach_of(np.zeros((2, 2))) == 1.0
    assert reach_of(np.eye(200)[:100]) == 1.0


def test_bytes_and_shares_are_bright_alike() -> None:
    shares = np.array([0.0, 0.25, 1.0])
    np.testing.assert_allclose(brightness(shares), shares)
    np.testing.assert_allclose(brightness(np.array([0, 51, 255])), [0, 0.2, 1])
    np.testing.assert_allclose(brightness(np.array([-2.0, 0.0, 2.0])), [0, 0.5, 1])


def test_the_scale_of_a_map_without_negative_numbers_begins_at_zero() -> None:
    both, above = map_scale(2.0), map_scale(2.0, signed=False)
    assert "−2" in both
    assert "−" not in above
    assert "rgb(40,132,208)" in both
    assert "rgb(40,132,208)" not in above


def test_a_fourth_channel_is_how_opaque_a_pixel_is() -> None:
    drawn = rgba(Image(np.array([[[1.0, 0.5, 0.0, 0.2]], [[1.0, np.nan, 0.0, 1.0]]])))
    assert drawn.tolist() == [[[255, 128, 0, 51]], [[0, 0, 0, 0]]]
