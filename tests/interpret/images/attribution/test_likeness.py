"""Likeness of maps: known values, and scikit-image's where it is installed."""

import numpy as np
import pytest
import torch

from glassworks.interpret.images.attribution.likeness import edges, normalised, rank_correlation, ssim

MAPS = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(0))


def test_a_map_is_like_itself_and_unlike_another() -> None:
    assert torch.allclose(ssim(MAPS, MAPS), torch.ones(3, dtype=torch.float64))
    assert ssim(MAPS, MAPS.flip(1)).abs().max() < 0.2
    assert np.allclose(rank_correlation(MAPS, 3 * MAPS**2), 1)
    assert np.allclose(rank_correlation(MAPS, -MAPS), 1)  # of sizes
    assert np.allclose(rank_correlation(MAPS, 1 - MAPS), -1)


def test_pixels_that_are_0_in_both_maps_are_no_likeness() -> None:
    wide = [torch.nn.functional.pad(maps, (0, 200)) for maps in (MAPS, 1 - MAPS)]
    assert np.allclose(rank_correlation(*wide), -1)


def test_constants_are_as_alike_as_their_means() -> None:
    dark, light = torch.full((1, 12, 12), 0.2), torch.full((1, 12, 12), 0.6)
    assert ssim(dark, light).item() == pytest.approx((2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4), abs=1e-5)
    assert np.isnan(rank_correlation(dark, light)).all()


def test_maps_smaller_than_the_window_have_one_that_fits() -> None:
    small = MAPS[:, :4, :6]
    assert torch.allclose(ssim(small, small), torch.ones(3, dtype=torch.float64))
    assert ssim(small, small.flip(2)).max() < 1


def test_structural_similarity_is_that_of_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    other = (MAPS + 0.3 * torch.rand(MAPS.shape)).clamp(0, 1)
    for x, y, found in zip(MAPS, other, ssim(MAPS, other), strict=True):
        expected = metrics.structural_similarity(
            x.numpy(), y.numpy(), data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        assert found.item() == pytest.approx(expected, abs=1e-5)


def test_sizes_are_shares_of_the_largest() -> None:
    found = normalised(torch.tensor([[[1.0, -4.0]], [[0.0, 0.0]]]))
    assert found.tolist() == [[[0.25, 1.0]], [[0.0, 0.0]]]


def test_edges_lie_where_brightness_changes() -> None:
    picture = torch.zeros(1, 3, 6, 8)
    picture[..., 4:] = 1
    found = edges(picture)[0]
    assert torch.allclose(found[:, 3:5], torch.full((6, 2), 0.5))
    assert found[:, :3].abs().max() == found[:, 5:].abs().max() == 0
