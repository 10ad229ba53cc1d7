from collections.abc import Callable
from typing import get_args

import pytest
import torch
from torch import nn

from glassworks.models.norms import LpNorm, NoisyBatchNorm, bias_before, norm_of_maps, norm_of_vectors, shaken
from glassworks.models.vision.config import OVER_BATCH, Norm

EVERY = get_args(Norm)
SHAPES = ((16, 8), (6, 8, 3, 4))


def norm_of(name: str, shape: tuple[int, ...]) -> nn.Module:
    return (norm_of_vectors if len(shape) == 2 else norm_of_maps)(name, shape[1])


def some(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return 2 * torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + 1


def channels(x: torch.Tensor) -> torch.Tensor:
    """(C, all the numbers of a channel)."""
    return x.transpose(0, 1).flatten(1)


@pytest.mark.parametrize("shape", SHAPES, ids=len)
@pytest.mark.parametrize("name", EVERY)
def test_keeps_the_shape_in_training_and_evaluation_and_passes_a_gradient(name: str, shape: tuple[int, ...]) -> None:
    norm, x = norm_of(name, shape), some(shape).requires_grad_()
    norm(x).square().sum().backward()
    assert x.grad.isfinite().all()
    assert norm.eval()(x).shape == shape


@pytest.mark.parametrize("shape", SHAPES, ids=len)
@pytest.mark.parametrize(("name", "order"), [("l1", 1), ("l2", 2), ("linf", float("inf"))])
def test_an_lp_norm_takes_the_mean_away_and_divides_by_the_norm_of_what_came(
    name: str, order: float, shape: tuple[int, ...]
) -> None:
    norm, x = norm_of(name, shape).double(), some(shape).double()
    rows = channels(x)
    size = torch.linalg.vector_norm(rows, order, dim=1) / (1 if order == float("inf") else rows.shape[1] ** (1 / order))
    expected = (rows - rows.mean(1, keepdim=True)) / (size.square() + norm.eps).sqrt()[:, None]
    torch.testing.assert_close(channels(norm(x)), expected, rtol=1e-10, atol=1e-12)


def test_the_l2_norm_of_what_has_no_mean_is_batch_norm() -> None:
    x = some((64, 8))
    x = x - x.mean(0)
    torch.testing.assert_close(LpNorm(8, 2.0)(x), nn.BatchNorm1d(8)(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("order", [1.0, 2.0, 3.0, float("inf")])
def test_the_gradient_of_an_lp_norm_is_that_of_differences(order: float) -> None:
    norm = LpNorm(3, order).double()
    assert torch.autograd.gradcheck(norm, some((5, 3)).double().requires_grad_(), nondet_tol=0.0)


@pytest.mark.parametrize("name", ["l1", "l2", "linf"])
def test_running_averages_stand_in_for_the_batch_in_evaluation(name: str) -> None:
    norm, x = norm_of(name, (64, 8)), some((64, 8))
    for _ in range(200):
        norm(x)
    assert norm.num_batches_tracked == 200
    torch.testing.assert_close(norm.eval()(x), norm.train()(x), rtol=1e-4, atol=1e-5)


def test_a_channel_of_zeros_stays_zero_and_has_a_gradient() -> None:
    for name in ("l1", "l2", "linf"):
        norm, x = norm_of(name, (4, 2)), torch.zeros(4, 2, requires_grad=True)
        norm(x).sum().backward()
        assert x.grad.isfinite().all(), name


@pytest.mark.parametrize("shape", SHAPES, ids=len)
def test_rms_is_one_over_all_channels_and_places_and_keeps_the_mean(shape: tuple[int, ...]) -> None:
    y = norm_of("rms", shape)(some(shape))
    torch.testing.assert_close(y.flatten(1).square().mean(1), torch.ones(shape[0]), rtol=1e-4, atol=1e-4)
    assert (y.mean() > 0.2).all()


def test_noise_has_another_mean_and_spread_in_each_channel_at_each_step() -> None:
    norm, x = NoisyBatchNorm(5), some((20_000, 5))
    torch.manual_seed(0)
    first, second = norm(x), norm(x)
    for y in (first, second):
        assert (y.mean(0).abs() < 0.5 + 0.02).all()
        assert ((y.std(0) > 1 - 0.02) & (y.std(0) < 1.25 + 0.05)).all()
    assert ((first.mean(0) - second.mean(0)).abs() > 0.01).all()
    assert (first.std(0) - second.std(0)).abs().max() > 0.01


def test_noise_is_the_same_after_the_same_seed_and_goes_on_from_a_generators_state() -> None:
    norm, x = NoisyBatchNorm(4), some((6, 4, 3, 3))
    torch.manual_seed(3)
    norm(x)
    state = torch.get_rng_state()
    second = norm(x)
    torch.set_rng_state(state)
    assert torch.equal(norm(x), second)
    torch.manual_seed(3)
    norm(x)
    assert torch.equal(norm(x), second)


def test_in_evaluation_a_noisy_norm_is_a_batch_norm() -> None:
    norm, plain = NoisyBatchNorm(4), nn.BatchNorm2d(4)
    x = some((6, 4, 3, 3))
    norm(x)
    plain.load_state_dict(norm.state_dict())
    assert torch.equal(norm.eval()(x), plain.eval()(x))


def test_activations_without_a_norm_are_shaken_likewise() -> None:
    torch.manual_seed(0)
    x = some((20_000, 3))
    y = shaken(x)
    assert (y.mean(0) - x.mean(0)).abs().max() > 0.01
    assert not torch.equal(shaken(x), y)


@pytest.mark.parametrize("name", OVER_BATCH)
def test_a_batch_of_one_is_refused_in_training_in_one_line_and_not_in_evaluation(name: str) -> None:
    norm, one = norm_of(name, (1, 8)), some((1, 8))
    with pytest.raises(ValueError, match=r"more than 1 value|a batch of 1 has no spread .* give at least 2") as caught:
        norm(one)
    assert "\n" not in str(caught.value)
    assert norm.eval()(one).shape == (1, 8)


@pytest.mark.parametrize("name", ["noisy", "l1"])
def test_inputs_of_other_axes_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 8, 3\): this norm takes \(B, C\) or \(B, C, H, W\)"):
        norm_of_maps(name, 8)(torch.zeros(2, 8, 3))


def test_an_order_below_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"order \(=0.5\) is p of an ℓp norm: give 1 or more"):
        LpNorm(3, 0.5)


def test_only_what_takes_the_batchs_mean_away_needs_no_bias_before_it() -> None:
    assert {name for name in EVERY if not bias_before(name)} == set(OVER_BATCH)
    x = some((6, 8, 3, 4))
    for name in OVER_BATCH:
        norm, state = norm_of_maps(name, 8), torch.get_rng_state()
        y = norm(x)
        torch.set_rng_state(state)
        if name in ("batch", "noisy"):  # ℓp norms see it in their size, which a bias would only make larger
            torch.testing.assert_close(norm(x + 3), y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["l1", "l2", "linf"])
def test_lp_norms_compute_in_float32_what_comes_in_bfloat16(name: str) -> None:
    norm, x = norm_of(name, (64, 8)), some((64, 8)).bfloat16()
    y = norm(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), norm(x.float()), rtol=1e-2, atol=1e-2)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("make", [norm_of_vectors, norm_of_maps])
@pytest.mark.parametrize("name", ["bogus", "Batch", "batchnorm", "", None])
def test_what_is_no_norm_is_refused_by_name(make: Callable[[str, int], nn.Module], name: str) -> None:
    with pytest.raises(ValueError, match=rf"norm \(={name!r}\) must be one of none, batch, layer, group, rms"):
        make(name, 16)


@pytest.mark.parametrize(("make", "field"), [(norm_of_vectors, "width"), (norm_of_maps, "channels")])
@pytest.mark.parametrize("size", [4, 12])
def test_channels_that_no_groups_come_out_of_are_refused(
    make: Callable[[str, int], nn.Module], field: str, size: int
) -> None:
    with pytest.raises(ValueError, match=rf"{field} \(={size}\) must be a multiple of 8"):
        make("group", size)
